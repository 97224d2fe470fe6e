"""Interfaces of gateways: a segment that serves one of a Tier-1, or a service interface, serves no other.

Uplinks of a Tier-0 may share a segment: each edge has its own there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

_KINDS = ("Tier0Interface", "Tier1Interface")


def _check(draft: Draft, view: View) -> None:
    segment = draft.body["segment_path"]
    for path in sorted(view.referrers(segment)):
        shared = _is_uplink(draft.body) and _is_uplink(view.body(path) or {})
        if path != draft.path and view.kind(path) in _KINDS and not shared:
            allowed = f"the segment is attached to another gateway interface, path=[{path}]"
            raise errors.wrong(draft.path, "segment_path", segment, allowed, trk=errors.TAKEN, code=503101)
    for index, subnet in enumerate(draft.body["subnets"]):
        for address in subnet["ip_addresses"]:
            if subnet["prefix_len"] > ipaddress.ip_address(address).max_prefixlen:
                field, allowed = f"subnets[{index}].prefix_len", f"it is longer than {address}"
                raise errors.wrong(draft.path, field, subnet["prefix_len"], allowed)


def _is_uplink(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "EXTERNAL"


RULES = Rules(check=_check)
