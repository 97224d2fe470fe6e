"""Where one pod goes.  Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from trunkline.standin.scheduler import fit

Json = dict[str, Any]

SCHEDULER = "default-scheduler"


def is_waiting(pod: Json) -> bool:
    """Whether the pod is ours to place: not bound, not going, not ended, and asking for this scheduler."""
    return (
        not pod["spec"].get("nodeName")
        and not pod["metadata"].get("deletionTimestamp")
        and not pod["spec"].get("schedulingGates")
        and pod["spec"].get("schedulerName", SCHEDULER) == SCHEDULER
        and (pod.get("status") or {}).get("phase", "Pending") == "Pending"
    )


def place(pod: Json, cluster: fit.Cluster) -> tuple[str | None, str]:
    """The node for a pod, or None and why in kube-scheduler's words.

    Of the nodes that fit: the one with the fewest pods of the same owner, then with the fewest pods, then by name.
    """
    reasons: Counter[str] = Counter()
    fitting = []
    for name, node in cluster.nodes.items():
        if reason := fit.why_not(pod, node, cluster):
            reasons[reason] += 1
        else:
            fitting.append(name)
    if fitting:
        owner = fit.owner_of(pod)
        return min(fitting, key=lambda name: (cluster.siblings[name][owner], len(cluster.pods[name]), name)), ""
    if not cluster.nodes:
        return None, "no nodes available to schedule pods"
    counted = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return None, f"0/{len(cluster.nodes)} nodes are available: {counted}."
