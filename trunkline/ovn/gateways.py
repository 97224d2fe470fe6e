"""Gateways: legs that one machine serves for all, and what is translated there.

OVN calls such a leg a distributed gateway port.  Everything else of its router stays distributed: packets travel to the
gateway's machine only for the gateway's own network and for translation.  Candidates are `Gateway_Chassis` rows, which
live in the leg's row and die with it, rather than an `HA_Chassis_Group`, which would stand by itself and be shared.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.ovn import names, schema
from trunkline.ovn.context import Context
from trunkline.ovn.identity import RowKey
from trunkline.ovn.routers import router_key
from trunkline.ovn.rows import Draft

HIGHEST_PRIORITY = 32767
"""The schema's; candidates count down from here, so that one more at the end changes no other row."""

_KINDS = {model.NatKind.SNAT: "snat", model.NatKind.DNAT: "dnat", model.NatKind.BOTH: "dnat_and_snat"}


def leg_key(leg: str) -> RowKey:
    """The row of a leg, in which its candidates live."""
    return RowKey(schema.ROUTER_PORT, model.RouterPort.__name__, leg)


def candidates(item: model.RouterPort, context: Context) -> Iterator[Draft]:
    """The machines that may serve a gateway, best first; BFD between them decides."""
    for place, chassis in enumerate(item.gateway_chassis):
        columns: schema.Columns = {
            "name": names.gateway_chassis(item.id, item.router, chassis),
            "chassis_name": chassis,
            "priority": HIGHEST_PRIORITY - place,
        }
        yield Draft(columns, part=chassis, parent=leg_key(item.id))


def nat(item: model.Nat, context: Context) -> Iterator[Draft]:
    """A translation at one gateway, which is always named: a router may have several."""
    gateway = context.find(model.RouterPort, item.gateway)
    assert gateway is not None
    host = item.internal.prefixlen == item.internal.max_prefixlen
    columns: schema.Columns = {
        "type": _KINDS[item.kind],
        "external_ip": str(item.external),
        "logical_ip": str(item.internal.network_address if host else item.internal),
        "gateway_port": leg_key(gateway.id),
    }
    yield Draft(columns, parent=router_key(gateway.router))
