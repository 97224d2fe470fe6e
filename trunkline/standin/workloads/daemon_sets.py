"""DaemonSet -> one pod on every node that will have it.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.adapters.kube import resources
from trunkline.standin.reconcile import Action, Create, Delete, Patch
from trunkline.standin.scheduler import fit
from trunkline.standin.workloads import pods

Json = dict[str, Any]

REVISION = "controller-revision-hash"

# What a daemon's pod puts up with, so that it comes to a node before others do (Kubernetes documentation, "DaemonSet").
_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
    for key, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("not-ready", "NoSchedule"),
    )
]


def decide(daemon_set: Json, nodes: Sequence[Json], owned: Sequence[Json]) -> list[Action]:
    """Pods to create or delete, and the status; `owned` are the pods it controls."""
    revision = pods.template_hash(daemon_set["spec"]["template"])
    wanted = {node["metadata"]["name"] for node in nodes if _wants(daemon_set, node)}
    by_node: dict[str, list[Json]] = {}
    for pod in sorted(owned, key=lambda pod: pod["metadata"].get("creationTimestamp") or ""):
        by_node.setdefault(pod["spec"].get("nodeName", ""), []).append(pod)
    actions: list[Action] = []
    if not daemon_set["metadata"].get("deletionTimestamp"):
        actions += [
            Create(resources.PODS, _pod(daemon_set, name, revision)) for name in sorted(wanted - by_node.keys())
        ]
        surplus = [pod for name, found in by_node.items() for pod in (found[1:] if name in wanted else found)]
        ended = [pod for found in by_node.values() for pod in found if pods.phase(pod) in ("Succeeded", "Failed")]
        going = {pod["metadata"]["uid"]: pod for pod in (*surplus, *ended) if not pods.is_leaving(pod)}
        actions += [Delete(resources.PODS, pod) for pod in going.values()]
        actions = actions or _update(daemon_set, [by_node[name][0] for name in sorted(wanted)], revision)
    status = _status(daemon_set, wanted, by_node, revision)
    if pods.differs(daemon_set, status):
        actions = [*actions, Patch(resources.DAEMON_SETS, daemon_set, {"status": status}, "status")]
    return actions


def _wants(daemon_set: Json, node: Json) -> bool:
    pod = _pod(daemon_set, "", "")
    del pod["spec"]["nodeName"]
    return fit.untolerated(pod, node) is None and fit.selected(pod, node)


def _pod(daemon_set: Json, node: str, revision: str) -> Json:
    """A pod that is bound from the start: which node it is for is no question."""
    pod = pods.from_template(daemon_set, resources.DAEMON_SETS, labels={REVISION: revision})
    pod["metadata"]["generateName"] = f"{daemon_set['metadata']['name']}-"
    pod["spec"]["nodeName"] = node
    pod["spec"]["tolerations"] = [*(pod["spec"].get("tolerations") or ()), *_TOLERATIONS]
    return pod


def _update(daemon_set: Json, present: Sequence[Json], revision: str) -> list[Action]:
    """One step of a rolling update: as many old pods go as may be missing at a time."""
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable")
    missing = sum(not pods.is_ready(pod) or pods.is_leaving(pod) for pod in present)
    may_go = max(1, pods.share(limit, len(present), default=1, up=True)) - missing
    old = [pod for pod in present if not pods.is_leaving(pod) and _revision(pod) != revision]
    idle = [pod for pod in old if not pods.is_ready(pod)]
    serving = [pod for pod in old if pods.is_ready(pod)]
    return [Delete(resources.PODS, pod) for pod in (*idle, *serving[: max(0, may_go)])]


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION, ""))


def _status(daemon_set: Json, wanted: set[str], by_node: dict[str, list[Json]], revision: str) -> Json:
    serving = [pod for name in wanted for pod in by_node.get(name, ())[:1] if pods.is_active(pod)]
    ready = sum(pods.is_ready(pod) for pod in serving)
    return {
        "observedGeneration": daemon_set["metadata"].get("generation", 0),
        "desiredNumberScheduled": len(wanted),
        "currentNumberScheduled": len(serving),
        "numberMisscheduled": sum(len(found) for name, found in by_node.items() if name not in wanted),
        "updatedNumberScheduled": sum(_revision(pod) == revision for pod in serving),
        "numberReady": ready,
        "numberAvailable": ready,
        "numberUnavailable": len(wanted) - ready,
    }
