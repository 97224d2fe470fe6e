"""What one row of the resource table says: where objects of a type live, what they look like, which rules they obey.

Routes, validation, hierarchical bodies, deletion and the OpenAPI document all follow from these rows; no resource has code
of its own except the few rules that NSX has for it (`rules/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.shapes import Field

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

ROOT = ""
"""The parent type of what hangs directly under /policy/api/v1."""

_TAG = shapes.Object((Field("scope", shapes.Text(128)), Field("tag", shapes.Text(256))))
COMMON = shapes.Object(
    (
        Field("display_name", shapes.Text(255)),
        Field("description", shapes.Text(1024)),
        Field("tags", shapes.ListOf(_TAG, most=30)),
    )
)
"""The properties of every object that a client may set; for their order in answers see `compose`."""


def _nothing(draft: Draft, view: View) -> None:
    """No rule."""


def _at_once(path: str, view: View) -> int:
    return 0


def _no_claims(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    return iter(())


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a type demands beyond its shape.

    `complete` fills what the server assigns; `check` refuses (raises Refused) and sees the state as the whole request would
    leave it; `claims` names the values that must be unique in the store; `lingers` answers for how many milliseconds nobody else
    may have them once the object is gone; `release` refuses a plain delete; `show` answers the properties that are worked out
    when the object is read, and are not stored.
    """

    complete: Callable[[Draft, View], None] = _nothing
    check: Callable[[Draft, View], None] = _nothing
    claims: Callable[[str, Mapping[str, Any]], Iterator[str]] = _no_claims
    lingers: Callable[[str, View], int] = _at_once
    release: Callable[[str, View], None] | None = None
    show: Callable[[str, View], Mapping[str, Any]] | None = None


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One type of policy object.

    Attributes:
        type: `resource_type`, and `Child<type>` in hierarchical bodies.
        collection: the path element before the id; for a singleton the element itself.
        under: types whose objects hold this collection (`ROOT`: /policy/api/v1).
        provider_only: not in projects.
        read_only: clients read it, Trunkline writes it.
        cascades: disappears with its parent on a plain delete instead of blocking it.
        diagnostic: whoever may act on the network may write it, because it asks and changes nothing.
        shared: objects of projects may refer to the provider's.
        reserved: words that stand where an id would and name operations.
        born: ids of the objects that come into being with their parent.
        variants: the types that may stand in the collection, told apart by `resource_type`, or by where they stand.
        within: for a variant that is told by where it stands: the type below which it does.
        inline: the property of the parent in which clients may send the objects of the collection.
        once: a write to an object that is there changes nothing.
        kept: server-assigned fields that survive a replacing write which leaves them out.
        operations: words after the id that are answered by code of their own.
    """

    type: str
    collection: str
    under: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    singleton: bool = False
    provider_only: bool = False
    read_only: bool = False
    cascades: bool = False
    diagnostic: bool = False
    shared: bool = False
    reserved: tuple[str, ...] = ()
    born: tuple[str, ...] = ()
    variants: tuple[Resource, ...] = ()
    within: str = ""
    inline: str = ""
    once: bool = False
    kept: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    rules: Rules = Rules()

    @property
    def shape(self) -> shapes.Object:
        """The shape of the type's own properties."""
        return shapes.Object(self.fields)

    def standing(self, below: Iterable[str]) -> Resource | None:
        """The one variant that stands below those types, or the resource itself if that does not tell; None: no place for it."""
        placed = [variant for variant in self.variants if variant.within]
        return next((variant for variant in placed if variant.within in below), None) if placed else self
