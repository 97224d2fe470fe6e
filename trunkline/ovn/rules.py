"""What does an intent object become?  The whole answer, as a table; `docs/mapping.md` is printed from it.

To add a row kind: one rule here, one builder, one golden case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from trunkline.intent import model
from trunkline.ovn import acls, filters, gateways, qos, routers, schema, switches
from trunkline.ovn.context import Context
from trunkline.ovn.rows import Draft

# The builder's first parameter is the rule's kind of object; a table of mixed kinds cannot say so.
Builder = Callable[[Any, Context], Iterator[Draft]]


class Rule(msgspec.Struct, frozen=True):
    """Objects of `kind` become rows of `table`, made by `build`; `when` and `part` are words for the reader."""

    kind: type[model.Object]
    table: str
    build: Builder
    part: str = ""
    when: str = "always"


RULES = (
    # kind             table                builder                    part (identity)       when
    Rule(model.Network, schema.SWITCH, switches.switch, when="a VLAN network, or one with a port or a leg"),
    Rule(model.Network, schema.SWITCH_PORT, switches.localnet_port, "localnet", "a VLAN network"),
    Rule(model.Filter, schema.PORT_GROUP, filters.group),
    Rule(model.Filter, schema.ACL, filters.rules, "what it is about"),
    Rule(model.Port, schema.SWITCH_PORT, switches.port),
    Rule(model.Qos, schema.QOS, qos.qos),
    Rule(model.Router, schema.ROUTER, routers.router),
    Rule(model.RouterPort, schema.ROUTER_PORT, routers.leg),
    Rule(model.RouterPort, schema.SWITCH_PORT, routers.peer, "peer"),
    Rule(model.RouterPort, schema.POLICY, routers.connected, "the prefix", "on a router with source routes"),
    Rule(model.RouterPort, schema.ACL, acls.stateless_localnet, "the direction", "on a VLAN network"),
    Rule(model.RouterPort, schema.GATEWAY_CHASSIS, gateways.candidates, "the chassis", "with `gateway_chassis`"),
    Rule(model.RouterLink, schema.ROUTER_PORT, routers.link_ports, "the router"),
    Rule(model.RouterLink, schema.POLICY, routers.link_connected, "router|prefix", "to one with source routes"),
    Rule(model.Route, schema.STATIC_ROUTE, routers.static_route, when="without `source_prefix`"),
    Rule(model.Route, schema.POLICY, routers.source_route, when="with `source_prefix`"),
    Rule(model.Nat, schema.NAT, gateways.nat),
)

WITHOUT_ROWS = {
    model.Subnet: "no row: the ledger hands out addresses, not OVN; a port whose address is in no subnet of its network "
    "is reported",
}
"""Kinds of which nothing is written, and why."""


def rules_for(kind: type[model.Object]) -> tuple[Rule, ...]:
    """The rules for one kind of object, in the table's order."""
    return tuple(rule for rule in RULES if rule.kind is kind)
