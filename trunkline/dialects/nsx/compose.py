"""From what a client sent and what is stored to what will be stored: replace or merge, the server's fields, the stamps.

Answers list a type's own fields first, then the common ones in the order in which NSX prints them; the stored JSON has that
order already.  A write that changes nothing but stamps is no write: it keeps `_revision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.paths import Target
from trunkline.dialects.nsx.resource import COMMON
from trunkline.dialects.nsx.shapes import Findings
from trunkline.dialects.nsx.view import Body, Draft, Entry

SERVER_FIELDS = (
    "path",
    "relative_path",
    "parent_path",
    "remote_path",
    "unique_id",
    "realization_id",
    "owner_id",
    "origin_site_id",
    "marked_for_delete",
    "overridden",
    "children",
    "_create_time",
    "_create_user",
    "_last_modified_time",
    "_last_modified_user",
    "_system_owned",
    "_protection",
    "_revision",
    "_self",
    "_links",
    "_schema",
)
"""What a client may send (it echoes whole answers) and the server does not listen to."""

_STAMPS = ("_last_modified_time", "_last_modified_user", "_revision")


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes, when (ms since the epoch), on which manager; `protects`: others may not change what this caller makes."""

    user: str
    now_ms: int
    owner_id: str
    protects: bool = False
    system: bool = False


def draft(target: Target, sent: Mapping[str, Any], before: Entry | None, *, merge: bool) -> Draft:
    """The object's own and common fields as the write wants them, shape-checked, defaults filled in.

    Raises:
        Refused: a field is missing or wrong; every one is named.
    """
    old = before.body if before else {}
    given = {name: value for name, value in sent.items() if name not in SERVER_FIELDS}
    if merge:
        given = merged({name: value for name, value in old.items() if name not in SERVER_FIELDS}, given)
    if target.resource.variants:
        target = _variant(target, given, before)
    findings = Findings(target.path)
    _check_identity(target, given, findings)
    body = COMMON.read(target.resource.shape.read(given, "", findings), "", findings)
    findings.raise_if_any()
    for name in target.resource.kept:
        if name not in body and name in old:
            body[name] = old[name]
    return Draft(target, body, before)


def _variant(target: Target, given: Mapping[str, Any], before: Entry | None) -> Target:
    """The target with the one type that the body says it is; an object keeps its type for life."""
    kind = given.get("resource_type")
    variants = {variant.type: variant for variant in target.resource.variants}
    if not isinstance(kind, str) or kind not in variants:
        raise errors.wrong(target.path, "resource_type", kind, f"one of {', '.join(variants)}")
    if before and before.kind != kind:
        raise errors.wrong(target.path, "resource_type", kind, f"it is a {before.kind}", trk=errors.IMMUTABLE)
    return msgspec.structs.replace(target, resource=variants[kind])


def merged(old: Any, new: Any) -> Any:
    """`new` laid over `old`: objects field by field, null clears, everything else (arrays too) is replaced whole."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    kept = {name: value for name, value in old.items() if name not in new}
    return kept | {name: merged(old.get(name), value) for name, value in new.items() if value is not None}


def finish(draft: Draft, stamp: Stamp, unique_id: str) -> Body | None:
    """The whole stored object; None if nothing but stamps would change."""
    target, body, old = draft.target, draft.body, draft.old
    own = [field.name for field in target.resource.fields]
    common = ("resource_type", "id", "display_name", "description", "tags")
    extra = [name for name in body if name not in own and name not in common]
    result = {name: body[name] for name in (*own, *extra) if name in body}
    result |= {"resource_type": target.resource.type, "id": target.id}
    result["display_name"] = body.get("display_name") or target.id
    result |= {name: body[name] for name in ("description", "tags") if name in body}
    result |= _server_fields(target, old, stamp, unique_id)
    if old and _without(old) == _without(result):
        return None
    return result


def _server_fields(target: Target, old: Mapping[str, Any], stamp: Stamp, unique_id: str) -> Body:
    identity = old.get("unique_id", unique_id)
    return {
        "path": target.path,
        "relative_path": target.id,
        "parent_path": target.parent,
        "remote_path": "",
        "unique_id": identity,
        "realization_id": old.get("realization_id", identity),
        "owner_id": old.get("owner_id", stamp.owner_id),
        "marked_for_delete": False,
        "overridden": False,
        "_system_owned": old.get("_system_owned", stamp.system),
        "_protection": old.get("_protection", "PROTECTED" if stamp.protects else "NOT_PROTECTED"),
        "_create_time": old.get("_create_time", stamp.now_ms),
        "_create_user": old.get("_create_user", stamp.user),
        "_last_modified_time": stamp.now_ms,
        "_last_modified_user": stamp.user,
        "_revision": old.get("_revision", -1) + 1,
    }


def _without(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if name not in _STAMPS}


def _check_identity(target: Target, given: Mapping[str, Any], findings: Findings) -> None:
    for name, wanted in (("id", target.id), ("resource_type", target.resource.type)):
        if given.get(name) not in (None, wanted):
            findings.wrong(name, given[name], f"the request's path says {wanted!r}")


def check_revision(path: str, sent: Mapping[str, Any], before: Entry | None, *, checked: bool, required: bool) -> None:
    """Compare the request's `_revision` with the stored one, if it is to be `checked`; `required`: a replacing PUT has one.

    Raises:
        Refused: it is no integer, 400/500127 without one on an existing object, 412 when it is not the stored one.
    """
    revision = sent.get("_revision")
    if not isinstance(revision, int | None) or isinstance(revision, bool):
        raise errors.wrong(path, "_revision", revision, "an integer is wanted")
    if before is None or not checked:
        return
    stored = before.body["_revision"]
    if revision is None:
        if required:
            raise errors.exists(path)
    elif revision != stored:
        raise errors.stale(path, revision, stored)
