"""The objects that every manager has before anybody asks for them: roots, site, default zones, profiles and services."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping

from trunkline.dialects.nsx import born, paths
from trunkline.dialects.nsx.change import Write
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Body

_POINT = "/infra/sites/default/enforcement-points/default"
_BEARING = ("Infra", "Tier0", "Tier1")
"""Types with which others come into being: an earlier version may have stored them without."""


def _ports(protocol: str, *ports: str) -> Body:
    entry = {"resource_type": "L4PortSetServiceEntry", "id": protocol, "l4_protocol": protocol}
    return {"service_entries": [{**entry, "destination_ports": list(ports)}]}


def _icmp(version: str) -> Body:
    return {"service_entries": [{"resource_type": "ICMPTypeServiceEntry", "id": version, "protocol": version}]}


_OBJECTS: dict[str, Body] = {
    "/infra": {},
    "/orgs/default": {},
    "/orgs/default/projects/default": {},
    "/infra/domains/default": {},
    "/infra/sites/default": {},
    _POINT: {"auto_enforce": True},
    f"{_POINT}/transport-zones/overlay": {
        "display_name": "nsx-overlay-transportzone",
        "tz_type": "OVERLAY_BACKED",
        "is_default": True,
    },
    f"{_POINT}/transport-zones/vlan": {
        "display_name": "nsx-vlan-transportzone",
        "tz_type": "VLAN_BACKED",
        "is_default": True,
    },
    "/infra/network-spans/default": {"is_default": True, "exclusive": False},
    "/infra/ip-discovery-profiles/default-ip-discovery-profile": {},
    "/infra/mac-discovery-profiles/default-mac-discovery-profile": {"mac_learning_enabled": False},
    "/infra/segment-security-profiles/default-segment-security-profile": {},
    "/infra/spoofguard-profiles/default-spoofguard-profile": {},
    "/infra/qos-profiles/default-qos-profile": {},
    "/infra/services/HTTP": _ports("TCP", "80"),
    "/infra/services/HTTPS": _ports("TCP", "443"),
    "/infra/services/SSH": _ports("TCP", "22"),
    "/infra/services/DNS": _ports("TCP", "53"),
    "/infra/services/DNS-UDP": _ports("UDP", "53"),
    "/infra/services/ICMPv4-ALL": _icmp("ICMPv4"),
    "/infra/services/ICMPv6-ALL": _icmp("ICMPv6"),
}


def edges(tree: Tree, members: Mapping[str, Iterable[str]]) -> list[Write]:
    """What is missing in the tree of the edge nodes: the hypervisors that may serve gateways, by edge cluster, best first."""
    wanted: dict[str, Body] = {}
    for cluster, names in members.items():
        holder = f"{_POINT}/edge-clusters/{cluster}"
        for index, name in enumerate(names if tree.entry(holder) else ()):
            path = f"{holder}/edge-nodes/{name}"
            wanted[path] = {"nsx_id": _nsx_id(path), "member_index": index}
    return [Write(path=path, body=body) for path, body in wanted.items() if tree.entry(path) is None]


def steps(tree: Tree, edge_clusters: Iterable[str]) -> list[Write]:
    """What is missing of them in the tree, and of the edge clusters that the manager's settings name."""
    wanted = {**dict(_born(tree)), **_OBJECTS}
    for name in edge_clusters:
        path = f"{_POINT}/edge-clusters/{name}"
        kinds = {"deployment_type": "VIRTUAL_MACHINE", "member_node_type": "EDGE_NODE"}
        wanted[path] = {"nsx_id": _nsx_id(path), **kinds}
    return [Write(path=path, body=dict(body)) for path, body in wanted.items() if tree.entry(path) is None]


def _nsx_id(path: str) -> str:
    """Derived, not drawn: the same place has the same backend id on every manager."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, path))


def _born(tree: Tree) -> Iterator[tuple[str, Body]]:
    for kind in _BEARING:
        for entry in tree.of_kind(kind):
            yield from ((path, {}) for path in born.below(paths.object_at(entry.path)))
