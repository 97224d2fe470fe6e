"""Routers, their legs, the links between them and their routes; gateways and translations are in `gateways`.

A packet that enters a router first gets a next hop by longest destination prefix (static routes and the legs' own
prefixes); then the router's policies may change it.  A route for one source prefix is such a policy.  So that it catches
only what leaves the router's own networks, every leg of a router with such routes claims its prefixes in a higher band.  Each
object thereby has rows of its own, no match lists the cluster's prefixes, and none negates.

    band of priorities      policy                                      follows from
    30000                   to a prefix of a leg: route as usual        RouterPort, RouterLink
    1000-17640              from a source prefix: to its next hop       Route with source_prefix
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.kit.addresses import IPInterface, IPNetwork
from trunkline.ovn import checks, match, names, schema
from trunkline.ovn.context import Context
from trunkline.ovn.identity import RowKey
from trunkline.ovn.rows import Draft
from trunkline.ovn.switches import switch_key

DISCARD = "discard"
"""The next hop of a static route that drops."""

CONNECTED_PRIORITY = 30000
SOURCE_ROUTE_PRIORITY = 1000
_PREFIX_LENGTHS = 129
"""How many prefix lengths IPv6 has, so that the destination's length never outweighs the source's."""


def router_key(router: str) -> RowKey:
    """The row of a router, in which its ports, routes and policies live."""
    return RowKey(schema.ROUTER, model.Router.__name__, router)


def router(item: model.Router, context: Context) -> Iterator[Draft]:
    """The router, named as in the intent."""
    yield Draft({"name": item.id})


def leg(item: model.RouterPort, context: Context) -> Iterator[Draft]:
    """The router's end of the leg, with the addresses its neighbours use as gateway."""
    bridged = item.redirect is model.Redirect.BRIDGED
    columns: schema.Columns = {
        "name": names.router_port(item.id, item.router),
        "mac": item.mac,
        "networks": _networks(item.addresses),
        "options": {"redirect-type": "bridged"} if bridged else {},
    }
    yield Draft(columns, parent=router_key(item.router))


def peer(item: model.RouterPort, context: Context) -> Iterator[Draft]:
    """The switch's end of the leg; a gateway's tells its network when the addresses it holds have moved."""
    announced = {"nat-addresses": "router"} if item.gateway_chassis else {}
    columns: schema.Columns = {
        "name": names.peer_port(item.id, item.router),
        "type": "router",
        "addresses": frozenset({"router"}),
        "options": {"router-port": names.router_port(item.id, item.router)} | announced,
    }
    yield Draft(columns, part="peer", parent=switch_key(item.network))


def connected(item: model.RouterPort, context: Context) -> Iterator[Draft]:
    """Packets to a prefix of the leg keep the next hop that routing gave them, where source routes might change it."""
    for prefix in _prefixes(item.addresses) if context.routes_by_source(item.router) else ():
        yield Draft(_as_routed(prefix), part=str(prefix), parent=router_key(item.router))


def link_ports(item: model.RouterLink, context: Context) -> Iterator[Draft]:
    """The two ends of a link, each naming the other as its peer."""
    for end, other in (item.ends, item.ends[::-1]):
        columns: schema.Columns = {
            "name": names.link_port(item.id, end.router, other.router),
            "mac": end.mac,
            "networks": _networks(end.addresses),
            "peer": names.link_port(item.id, other.router, end.router),
        }
        yield Draft(columns, part=end.router, parent=router_key(end.router))


def link_connected(item: model.RouterLink, context: Context) -> Iterator[Draft]:
    """Packets to a prefix of the link keep the next hop that routing gave them, at both ends, as with a leg."""
    for end in item.ends:
        for prefix in _prefixes(end.addresses) if context.routes_by_source(end.router) else ():
            yield Draft(_as_routed(prefix), part=f"{end.router}|{prefix}", parent=router_key(end.router))


def static_route(item: model.Route, context: Context) -> Iterator[Draft]:
    """A route for packets from anywhere; OVN balances over rows of one prefix.

    Without `output_port` northd would look for the next hop on every port of the router, for each route, at each change.
    """
    if item.source_prefix is None:
        columns: schema.Columns = {
            "ip_prefix": str(item.prefix),
            "nexthop": str(item.next_hop or DISCARD),
            "output_port": _way_to(item, context),
        }
        yield Draft(columns, parent=router_key(item.router))


def source_route(item: model.Route, context: Context) -> Iterator[Draft]:
    """A route for packets from one prefix; the longest source wins, then the longest destination."""
    if item.source_prefix is not None:
        columns: schema.Columns = {
            "priority": source_route_priority(item.source_prefix, item.prefix),
            "match": _from_to(item.source_prefix, item.prefix),
            "action": "reroute" if item.next_hop else "drop",
            "nexthops": frozenset({str(item.next_hop)} if item.next_hop else ()),
        }
        yield Draft(columns, parent=router_key(item.router))


def source_route_priority(source: IPNetwork, destination: IPNetwork) -> int:
    """Where a source route stands in its band."""
    return SOURCE_ROUTE_PRIORITY + source.prefixlen * _PREFIX_LENGTHS + destination.prefixlen


def _way_to(route: model.Route, context: Context) -> str | None:
    """The router's port on whose network the next hop is."""
    found = context.connections_towards(route.router, route.next_hop) if route.next_hop else ()
    way = next((each for each in found if not checks.refusals(each, context)), None)
    match way:
        case model.RouterPort():
            return names.router_port(way.id, way.router)
        case model.RouterLink():
            (other,) = (end.router for end in way.ends if end.router != route.router)
            return names.link_port(way.id, route.router, other)
    return None


def _networks(addresses: tuple[IPInterface, ...]) -> frozenset[str]:
    return frozenset(str(address) for address in addresses)


def _prefixes(addresses: tuple[IPInterface, ...]) -> list[IPNetwork]:
    return sorted({address.network for address in addresses}, key=str)


def _as_routed(prefix: IPNetwork) -> schema.Columns:
    return {"priority": CONNECTED_PRIORITY, "match": match.destination(prefix), "action": "allow"}


def _from_to(source: IPNetwork, destination: IPNetwork) -> match.Match:
    if destination.prefixlen == 0:
        return match.source(source)
    return match.every(match.source(source), match.destination(destination))
