"""Strategic merge patch: merge patch that knows which lists are maps by a key.

Rules and directives (`$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`) follow the Kubernetes
community document "Strategic Merge Patch"; the merge keys are those of the Kubernetes types, named by our schema definitions.
"""

from __future__ import annotations

from typing import Any

from trunkline.standin.apiserver import statuses
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.schema import models

_CONTAINER = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}
_CONDITIONS = {"conditions": "type"}

MERGE_KEYS: dict[str, dict[str, str]] = {
    "meta_v1.ObjectMeta": {"ownerReferences": "uid"},
    "core_v1.PodSpec": {
        "containers": "name",
        "initContainers": "name",
        "ephemeralContainers": "name",
        "volumes": "name",
        "imagePullSecrets": "name",
        "hostAliases": "ip",
        "topologySpreadConstraints": "topologyKey",
        "schedulingGates": "name",
        "resourceClaims": "name",
    },
    "core_v1.Container": _CONTAINER,
    "core_v1.EphemeralContainer": _CONTAINER,
    "core_v1.PodStatus": {**_CONDITIONS, "podIPs": "ip", "hostIPs": "ip", "resourceClaimStatuses": "name"},
    "core_v1.NodeStatus": {**_CONDITIONS, "addresses": "type"},
    "core_v1.ServiceSpec": {"ports": "port"},
    "core_v1.ServiceStatus": _CONDITIONS,
    "core_v1.ServiceAccount": {"secrets": "name"},
    "core_v1.NamespaceStatus": _CONDITIONS,
    "apps_v1.DeploymentStatus": _CONDITIONS,
    "apps_v1.ReplicaSetStatus": _CONDITIONS,
    "apps_v1.StatefulSetStatus": _CONDITIONS,
    "apps_v1.DaemonSetStatus": _CONDITIONS,
    "admissionregistration_v1.ValidatingWebhookConfiguration": {"webhooks": "name"},
}
"""Lists of objects that merge, and the field that identifies an element; every other list is replaced whole."""

PRIMITIVE_SETS: dict[str, frozenset[str]] = {
    "meta_v1.ObjectMeta": frozenset({"finalizers"}),
    "core_v1.NodeSpec": frozenset({"podCIDRs"}),
}
"""Lists of plain values that merge as sets."""

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def apply(target: Json, patch: Json, model: str) -> Json:
    """`target`, an object of the built-in `model` ("core_v1.Pod"), changed by `patch`; the arguments stay as they are.

    Raises:
        StatusError: 400 for a directive that makes no sense where it stands.
    """
    return _object(target, patch, model)


def _object(target: Json, patch: Json, model: str) -> Json:
    match patch.get("$patch", "merge"):
        case "replace":
            replacement: Json = _without_directives(patch)
            return replacement
        case "delete":
            return {}
        case "merge":
            pass
        case unknown:
            raise statuses.bad_request(f"Unknown patch type: {unknown!r}")
    kept = patch.get("$retainKeys")
    result = {key: value for key, value in target.items() if kept is None or key in kept}
    for key, value in patch.items():
        if key.startswith(_DELETE):
            field = key.removeprefix(_DELETE)
            result[field] = [item for item in _list_of(result.get(field), field) if item not in _list_of(value, key)]
        elif not key.startswith("$"):
            _field(result, key, value, model)
    for key, order in patch.items():
        if key.startswith(_ORDER):
            _reorder(result, target, key.removeprefix(_ORDER), _list_of(order, key), model)
    return result


def _field(result: Json, key: str, value: Any, model: str) -> None:
    current = result.get(key)
    if value is None:
        result.pop(key, None)
    elif isinstance(value, dict):
        result[key] = _object(current if isinstance(current, dict) else {}, value, child_model(model, key))
    elif isinstance(value, list) and key in MERGE_KEYS.get(model, {}):
        result[key] = _elements(_list_of(current, key), value, MERGE_KEYS[model][key], child_model(model, key))
    elif isinstance(value, list) and key in PRIMITIVE_SETS.get(model, ()):
        present = _list_of(current, key)
        result[key] = present + [item for item in value if item not in present]
    else:
        result[key] = value


def _elements(current: list[Any], patch: list[Any], merge_key: str, model: str) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [_without_directives(item) for item in patch if "$patch" not in item]
    result = list(current)
    for change in patch:
        if not isinstance(change, dict) or merge_key not in change:
            raise statuses.bad_request(f"map: {change!r} does not contain declared merge key: {merge_key}")
        key = change[merge_key]
        index = next((at for at, item in enumerate(result) if item.get(merge_key) == key), None)
        if change.get("$patch") == "delete":
            result = [item for item in result if item.get(merge_key) != key]
        elif index is None:
            result.append(_object({}, change, model))
        else:
            result[index] = _object(result[index], change, model)
    return result


def _reorder(result: Json, original: Json, field: str, order: list[Any], model: str) -> None:
    """Put the elements named by `order` into that order; the others keep their place among their old neighbours."""
    merge_key = MERGE_KEYS.get(model, {}).get(field)

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key and isinstance(item, dict) else item

    present = _list_of(result.get(field), field)
    rank = {identity(item): index for index, item in enumerate(order)}
    before = {identity(item): index for index, item in enumerate(_list_of(original.get(field), field))}
    named = sorted((item for item in present if identity(item) in rank), key=lambda item: rank[identity(item)])
    others = [item for item in present if identity(item) not in rank]
    merged: list[Any] = []
    while named and others:
        first_named, first_other = before.get(identity(named[0])), before.get(identity(others[0]), len(before))
        merged.append(others.pop(0) if first_named is not None and first_other < first_named else named.pop(0))
    if present:
        result[field] = merged + named + others


def child_model(model: str, field: str) -> str:
    """The definition that a field of `model`, or each element of it, is made of; "" when it is none of ours."""
    if not model:
        return ""
    schema = models.definition(model).get("properties", {}).get(field, {})
    schema = schema.get("items", schema)
    return str(next((part["$ref"] for part in (schema, *schema.get("allOf", ())) if "$ref" in part), ""))


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if not key.startswith("$") and item is not None
        }
    return [_without_directives(item) for item in value] if isinstance(value, list) else value


def _list_of(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise statuses.bad_request(f"{field}: expected a list in the patch or the object")
    return value
