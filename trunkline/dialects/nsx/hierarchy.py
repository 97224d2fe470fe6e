"""Hierarchical bodies: one tree of wrapped objects becomes a flat list of steps.

    {"resource_type": "Infra", "children": [{"resource_type": "ChildSegment", "Segment": {"id": "web", ...}}]}

A wrapper writes its object and then that one's children; `ChildResourceReference`, and a wrapper of an object that is the
manager's own, only descend; `marked_for_delete` on the
wrapper deletes the object with all below it.  SDKs leave out `resource_type` on wrappers: it is told from the one capital key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.dialects.nsx import catalogue, errors
from trunkline.dialects.nsx.change import Erase, Step, Touch, Write

LIMIT = 5000
"""Most objects in one body (NSX API guide)."""

_REFERENCE = "ChildResourceReference"


def steps(root: str, body: Mapping[str, Any], *, merge: bool, check_revision: bool) -> list[Step]:
    """The steps of a body whose root object lies at policy path `root` ("" for the whole tree).

    Raises:
        Refused: a wrapper is not understood, or there are more than `LIMIT` objects.
    """
    kind = "Infra" if root else ""
    flat = [*_children(root, kind, body, merge, "given" if check_revision else "ignored")]
    if len(flat) > LIMIT:
        raise errors.wrong(root or "/", "children", f"{len(flat)} objects", f"at most {LIMIT} in one request")
    return flat


def _children(at: str, kind: str, body: Mapping[str, Any], merge: bool, revision: Any) -> Iterator[Step]:
    children = body.get("children") or []
    if not isinstance(children, list):
        raise errors.wrong(at or "/", "children", children, "an array is wanted")
    for wrapper in children:
        if not isinstance(wrapper, dict):
            raise errors.wrong(at or "/", "children", wrapper, "an object is wanted")
        name = wrapper.get("resource_type") or _guess(wrapper)
        if name == _REFERENCE:
            yield from _reference(at, kind, wrapper, merge, revision)
        else:
            yield from _wrapped(at, kind, name, wrapper, merge, revision)


def _reference(at: str, kind: str, wrapper: Mapping[str, Any], merge: bool, revision: Any) -> Iterator[Step]:
    below = wrapper.get("target_type")
    path = _path(at, kind, below, wrapper.get("id"))
    if not catalogue.BY_TYPE[str(below)].singleton:
        yield Touch(path)
    yield from _children(path, str(below), wrapper, merge, revision)


def _wrapped(
    at: str, kind: str, name: object, wrapper: Mapping[str, Any], merge: bool, revision: Any
) -> Iterator[Step]:
    below = str(name).removeprefix("Child")
    inner = wrapper.get(below)
    if not isinstance(inner, dict):
        raise errors.wrong(at or "/", "children", name, f"a wrapper with the key {below!r} is wanted")
    path = _path(at, kind, below, inner.get("id") or wrapper.get("id"))
    if wrapper.get("marked_for_delete") or inner.get("marked_for_delete"):
        yield Erase(path=path, whole=True, missing_ok=True)
        return
    own = {field: value for field, value in inner.items() if field != "children"}
    resource = catalogue.BY_TYPE[below]
    if resource.read_only:
        yield Touch(path)
    elif not resource.singleton:
        yield Write(path=path, body=own, merge=merge, revision=revision)
    yield from _children(path, below, inner, merge, revision)


def _guess(wrapper: Mapping[str, Any]) -> str:
    capitals = [key for key in wrapper if key[:1].isupper()]
    return f"Child{capitals[0]}" if len(capitals) == 1 else ""


def _path(at: str, kind: str, below: object, identifier: object) -> str:
    resource = catalogue.BY_TYPE.get(str(below))
    if resource is None or kind not in resource.under:
        raise errors.wrong(at or "/", "children", below, f"{kind or 'the root'} has no such children")
    if resource.singleton:
        return f"{at}/{resource.collection}"
    if not isinstance(identifier, str) or not identifier:
        raise errors.wrong(at or "/", f"{below}.id", identifier, f"required property id of a {below} is missing")
    return f"{at}/{resource.collection}/{identifier}"
