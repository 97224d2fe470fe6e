"""ReplicaSet -> pods.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trunkline.adapters.kube import resources
from trunkline.standin.reconcile import Action, Create, Delete, Patch
from trunkline.standin.workloads import pods

Json = dict[str, Any]

COST = "controller.kubernetes.io/pod-deletion-cost"


def decide(replica_set: Json, owned: Sequence[Json]) -> list[Action]:
    """Pods to create or delete, and the status; `owned` are the pods it controls."""
    active = [pod for pod in owned if pods.is_active(pod)]
    actions: list[Action] = []
    if not replica_set["metadata"].get("deletionTimestamp"):
        missing = replica_set["spec"].get("replicas", 1) - len(active)
        actions += [Create(resources.PODS, _pod(replica_set)) for _ in range(missing)]
        actions += [Delete(resources.PODS, pod) for pod in _least_wanted(active)[: max(0, -missing)]]
    status = _status(replica_set, active)
    if pods.differs(replica_set, status):
        actions.append(Patch(resources.REPLICA_SETS, replica_set, {"status": status}, "status"))
    return actions


def _pod(replica_set: Json) -> Json:
    pod = pods.from_template(replica_set, resources.REPLICA_SETS)
    pod["metadata"]["generateName"] = f"{replica_set['metadata']['name']}-"
    return pod


def _least_wanted(active: Sequence[Json]) -> list[Json]:
    """Pods in the order in which they may go.

    Source: Kubernetes documentation "ReplicaSet", "Scaling down": unbound, pending and unready ones first, then by cost,
    then where most of them share a node, then the youngest.
    """
    crowd = Counter(pod["spec"].get("nodeName") for pod in active)

    def rank(pod: Json) -> tuple[Any, ...]:
        cost = int((pod["metadata"].get("annotations") or {}).get(COST, 0))
        node = pod["spec"].get("nodeName")
        return (bool(node), pods.phase(pod) == "Running", pods.is_ready(pod), cost, -crowd[node])

    youngest_first = sorted(active, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", reverse=True)
    return sorted(youngest_first, key=rank)


def _status(replica_set: Json, active: Sequence[Json]) -> Json:
    labels = ((replica_set["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    ready = sum(pods.is_ready(pod) for pod in active)
    return {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(labels.items() <= (pod["metadata"].get("labels") or {}).items() for pod in active),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
