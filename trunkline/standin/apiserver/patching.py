"""A patch request into the change it asks for."""

from __future__ import annotations

from trunkline.standin.apiserver import calls, statuses, writes
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.patches import json, merge, strategic


def alteration(call: Call, *, model: str) -> writes.Alter:
    """The change that the call's body describes; `model` is the built-in kind being patched, "" for a custom one.

    Raises:
        StatusError: 415 for a patch language that this resource does not take, 400 for a body that is none.
    """
    accepted = [kind for kind in calls.PATCHES if model or kind != calls.STRATEGIC_PATCH]
    if call.content_type not in accepted:
        raise statuses.unsupported_media_type(accepted)
    patch = call.json()
    if call.content_type == calls.JSON_PATCH:
        return lambda obj: json.apply(obj, patch)
    if not isinstance(patch, dict):
        raise statuses.bad_request("error decoding patch: a merge patch is an object")
    if call.content_type == calls.MERGE_PATCH:
        return lambda obj: _merged(obj, patch)
    return lambda obj: strategic.apply(obj, patch, model)


def _merged(obj: Json, patch: Json) -> Json:
    merged: Json = merge.apply(obj, patch)
    return merged
