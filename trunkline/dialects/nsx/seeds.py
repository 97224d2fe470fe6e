"""The objects that every manager has before anybody asks for them: roots, site, default zones, default profiles."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from trunkline.dialects.nsx.change import Write
from trunkline.dialects.nsx.tree import Tree

_POINT = "/infra/sites/default/enforcement-points/default"

_OBJECTS: dict[str, dict[str, object]] = {
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
}


def steps(tree: Tree, edge_clusters: Iterable[str]) -> list[Write]:
    """What is missing of them in the tree, and of the edge clusters that the manager's settings name."""
    wanted = dict(_OBJECTS)
    for name in edge_clusters:
        path = f"{_POINT}/edge-clusters/{name}"
        nsx_id = str(uuid.uuid5(uuid.NAMESPACE_URL, path))
        kinds = {"deployment_type": "VIRTUAL_MACHINE", "member_node_type": "EDGE_NODE"}
        wanted[path] = {"nsx_id": nsx_id, **kinds}
    return [Write(path=path, body=dict(body)) for path, body in wanted.items() if tree.entry(path) is None]
