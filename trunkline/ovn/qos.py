"""Limits and marks of single ports.

OVN meters packets instead of shaping them, and TCP suffers from a meter with a small burst: measured at 10 and at 100
Mbit/s, a burst of a tenth of the rate halves the throughput, one of half the rate keeps all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.ovn import match, schema
from trunkline.ovn.context import Context
from trunkline.ovn.rows import Draft
from trunkline.ovn.switches import switch_key

PRIORITY = 1000
"""Any: a port has one limit per direction, and no match covers two ports."""

_DIRECTIONS = {
    model.Direction.FROM_PORT: ("from-lport", match.from_port),
    model.Direction.TO_PORT: ("to-lport", match.to_port),
}


def qos(item: model.Qos, context: Context) -> Iterator[Draft]:
    """The limit and the mark of one port's packets in one direction."""
    port = context.find(model.Port, item.port)
    assert port is not None
    direction, on_port = _DIRECTIONS[item.direction]
    columns: schema.Columns = {
        "priority": PRIORITY,
        "direction": direction,
        "match": on_port(port.id),
        "action": {} if item.dscp is None else {"dscp": item.dscp},
        "bandwidth": {"rate": item.rate, "burst": item.burst or max(item.rate // 2, 1)} if item.rate else {},
    }
    yield Draft(columns, parent=switch_key(port.network))
