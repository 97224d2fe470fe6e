"""`apply`'s three-way merge: what the manifest says now, what it said last time, what the server has.

A field that the last manifest had and this one has not is deleted; a field that only the server has stays.  The last
manifest is kept in the annotation that `kubectl apply` uses, in the form that it uses.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from trunkline.adapters.kube import errors
from trunkline.adapters.kube.client import Kube
from trunkline.adapters.kube.resources import Resource

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Object = dict[str, Any]


def difference(last: Any, wanted: Any, live: Any) -> Any:
    """A JSON merge patch (RFC 7396) from `live` to `wanted`, deleting only what `last` had; {} when in step."""
    if not (isinstance(wanted, dict) and isinstance(live, dict)):
        return wanted
    before = last if isinstance(last, dict) else {}
    patch: Object = {key: None for key in before if key not in wanted and key in live}
    for key, value in wanted.items():
        if key not in live:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(live[key], dict):
            if inner := difference(before.get(key), value, live[key]):
                patch[key] = inner
        elif value != live[key]:
            patch[key] = value
    return patch


def annotated(manifest: Object) -> Object:
    """The manifest carrying itself in the last-applied annotation."""
    bare = copy.deepcopy(manifest)
    bare.setdefault("metadata", {}).get("annotations", {}).pop(LAST_APPLIED, None)
    carrying = copy.deepcopy(bare)
    carrying["metadata"].setdefault("annotations", {})[LAST_APPLIED] = msgspec.json.encode(bare).decode() + "\n"
    return carrying


def last_applied(live: Object) -> Object:
    """The manifest last applied to this object; {} if none was, or if the annotation is damaged."""
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED, "")
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


async def apply(kube: Kube, resource: Resource, manifest: Object, namespace: str | None) -> str:
    """Create or change one object; "created", "configured" or "unchanged"."""
    wanted = annotated(manifest)
    scope = wanted["metadata"].get("namespace") or namespace
    name = wanted["metadata"]["name"]
    try:
        live = await kube.get(resource, name, scope)
    except errors.NotFound:
        await kube.create(resource, wanted, scope)
        return "created"
    before = last_applied(live)
    patch = difference(before, wanted, live)
    noted = patch.get("metadata", {}).get("annotations", {}).pop(LAST_APPLIED, None)
    if not _changes(patch):
        return "unchanged"
    if noted:
        patch["metadata"]["annotations"][LAST_APPLIED] = noted
    await kube.patch(resource, name, patch, scope)
    return "configured"


def _changes(patch: Any) -> bool:
    """Whether a merge patch says anything once empty branches are left out."""
    return any(_changes(value) if isinstance(value, dict) else True for value in patch.values())
