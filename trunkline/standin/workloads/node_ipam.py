"""Node -> its `spec.podCIDR`, a piece of the cluster's.  Pure.

A node keeps the piece it has; a new one gets the lowest free piece.  `podCIDR` cannot be changed once it is set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from trunkline.adapters.kube import resources
from trunkline.standin.reconcile import Patch

Json = dict[str, Any]


def decide(nodes: Iterable[Json], cluster: ipaddress.IPv4Network, node_prefix: int) -> list[Patch]:
    """A podCIDR for every node without one; nodes beyond the last free piece get none."""
    nodes = sorted(nodes, key=lambda node: node["metadata"]["name"])
    taken = {node["spec"]["podCIDR"] for node in nodes if (node.get("spec") or {}).get("podCIDR")}
    free = (str(piece) for piece in cluster.subnets(new_prefix=node_prefix) if str(piece) not in taken)
    bare = (node for node in nodes if not (node.get("spec") or {}).get("podCIDR"))
    return [
        Patch(resources.NODES, node, {"spec": {"podCIDR": piece, "podCIDRs": [piece]}})
        for node, piece in zip(bare, free, strict=False)
    ]
