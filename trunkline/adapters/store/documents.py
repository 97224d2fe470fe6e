"""What the store holds, how it is changed, and what a watcher is told.

A path is any text; by convention "/"-separated, so that a prefix names a collection.  A body is JSON text as UTF-8; the
store does not look into it.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Document(msgspec.Struct, frozen=True):
    """A document as of one revision.

    `revision` is the store's global revision of the commit that wrote it; `uid` stays the same from creation to deletion;
    `created` and `updated` are RFC 3339 times in UTC, whole seconds.
    """

    path: str
    kind: str
    body: bytes
    revision: int
    uid: str
    created: str
    updated: str


class Claim(msgspec.Struct, frozen=True):
    """A key that belongs to one owner, and a note of the owner's."""

    key: str
    owner: str
    body: bytes


class Put(msgspec.Struct, frozen=True):
    """Create or replace a document.

    `expect` 0: it must not exist; n: it must have revision n; None: whatever is there.  `uid` is used on creation only;
    "" lets the store make one.
    """

    path: str
    kind: str
    body: bytes
    expect: int | None = None
    uid: str = ""


class Delete(msgspec.Struct, frozen=True):
    """Remove a document, whatever its revision (None) or only at revision `expect`."""

    path: str
    expect: int | None = None


class Take(msgspec.Struct, frozen=True):
    """Claim a key that nobody holds."""

    key: str
    owner: str
    body: bytes = b"{}"


class Update(msgspec.Struct, frozen=True):
    """Replace the note on a claim that `owner` holds, and hand the claim to `heir` if one is named."""

    key: str
    owner: str
    body: bytes
    heir: str = ""


class Release(msgspec.Struct, frozen=True):
    """Give up a claim that `owner` holds."""

    key: str
    owner: str


DocumentChange = Put | Delete
ClaimChange = Take | Update | Release
Change = DocumentChange | ClaimChange


class Event(msgspec.Struct, frozen=True):
    """What happened to a document at `revision`; for DELETED `document` is its last state."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    document: Document
    revision: int


class ClaimEvent(msgspec.Struct, frozen=True):
    """A claim before and after; None where there is none."""

    key: str
    old: Claim | None
    new: Claim | None
