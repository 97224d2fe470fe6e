"""Policy objects as the rules see them: stored entries, drafts of a running request, and a read-only view over both."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Protocol

import msgspec

from trunkline.dialects.nsx import catalogue
from trunkline.dialects.nsx.paths import Target
from trunkline.dialects.nsx.resource import Resource

Body = dict[str, Any]

LINGERS = "free again at "
"""Begins what stands in a holder's place while a value that was given back rests; milliseconds since the epoch follow."""


class Entry:
    """One stored object.  The JSON bytes are kept; they are decoded anew for each reader, so nobody can change them.

    `revision` is the store's, for compare-and-swap; the client's `_revision` is inside the body.  `order` is what lists are
    sorted by mostly, ready-made: ten thousand keys for one page would be work for the garbage collector.
    """

    __slots__ = ("claims", "kind", "order", "path", "raw", "references", "revision")

    def __init__(self, path: str, kind: str, raw: bytes, revision: int) -> None:
        body = msgspec.json.decode(raw)
        resource = catalogue.BY_TYPE[kind]
        self.path, self.kind, self.raw, self.revision = path, kind, raw, revision
        self.order: tuple[str, str] = (body.get("display_name", ""), path)
        # A tuple, because there are as many as objects, and a set is four times as large.
        self.references = tuple(dict.fromkeys(reference for reference, _ in resource.shape.references(body)))
        self.claims = tuple(resource.rules.claims(path, body))

    @property
    def name(self) -> str:
        """The display name."""
        return self.order[0]

    @property
    def body(self) -> Body:
        """A fresh decoded copy."""
        body: Body = msgspec.json.decode(self.raw)
        return body


class Draft:
    """What one object will be if the request goes through; rules may complete `body` in place."""

    def __init__(self, target: Target, body: Body, before: Entry | None) -> None:
        self.target, self.body, self.before = target, body, before

    @property
    def path(self) -> str:
        """The object's policy path."""
        return self.target.path

    @property
    def resource(self) -> Resource:
        """The object's row in the resource table."""
        return self.target.resource

    @cached_property
    def old(self) -> Body:
        """The stored body before this request, {} for a new object."""
        return self.before.body if self.before else {}


class View(Protocol):
    """The objects as they would be if everything staged so far were stored."""

    def body(self, path: str) -> Body | None:
        """The object at the path, None if there is none."""

    def kind(self, path: str) -> str:
        """The type of the object at the path, "" if there is none."""

    def members(self, collection: str) -> Iterable[str]:
        """Paths of the objects in a collection, in no order."""

    def referrers(self, path: str) -> Iterable[str]:
        """Paths of the objects that refer to the path, in no order."""

    def claimant(self, claim: str) -> str:
        """The path of the object that holds a unique value, "" if it is free; a text that begins with `LINGERS` while it rests."""

    def lingering(self) -> Iterable[str]:
        """The unique values that nobody holds, and that nobody may hold yet."""
