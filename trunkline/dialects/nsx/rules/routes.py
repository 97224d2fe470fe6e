"""Static routes of gateways."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View


def _check_route(draft: Draft, view: View) -> None:
    version = ipaddress.ip_network(draft.body["network"]).version
    for index, hop in enumerate(draft.body["next_hops"]):
        address = hop.get("ip_address")
        if address and ipaddress.ip_address(address).version != version:
            field = f"next_hops[{index}].ip_address"
            raise errors.wrong(draft.path, field, address, f"the network is IPv{version}, so must the next hop be")


STATIC_ROUTES = Rules(check=_check_route)
