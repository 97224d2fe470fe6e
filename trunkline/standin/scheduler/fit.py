"""Which nodes a pod may run on, and in Kubernetes' words why not.  Pure.

Source: Kubernetes documentation "Assigning Pods to Nodes", "Taints and Tolerations", "Pod Topology Spread Constraints"; the
messages are those of kube-scheduler, because people search for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from trunkline.standin.apiserver import selectors

Json = dict[str, Any]

AFFINITY = "node(s) didn't match Pod's node affinity/selector"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
POD_AFFINITY = "node(s) didn't match pod affinity rules"
EXISTING_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"
SPREAD = "node(s) didn't match pod topology spread constraints"
FULL = "Too many pods"
HOSTNAME = "kubernetes.io/hostname"


class Cluster:
    """Nodes and the pods that are bound to them, counted so that placing a pod does not walk over all others."""

    def __init__(self, nodes: Iterable[Json], pods: Iterable[Json]) -> None:
        self.nodes = {node["metadata"]["name"]: node for node in nodes}
        self.pods: dict[str, list[Json]] = {name: [] for name in self.nodes}
        self.siblings: dict[str, Counter[str]] = {name: Counter() for name in self.nodes}
        for pod in pods:
            if node := pod["spec"].get("nodeName"):
                self.add(pod, node)

    def add(self, pod: Json, node: str) -> None:
        """Count a pod that is on a node; one that has ended does not count."""
        if node in self.nodes and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            self.pods[node].append(pod)
            self.siblings[node][owner_of(pod)] += 1


def owner_of(pod: Json) -> str:
    """Whom pods are spread by: their controller, or for pods without one their namespace."""
    meta = pod["metadata"]
    controllers = (entry["uid"] for entry in meta.get("ownerReferences") or () if entry.get("controller"))
    return str(next(controllers, f"namespace/{meta.get('namespace')}"))


def why_not(pod: Json, node: Json, cluster: Cluster) -> str | None:
    """The first reason why the pod may not run on the node, None when it may."""
    if taint := untolerated(pod, node):
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
    if not selected(pod, node):
        return AFFINITY
    if len(cluster.pods[node["metadata"]["name"]]) >= int(
        (node.get("status") or {}).get("allocatable", {}).get("pods", 110)
    ):
        return FULL
    return _spread(pod, node, cluster) or _affinity(pod, node, cluster)


def untolerated(pod: Json, node: Json) -> Json | None:
    """The first taint that keeps the pod away; a node that is not Ready or is cordoned counts as tainted so."""
    tolerations = pod["spec"].get("tolerations") or []
    for taint in _taints(node):
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(entry, taint) for entry in tolerations):
            return taint
    return None


def selected(pod: Json, node: Json) -> bool:
    """Whether the pod's nodeSelector and its required node affinity admit the node."""
    labels = node["metadata"].get("labels") or {}
    wanted: Mapping[str, str] = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    required = _required(pod, "nodeAffinity")
    if not required:
        return True
    terms = required.get("nodeSelectorTerms") or ()
    return any(_node_term(term, labels, node["metadata"]["name"]) for term in terms)


def _taints(node: Json) -> list[Json]:
    taints: list[Json] = list(node["spec"].get("taints") or ())
    if node["spec"].get("unschedulable"):
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    conditions = (node.get("status") or {}).get("conditions") or ()
    if not any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions):
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
    return taints


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def _node_term(term: Json, labels: Mapping[str, str], name: str) -> bool:
    """All expressions of one term; a term without any matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_expression(entry, labels) for entry in expressions) and all(
        _expression(entry, {"metadata.name": name}) for entry in fields
    )


def _expression(expression: Json, labels: Mapping[str, str]) -> bool:
    key = expression["key"]
    values: list[str] = expression.get("values") or []
    found = labels.get(key)
    match expression["operator"]:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt" as operator if found and found.lstrip("-").isdigit():
            return int(found) > int(values[0]) if operator == "Gt" else int(found) < int(values[0])
    return False


def _spread(pod: Json, node: Json, cluster: Cluster) -> str | None:
    for constraint in pod["spec"].get("topologySpreadConstraints") or ():
        if constraint.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule" and not _is_even(
            pod, node, cluster, constraint
        ):
            return SPREAD
    return None


def _is_even(pod: Json, node: Json, cluster: Cluster, constraint: Json) -> bool:
    """Whether one more pod here keeps the counts of all domains within `maxSkew`; domains of unselected nodes do not count."""
    key = constraint["topologyKey"]
    here = _domain(node, key)
    if here is None:
        return False
    term = {"labelSelector": constraint.get("labelSelector")}
    counts: Counter[str] = Counter()
    for name, other in cluster.nodes.items():
        domain = _domain(other, key)
        if domain is not None and selected(pod, other):
            counts[domain] += sum(_matches(term, pod, running) for running in cluster.pods[name])
    return counts[here] + 1 - min(counts.values(), default=0) <= int(constraint.get("maxSkew", 1))


def _affinity(pod: Json, node: Json, cluster: Cluster) -> str | None:
    for term in _required(pod, "podAffinity") or ():
        if not any(True for _ in _matching(term, pod, node, cluster)) and not _is_first(term, pod, cluster):
            return POD_AFFINITY
    for term in _required(pod, "podAntiAffinity") or ():
        if any(True for _ in _matching(term, pod, node, cluster)):
            return ANTI_AFFINITY
    for other, running in _neighbours(cluster):
        for term in _required(running, "podAntiAffinity") or ():
            if _domain(other, term["topologyKey"]) == _domain(node, term["topologyKey"]) and _matches(
                term, running, pod
            ):
                return EXISTING_ANTI_AFFINITY
    return None


def _is_first(term: Json, pod: Json, cluster: Cluster) -> bool:
    """Whether the pod is the first of a group that wants to be together; somebody has to begin."""
    return _matches(term, pod, pod) and not any(_matches(term, pod, running) for _, running in _neighbours(cluster))


def _matching(term: Json, pod: Json, node: Json, cluster: Cluster) -> Iterable[Json]:
    """The pods in the node's domain that a term of `pod` speaks of."""
    domain = _domain(node, term["topologyKey"])
    for other, running in _neighbours(cluster):
        if domain is not None and _domain(other, term["topologyKey"]) == domain and _matches(term, pod, running):
            yield running


def _neighbours(cluster: Cluster) -> Iterable[tuple[Json, Json]]:
    for name, pods in cluster.pods.items():
        for running in pods:
            yield cluster.nodes[name], running


def _matches(term: Json, owner: Json, other: Json) -> bool:
    """Whether a pod term of `owner` speaks of `other`: namespace (its own unless named) and labels (nil matches none)."""
    namespaces = term.get("namespaces") or [owner["metadata"].get("namespace")]
    if term.get("labelSelector") is None or other["metadata"].get("namespace") not in namespaces:
        return False
    wanted = selectors.from_selector(term["labelSelector"])
    return selectors.matches(wanted, other["metadata"].get("labels") or {})


def _required(pod: Json, kind: str) -> Any:
    affinity = (pod["spec"].get("affinity") or {}).get(kind) or {}
    return affinity.get("requiredDuringSchedulingIgnoredDuringExecution")


def _domain(node: Json, key: str) -> str | None:
    name = node["metadata"]["name"] if key == HOSTNAME else None
    return (node["metadata"].get("labels") or {}).get(key, name)
