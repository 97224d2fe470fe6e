"""Policy paths: which resource a path leads to, found by walking the resource table element by element.

One walk serves every path family (provider, project, Tier-1 scoped), because a family is nothing but another parent.
Identifiers are compared byte for byte; only empty elements (doubled slashes) are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from trunkline.dialects.nsx import catalogue, errors, scopes
from trunkline.dialects.nsx.resource import ROOT, Resource

_PROVIDER = "/orgs/default/projects/default"
"""The default project stands for the provider, whose tree is /infra and nowhere else."""

_ALIASES: dict[tuple[str, ...], str] = {("Tier1", "LocaleServices", "service-interfaces"): "interfaces"}
"""Older words for collections, by what is above them; objects have one path whichever word they were asked for by."""

_ID = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy path names.

    For an operation ("state" after a segment) `path` is the object it asks about; for a collection it ends in the
    collection's name and `parent` is the holder.  `id` is empty for collections.
    """

    kind: Literal["object", "collection", "operation"]
    resource: Resource
    path: str
    parent: str
    id: str = ""
    operation: str = ""

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that are offered there."""
        if self.kind != "object" or self.resource.read_only:
            return ("GET",)
        return ("GET", "PUT", "PATCH") if self.resource.singleton else ("GET", "PUT", "PATCH", "DELETE")


def resolve(path: str) -> Target | None:
    """The target of a policy path such as "/infra/segments/web", or None when the table knows no such place."""
    parts = [part for part in path.split("/") if part]
    target: Target | None = None
    kind, at = ROOT, ""
    above: list[str] = []
    while parts:
        word = parts.pop(0)
        word = _ALIASES.get((*above[-2:], word), word)
        found = catalogue.children(kind).get(word)
        resource = found.standing(above) if found else None
        if (
            resource is None
            or (resource.provider_only and scopes.scope(at))
            or (at == _PROVIDER and resource.singleton)
        ):
            return _operation(target, word, parts)
        parent, at, kind = at, f"{at}/{word}", resource.type
        above.append(kind)
        if resource.singleton:
            target = Target(kind="object", resource=resource, path=at, parent=parent, id=word)
        elif not parts:
            target = Target(kind="collection", resource=resource, path=at, parent=parent)
        else:
            identifier = parts.pop(0)
            if identifier in resource.reserved or not _ID.fullmatch(identifier):
                return None
            at = f"{at}/{identifier}"
            target = Target(kind="object", resource=resource, path=at, parent=parent, id=identifier)
    return target


def _operation(target: Target | None, word: str, rest: list[str]) -> Target | None:
    asked = "/".join((word, *rest))
    if target is None or asked not in target.resource.operations:
        return None
    return msgspec.structs.replace(target, kind="operation", operation=asked)


def object_at(path: str) -> Target:
    """The object that a policy path names.

    Raises:
        Refused: the path does not lead to an object.
    """
    target = resolve(path)
    if target is None or target.kind != "object":
        raise errors.bad_path(path)
    return target


def parent_of(path: str) -> str:
    """The path of the nearest object above that may have a document of its own, "" above the roots."""
    target = resolve(path)
    while target is not None and target.parent:
        above = resolve(target.parent)
        if above is None or not above.resource.singleton:
            return target.parent
        target = above
    return ""


class Place(msgspec.Struct, frozen=True):
    """One spot of the table with parameters in braces: what an OpenAPI document lists."""

    collection: str
    item: str
    resource: Resource
    ancestors: tuple[str, ...]


def places(kind: str = ROOT, at: str = "", ancestors: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every place of the table, parents first; `collection` is "" for a singleton."""
    for found in catalogue.children(kind).values():
        resource = found.standing(ancestors)
        if resource is None or (resource.provider_only and "Project" in ancestors):
            continue
        collection = f"{at}/{resource.collection}"
        item = collection if resource.singleton else f"{collection}/{{{parameter(resource)}}}"
        yield Place("" if resource.singleton else collection, item, resource, ancestors)
        yield from places(resource.type, item, (*ancestors, resource.type))


def parameter(resource: Resource) -> str:
    """The name of a resource's id in path templates, as the API guide writes it."""
    return f"{re.sub('ie$', 'y', resource.collection.removesuffix('s'))}-id"
