"""Subresources that are more than a part of the object: scale, binding, finalize."""

from __future__ import annotations

from typing import Any

from trunkline.kit import clock
from trunkline.standin.apiserver import causes, objects, statuses, writes
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.custom import definitions
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry
from trunkline.standin.apiserver.tables import columns, jsonpath

SCALE_MODEL = "autoscaling_v1.Scale"
_BUILTIN_PATHS = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}


def scale_paths(registry: Registry, call: Call) -> Json:
    """Where the resource keeps its numbers of replicas."""
    if not call.resource.custom:
        return _BUILTIN_PATHS
    return definitions.scale_paths(registry.definition(call.resource), call.resource.version)


def scale(obj: Json, paths: Json) -> Json:
    """The object as `autoscaling/v1` Scale."""
    metadata = {
        key: obj["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in obj["metadata"]
    }
    wanted = jsonpath.first(obj, paths["specReplicasPath"])
    status: Json = {"replicas": jsonpath.first(obj, paths["statusReplicasPath"]) or 0}
    if path := paths.get("labelSelectorPath"):
        status["selector"] = jsonpath.first(obj, path) or ""
    elif objects.dig(obj, "spec", "selector"):
        status["selector"] = columns.selector("spec", "selector")(obj, clock.now())
    spec = {} if wanted is None else {"replicas": wanted}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": spec, "status": status}


def scaling(paths: Json, alter: writes.Alter) -> writes.Alter:
    """A change of an object's Scale, as a change of the object."""

    def change(obj: Json) -> Json:
        wanted = alter(scale(obj, paths))
        replicas = objects.dig(wanted, "spec", "replicas", default=0)
        if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
            cause = causes.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
            raise statuses.invalid("Scale", "autoscaling", obj["metadata"]["name"], [cause])
        _put(obj, paths["specReplicasPath"], replicas)
        obj["metadata"]["resourceVersion"] = objects.dig(wanted, "metadata", "resourceVersion", default="")
        return obj

    return change


def _put(obj: Json, path: str, value: Any) -> None:
    *parents, last = path.strip(".").split(".")
    for step in parents:
        obj = obj.setdefault(step, {})
    obj[last] = value


def binding(call: Call, body: Json) -> writes.Alter:
    """Bind a pod to the node that a Binding names.

    Raises:
        StatusError: 400 when the Binding names no node; when applied, 409 if the pod is bound, is going, or is another one.
    """
    uid = objects.dig(body, "metadata", "uid")
    node = objects.dig(body, "target", "name", default="")
    if not node or objects.dig(body, "target", "kind", default="Node") != "Node":
        raise statuses.bad_request("a Binding names a target of kind Node")

    def change(pod: Json) -> Json:
        why, found = "", pod["metadata"].get("uid")
        if uid and uid != found:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
        elif pod["metadata"].get("deletionTimestamp"):
            why = f"pod {call.name} is being deleted, cannot be assigned to a host"
        elif pod["spec"].get("nodeName"):
            why = f'pod {call.name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        if why:
            raise statuses.conflict("pods/binding", "", call.name, why)
        pod["spec"]["nodeName"] = node
        if noted := objects.dig(body, "metadata", "annotations"):
            pod["metadata"]["annotations"] = {**(pod["metadata"].get("annotations") or {}), **noted}
        status = pod.setdefault("status", {})
        others = [each for each in objects.items(status, "conditions") if each.get("type") != "PodScheduled"]
        bound = {"type": "PodScheduled", "status": "True", "lastTransitionTime": clock.rfc3339(clock.now())}
        status["conditions"] = [*others, bound]
        return pod

    return change


def finalize(body: Json) -> writes.Alter:
    """Replace a namespace's `spec.finalizers`, the only way to let it go."""
    wanted = objects.dig(body, "spec", "finalizers", default=[])

    def change(namespace: Json) -> Json:
        namespace["spec"] = {**namespace.get("spec", {}), "finalizers": wanted}
        return namespace

    return change
