"""StatefulSet -> pods with stable names, name-0 upwards.  Pure.

Differences from Kubernetes: there are no ControllerRevisions, so a pod below `partition` that has to be made anew gets the
present template; `volumeClaimTemplates` are not realised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.adapters.kube import resources
from trunkline.standin.reconcile import Action, Create, Delete, Patch
from trunkline.standin.workloads import pods

Json = dict[str, Any]

NAME = "statefulset.kubernetes.io/pod-name"
INDEX = "apps.kubernetes.io/pod-index"
REVISION = "controller-revision-hash"


def decide(stateful_set: Json, owned: Sequence[Json]) -> list[Action]:
    """The next step: pods to create or delete, and the status; `owned` are the pods it controls."""
    revision = f"{stateful_set['metadata']['name']}-{pods.template_hash(stateful_set['spec']['template'])}"
    present = {number: pod for pod in owned if (number := ordinal(stateful_set, pod)) is not None}
    actions: list[Action] = []
    if not stateful_set["metadata"].get("deletionTimestamp"):
        actions += _steps(stateful_set, present, revision)
    status = _status(stateful_set, present, revision)
    if pods.differs(stateful_set, status):
        actions.append(Patch(resources.STATEFUL_SETS, stateful_set, {"status": status}, "status"))
    return actions


def ordinal(stateful_set: Json, pod: Json) -> int | None:
    """The pod's number in the set; None when its name is not one of the set's."""
    prefix, _, number = pod["metadata"]["name"].rpartition("-")
    return int(number) if prefix == stateful_set["metadata"]["name"] and number.isdigit() else None


def _steps(stateful_set: Json, present: dict[int, Json], revision: str) -> list[Action]:
    """All steps that may be taken at once: one in an ordered set, any number in a parallel one."""
    spec = stateful_set["spec"]
    start = (spec.get("ordinals") or {}).get("start", 0)
    wanted = range(start, start + spec.get("replicas", 1))
    parallel = spec.get("podManagementPolicy") == "Parallel"
    steps: list[Action] = []
    for number in wanted:
        pod = present.get(number)
        if pod is None:
            steps.append(Create(resources.PODS, _pod(stateful_set, number, revision)))
        elif pods.phase(pod) in ("Succeeded", "Failed") and not pods.is_leaving(pod):
            steps.append(Delete(resources.PODS, pod))
        if not parallel and (pod is None or pods.is_leaving(pod) or not pods.is_ready(pod)):
            return steps  # this one first; later ones wait for it
    surplus = sorted((number for number in present if number not in wanted), reverse=True)
    for number in surplus:
        if not pods.is_leaving(present[number]):
            steps.append(Delete(resources.PODS, present[number]))
        if not parallel:
            return steps
    return steps or _update(stateful_set, present, wanted, revision)


def _update(stateful_set: Json, present: dict[int, Json], wanted: range, revision: str) -> list[Action]:
    """One step of a rolling update: from the top, one at a time, each healthy before the next goes."""
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    for number in reversed(wanted):
        pod = present[number]
        if number >= partition and _revision(pod) != revision and not pods.is_leaving(pod):
            return [Delete(resources.PODS, pod)]
        if not pods.is_ready(pod) or pods.is_leaving(pod):
            return []
    return []


def _pod(stateful_set: Json, number: int, revision: str) -> Json:
    name = f"{stateful_set['metadata']['name']}-{number}"
    labels = {NAME: name, INDEX: str(number), REVISION: revision}
    pod = pods.from_template(stateful_set, resources.STATEFUL_SETS, labels=labels)
    pod["metadata"]["name"] = name
    pod["spec"]["hostname"] = name
    if service := stateful_set["spec"].get("serviceName"):
        pod["spec"]["subdomain"] = service
    return pod


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION, ""))


def _status(stateful_set: Json, present: dict[int, Json], revision: str) -> Json:
    live = [pod for pod in present.values() if not pods.is_leaving(pod)]
    updated = sum(_revision(pod) == revision for pod in live)
    ready = sum(pods.is_ready(pod) for pod in live)
    replicas = stateful_set["spec"].get("replicas", 1)
    before = (stateful_set.get("status") or {}).get("currentRevision") or revision
    current = revision if updated == len(present) == replicas == ready else before
    return {
        "observedGeneration": stateful_set["metadata"].get("generation", 0),
        "replicas": len(present),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentReplicas": sum(_revision(pod) == current for pod in live),
        "updatedReplicas": updated,
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
    }
