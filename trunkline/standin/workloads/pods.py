"""What all workload controllers need to know about pods and templates.  Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trunkline.adapters.kube import Resource
from trunkline.kit import ids

Json = dict[str, Any]


def is_active(pod: Json) -> bool:
    """Whether the pod counts as a replica: not on its way out and not ended."""
    return not is_leaving(pod) and phase(pod) not in ("Succeeded", "Failed")


def is_leaving(pod: Json) -> bool:
    """Whether deletion has begun."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: Json) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def phase(pod: Json) -> str:
    """The pod's phase; a pod nobody has looked at yet is Pending."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def controller_uid(obj: Json) -> str | None:
    """The UID of the object that controls this one."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((entry["uid"] for entry in owners if entry.get("controller")), None)


def owner_reference(owner: Json, resource: Resource) -> Json:
    """What a controlled object says of its controller."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def from_template(owner: Json, resource: Resource, *, labels: Mapping[str, str] | None = None) -> Json:
    """A pod of the owner's template, without a name yet; `labels` are added to the template's."""
    template = owner["spec"]["template"]
    meta = template.get("metadata") or {}
    return {
        "metadata": {
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **(labels or {})},
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [owner_reference(owner, resource)],
        },
        "spec": msgspec.json.decode(msgspec.json.encode(template["spec"])),
    }


def template_hash(template: Json) -> str:
    """A short name for a pod template: equal templates, equal names."""
    return ids.short_hash(msgspec.json.encode(template, order="deterministic").decode(), 10)


def share(value: int | str | None, total: int, *, default: int | str, up: bool) -> int:
    """A number of pods given as such or as a percentage of `total`, rounded up or down."""
    value = default if value is None else value
    if isinstance(value, int):
        return value
    exact = int(value.rstrip("%")) * total / 100
    return math.ceil(exact) if up else math.floor(exact)


def differs(obj: Json, status: Json) -> bool:
    """Whether a computed status says anything that the object's does not."""
    known = obj.get("status") or {}
    return any(known.get(field) != value for field, value in status.items())


def condition(known: Iterable[Json], kind: str, true: bool, reason: str, message: str, now: str) -> Json:
    """One condition; its transition time stays while its status stays, its update time while it stays as a whole."""
    before = next((entry for entry in known if entry["type"] == kind), {})
    status = "True" if true else "False"
    same = before.get("status") == status
    unchanged = same and before.get("reason") == reason and before.get("message") == message
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": before["lastTransitionTime"] if same else now,
        "lastUpdateTime": before.get("lastUpdateTime", now) if unchanged else now,
    }
