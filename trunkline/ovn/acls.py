"""Access control lists.

A switch with stateful processing tracks connections on its localnet port too, and drops what it has not seen from the
start.  Traffic between a VLAN and a router leg of ours may well come in by another switch than it left by, so such a
switch lets its localnet port pass untracked; the pods' own ports stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.ovn import match, names, schema
from trunkline.ovn.context import Context
from trunkline.ovn.rows import Draft
from trunkline.ovn.switches import switch_key

STATELESS_PRIORITY = 32767
"""The highest that the schema allows: nothing may come before it."""

_DIRECTIONS = (("from-lport", match.from_port), ("to-lport", match.to_port))


def stateless_localnet(leg: model.RouterPort, context: Context) -> Iterator[Draft]:
    """The pair that keeps a VLAN network's localnet port untracked, one for each router leg on that network.

    It follows from the leg, not from the network, so that adding a leg changes no row of the network; a second
    leg's pair says the same again and does no harm.
    """
    network = context.find(model.Network, leg.network)
    if network is None or network.kind is not model.NetworkKind.VLAN:
        return
    localnet = names.localnet_port(network.id, network.physical_network)
    for direction, on_port in _DIRECTIONS:
        columns: schema.Columns = {
            "priority": STATELESS_PRIORITY,
            "direction": direction,
            "match": match.every(on_port(localnet), match.IP),
            "action": "allow-stateless",
        }
        yield Draft(columns, part=direction, parent=switch_key(network.id))
