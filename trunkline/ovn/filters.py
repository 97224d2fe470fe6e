"""Filters: a group of the ports for which one holds, and what those ports may not send.

Rows grow with filters, not with ports: a port is named by the group, and OVN shares the group's flows between switches.
Only ports that name a filter are in its group, so what comes from routers and from a VLAN is never held back.

The lists apply in the stage after load balancing (`apply-after-lb`), not in the one where a firewall's would: a frame has to
pass both, whatever their priorities are.  Nothing here makes a switch track connections: `drop` and `allow` alone do not.

There is no filter for IPv6 router advertisements, because northd 23.03 lets neighbour discovery pass before any list is asked,
in every stage that has lists, at a priority that no list can have.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.intent.model import Traffic
from trunkline.ovn import match, names, schema
from trunkline.ovn.context import Context
from trunkline.ovn.identity import RowKey
from trunkline.ovn.match import Match
from trunkline.ovn.rows import Draft

_DROPPED, _SPARED, _REST = 1002, 1001, 1000
"""Priorities: what is dropped by name goes before what passes as IP, and both before the rest."""

_TRAFFIC = {
    Traffic.DHCP_SERVER: match.udp_to(4, 68),
    Traffic.DHCP_CLIENT: match.udp_to(4, 67),
    Traffic.DHCPV6_SERVER: match.udp_to(6, 546),
    Traffic.DHCPV6_CLIENT: match.udp_to(6, 547),
}
"""Told by the port to which it goes, as neither clients nor servers have to send from a certain one (RFC 2131, RFC 8415)."""

_BLOCKED, _PASSES = "blocked-macs", "passes"


def group_key(filter: str) -> RowKey:
    """The row of a filter's port group."""
    return RowKey(schema.PORT_GROUP, model.Filter.__name__, filter)


def group(item: model.Filter, context: Context) -> Iterator[Draft]:
    """The group of all ports for which the filter holds."""
    yield Draft({"name": names.port_group(item.id)})


def rules(item: model.Filter, context: Context) -> Iterator[Draft]:
    """What ports of the group may not send, and what passes before all that is not IP is dropped."""
    for traffic in item.drops:
        if traffic is not Traffic.NON_IP:
            yield _rule(item, traffic.value, _DROPPED, "drop", _TRAFFIC[traffic])
    if item.blocked_macs:
        yield _rule(item, _BLOCKED, _DROPPED, "drop", match.to_macs(item.blocked_macs))
    if Traffic.NON_IP in item.drops:
        spared = [match.to_macs(item.spared_macs)] if item.spared_macs else []
        yield _rule(item, _PASSES, _SPARED, "allow", match.either(match.IP, match.ARP, *spared))
        yield _rule(item, Traffic.NON_IP.value, _REST, "drop")


def _rule(item: model.Filter, part: str, priority: int, action: str, *terms: Match) -> Draft:
    columns: schema.Columns = {
        "priority": priority,
        "direction": "from-lport",
        "match": match.every(match.from_group(names.port_group(item.id)), *terms),
        "action": action,
        "options": {"apply-after-lb": "true"},
    }
    return Draft(columns, part=part, parent=group_key(item.id))
