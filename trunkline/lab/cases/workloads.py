"""Workloads whose controllers have more to do: what is counted of their pods now is not what it will be.

Source: Kubernetes API conventions, "Typical status properties": a status speaks of the spec of its `observedGeneration`.
"""

from __future__ import annotations

from trunkline.adapters.kube import resources
from trunkline.adapters.kube.client import Object
from trunkline.lab.cases.bench import Bench

_KINDS = (resources.DEPLOYMENTS, resources.REPLICA_SETS, resources.STATEFUL_SETS, resources.DAEMON_SETS)


async def moving(bench: Bench, name: str) -> list[str]:
    """What is still to be done in the namespace of `NAMESPACE` or `NAMESPACE/GLOB`, one line for each workload."""
    namespace = name.partition("/")[0]
    found: dict[str, str] = {}
    for resource in _KINDS:
        workloads, _ = await bench.kube.list(resource, namespace)
        found |= {
            resource.label(each["metadata"]["name"], namespace): unfinished(resource.kind, each) for each in workloads
        }
    return [f"{label}: {todo}" for label, todo in found.items() if todo]


def unfinished(kind: str, workload: Object) -> str:
    """What a workload's controller has still to do; "" when it has seen the present spec and has as many pods as that says."""
    status = workload.get("status") or {}
    generation = int(workload["metadata"].get("generation", 0))
    if int(status.get("observedGeneration", -1)) < generation:
        return f"its controller has not seen generation {generation}"
    if kind == "DaemonSet":
        wanted = int(status.get("desiredNumberScheduled", 0))
        counted = {"pods": int(status.get("currentNumberScheduled", 0))}
    else:
        wanted = int(workload["spec"].get("replicas", 1))
        counted = {"pods": int(status.get("replicas", 0))}
    if kind == "Deployment":
        counted["new pods"] = int(status.get("updatedReplicas", 0))
    if kind == "StatefulSet" and int(status.get("readyReplicas", 0)) < counted["pods"] < wanted:
        return ""  # it makes one pod after the other, and waits for one that does not become ready
    wrong = [f"{number} {what}, {wanted} wanted" for what, number in counted.items() if number != wanted]
    return ", ".join(wrong)
