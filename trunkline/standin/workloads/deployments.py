"""Deployment -> ReplicaSets, one per pod template.  Pure.

A rollout moves replicas from old sets to the new one, never above replicas + maxSurge pods and never below replicas -
maxUnavailable available ones.  Source: Kubernetes documentation "Deployments".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.adapters.kube import resources
from trunkline.standin.reconcile import Action, Create, Delete, Patch
from trunkline.standin.workloads import pods

Json = dict[str, Any]

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def decide(deployment: Json, owned: Sequence[Json], now: str) -> list[Action]:
    """What to do with the deployment's ReplicaSets `owned`, and the status; `now` dates conditions."""
    if deployment["metadata"].get("deletionTimestamp"):
        return []
    live = [entry for entry in owned if not entry["metadata"].get("deletionTimestamp")]
    digest = pods.template_hash(deployment["spec"]["template"])
    new = next((entry for entry in live if (entry["metadata"].get("labels") or {}).get(HASH) == digest), None)
    old = sorted((entry for entry in live if entry is not new), key=_revision)
    actions: list[Action] = []
    if new is None:
        if not deployment["spec"].get("paused") and (_surges(deployment) or not _pods_of(old)):
            actions.append(Create(resources.REPLICA_SETS, _new_set(deployment, digest, old)))
    elif not deployment["spec"].get("paused"):
        actions += _renumber(deployment, new, old)
    wanted = _recreate(deployment, new, old) if not _surges(deployment) else _roll(deployment, new, old)
    actions += [
        Patch(resources.REPLICA_SETS, entry, {"spec": {"replicas": replicas}})
        for entry, replicas in wanted
        if _spec(entry) != replicas
    ]
    actions += _forget(deployment, old)
    status = _status(deployment, new, live, now)
    if pods.differs(deployment, status):
        actions.append(Patch(resources.DEPLOYMENTS, deployment, {"status": status}, "status"))
    return actions


def _surges(deployment: Json) -> bool:
    strategy: str = (deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate")
    return strategy != "Recreate"


def _bounds(deployment: Json) -> tuple[int, int]:
    """maxSurge and maxUnavailable in pods; both zero would stand still, so then one may be missing."""
    replicas = deployment["spec"].get("replicas", 1)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = pods.share(rolling.get("maxSurge"), replicas, default="25%", up=True)
    missing = pods.share(rolling.get("maxUnavailable"), replicas, default="25%", up=False)
    return surge, missing if surge or missing else 1


def _roll(deployment: Json, new: Json | None, old: Sequence[Json]) -> list[tuple[Json, int]]:
    """Replicas per set for the next step of a rolling update."""
    replicas = deployment["spec"].get("replicas", 1)
    if new is None or deployment["spec"].get("paused"):
        return _scale_newest(deployment, new, old)
    surge, missing = _bounds(deployment)
    total = _spec(new) + sum(map(_spec, old))
    if sum(map(_spec, old)) == 0:
        grown = replicas
    else:
        grown = min(replicas, max(_spec(new) + replicas + surge - total, min(_spec(new), replicas)))
    # Old pods may go as far as enough others are available; those that are not available help nobody, and go first.
    available = sum(map(_available, [new, *old]))
    may_go = max(0, available - (replicas - missing))
    steps: list[tuple[Json, int]] = [(new, grown)]
    for entry in old:
        idle = _spec(entry) - _available(entry) if _observed(entry) else 0
        keep = _spec(entry) - max(0, idle)
        going = min(may_go, keep)
        may_go -= going
        steps.append((entry, keep - going))
    return steps


def _scale_newest(deployment: Json, new: Json | None, old: Sequence[Json]) -> list[tuple[Json, int]]:
    """A paused deployment, or one whose new set is not there yet: its newest set alone follows `replicas`."""
    newest = new or next((entry for entry in reversed(old) if _spec(entry)), None)
    others = sum(_spec(entry) for entry in (*old, *([new] if new else [])) if entry is not newest)
    if newest is None or others:
        return []
    return [(newest, deployment["spec"].get("replicas", 1))]


def _recreate(deployment: Json, new: Json | None, old: Sequence[Json]) -> list[tuple[Json, int]]:
    """All old pods go before the first new one comes."""
    if deployment["spec"].get("paused"):
        return _scale_newest(deployment, new, old)
    steps = [(entry, 0) for entry in old]
    if new is not None and not _pods_of(old):
        steps.append((new, deployment["spec"].get("replicas", 1)))
    return steps


def _new_set(deployment: Json, digest: str, old: Sequence[Json]) -> Json:
    meta, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH: digest}
    surge, _ = _bounds(deployment)
    replicas = spec.get("replicas", 1)
    first = max(0, min(replicas, replicas + surge - sum(map(_spec, old))))
    return {
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(_next_revision(old))},
            "ownerReferences": [pods.owner_reference(deployment, resources.DEPLOYMENTS)],
        },
        "spec": {
            "replicas": first,
            "selector": {
                **spec["selector"],
                "matchLabels": {**(spec["selector"].get("matchLabels") or {}), HASH: digest},
            },
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
        },
    }


def _renumber(deployment: Json, new: Json, old: Sequence[Json]) -> list[Action]:
    """The new set has the highest revision (a rollback makes an old one new again), and the deployment names it."""
    revision = max(_revision(new), _next_revision(old))
    annotation = {"metadata": {"annotations": {REVISION: str(revision)}}}
    actions: list[Action] = []
    if _revision(new) != revision:
        actions.append(Patch(resources.REPLICA_SETS, new, annotation))
    if (deployment["metadata"].get("annotations") or {}).get(REVISION) != str(revision):
        actions.append(Patch(resources.DEPLOYMENTS, deployment, annotation))
    return actions


def _forget(deployment: Json, old: Sequence[Json]) -> list[Action]:
    """Old sets without pods, beyond `revisionHistoryLimit`."""
    empty = [entry for entry in old if not _spec(entry) and not _pods_of([entry])]
    excess = len(empty) - deployment["spec"].get("revisionHistoryLimit", 10)
    return [Delete(resources.REPLICA_SETS, entry) for entry in empty[: max(0, excess)]]


def _status(deployment: Json, new: Json | None, live: Sequence[Json], now: str) -> Json:
    replicas = deployment["spec"].get("replicas", 1)
    available = sum(map(_available, live))
    updated = _pods_of([new]) if new else 0
    total = _pods_of(live)
    known = (deployment.get("status") or {}).get("conditions") or ()
    complete = bool(new) and updated == total == replicas == available
    name = new["metadata"]["name"] if new else ""
    enough = available >= replicas - (_bounds(deployment)[1] if _surges(deployment) else 0)
    progress = (
        ("NewReplicaSetAvailable", "has successfully progressed")
        if complete
        else ("ReplicaSetUpdated", "is progressing")
    )
    return {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": sum((entry.get("status") or {}).get("readyReplicas", 0) for entry in live),
        "availableReplicas": available,
        "unavailableReplicas": max(0, max(total, replicas) - available),
        "conditions": [
            pods.condition(
                known, "Available", True, "MinimumReplicasAvailable", "Deployment has minimum availability.", now
            )
            if enough
            else pods.condition(
                known,
                "Available",
                False,
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
                now,
            ),
            pods.condition(known, "Progressing", True, progress[0], f'ReplicaSet "{name}" {progress[1]}.', now),
        ],
    }


def _spec(entry: Json) -> int:
    return int(entry["spec"].get("replicas", 1))


def _available(entry: Json) -> int:
    """Available pods that stay: a set that is to shrink may not have done so yet, and its status still counts them."""
    return min(_spec(entry), int((entry.get("status") or {}).get("availableReplicas", 0)))


def _pods_of(sets: Sequence[Json]) -> int:
    return sum(int((entry.get("status") or {}).get("replicas", 0)) for entry in sets)


def _observed(entry: Json) -> bool:
    """Whether the set's status speaks of its present spec."""
    status = entry.get("status") or {}
    return int(status.get("observedGeneration", -1)) >= int(entry["metadata"].get("generation", 0))


def _revision(entry: Json) -> int:
    return int((entry["metadata"].get("annotations") or {}).get(REVISION, 0))


def _next_revision(old: Sequence[Json]) -> int:
    return max(map(_revision, old), default=0) + 1
