"""A large fabric, written through the hierarchical API: what a cluster of many namespaces leaves behind.

A hundred parent segments have five hundred child segments bound to each, a tag apart, which is the document's shape.  Some of
the parents have interfaces: only behind those do bindings become ports in the network.  A tier-1 has a segment for nodes, a
thousand children with gateways, and a route for each node's pods, as cloud controllers write them; all of it is advertised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.policy_client import BASE, Client

SEGMENTS, PARENTS, CHILDREN, EACH = 10_000, 100, 5_000, 500
"""All segments; parents among them; children that are bound to parents, and how many share a group of ten parents."""
PARENTS_OF_EACH = 10
GATEWAYS, ROUTES = 1_000, 4_000
POPULATED, INTERFACES = 4, 2
"""Parents that have interfaces, and how many each."""
BINDINGS = CHILDREN * PARENTS_OF_EACH
NESTED = POPULATED * INTERFACES * EACH
TIER1 = "/infra/tier-1s/cluster"
_AT_ONCE = 400


def route(number: int) -> str:
    """The path of a static route."""
    return f"{TIER1}/static-routes/r{number}"


def route_body(number: int, host: int = 9) -> dict[str, Any]:
    """A route to the pods of a node."""
    hop = f"10.0.{number % 250}.{host}"
    return {"network": f"100.{80 + number // 250}.{number % 250}.0/24", "next_hops": [{"ip_address": hop}]}


def fill(client: Client) -> None:
    """Write all of it below the topology's Tier-0 gateway."""
    told = {"tier0_path": "/infra/tier-0s/t0", "route_advertisement_types": ["TIER1_CONNECTED", "TIER1_STATIC_ROUTES"]}
    client.call("PATCH", BASE + TIER1, told)
    nodes = {"connectivity_path": TIER1, "subnets": [{"gateway_address": "10.0.0.1/16"}]}
    client.call("PATCH", f"{BASE}/infra/segments/nodes", nodes)
    _patch(client, map(_parent, range(PARENTS)))
    _patch(client, map(_child, range(SEGMENTS - PARENTS - 1)))
    for start in range(0, ROUTES, _AT_ONCE):
        routes = [{"StaticRoutes": {"id": f"r{n}", **route_body(n)}} for n in range(start, start + _AT_ONCE)]
        reference = {"resource_type": "ChildResourceReference", "target_type": "Tier1", "id": TIER1.rpartition("/")[2]}
        _patch(client, [{**reference, "children": routes}])


def _parent(number: int) -> dict[str, Any]:
    step = PARENTS // POPULATED
    count = INTERFACES if number % step == 0 else 0
    names = [f"bench-{number}-{each}" for each in range(count)]
    ports = [{"SegmentPort": {"id": name, "attachment": {"id": name}}} for name in names]
    return {"Segment": {"id": f"p{number}", "children": ports}}


def _child(number: int) -> dict[str, Any]:
    body: dict[str, Any] = {"id": f"s{number}"}
    if number < GATEWAYS:
        gateway = f"10.{64 + number // 250}.{number % 250}.1/24"
        body |= {"connectivity_path": TIER1, "subnets": [{"gateway_address": gateway}]}
    if number < CHILDREN:
        first, tag = number // EACH * PARENTS_OF_EACH, number % EACH + 1
        parents = [f"/infra/segments/p{first + each}" for each in range(PARENTS_OF_EACH)]
        maps = [{"id": f"m{each}", "vlan_traffic_tag": tag, "segment_path": path} for each, path in enumerate(parents)]
        body["children"] = [{"SegmentConnectionBindingMap": each} for each in maps]
    return {"Segment": body}


def _patch(client: Client, children: Iterable[dict[str, Any]]) -> None:
    waiting = list(children)
    for start in range(0, len(waiting), _AT_ONCE):
        client.call("PATCH", f"{BASE}/infra", {"children": waiting[start : start + _AT_ONCE]})
