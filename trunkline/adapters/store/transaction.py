"""From changes to one OVSDB transaction, and back from the database's state to "did it happen?".  Pure.

A commit that writes documents waits for the revision *and the commit* that it builds on.  Both together name one state of
all documents, so what was checked in memory holds when the transaction runs, even for commits that are sent before the
previous one is answered: if that one fails, so do they.  A `Commit` row records who made the revision and what it
removed; one row in `TRIM_EVERY` commits deletes the records older than `KEPT`.

Claims need no revision: the unique index decides who takes a key, and a `wait` on the row guards updates and releases.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.adapters import ovsdb
from trunkline.adapters.store import errors
from trunkline.adapters.store.documents import Change, Delete, DocumentChange, Put, Release, Take, Update
from trunkline.adapters.store.memory import Memory
from trunkline.kit import problems

KEPT = 1000  # chosen: longer than any reconnect at the store's full speed needs to learn its fate from
TRIM_EVERY = 100


class Base(msgspec.Struct, frozen=True):
    """The state of the documents that a commit builds on."""

    revision: int
    commit: str


class Epoch(msgspec.Struct, frozen=True):
    """The takeover that gave this process its role."""

    row: ovsdb.RowUuid
    number: int


def touched(changes: Sequence[Change]) -> frozenset[str]:
    """What the changes touch: document paths and claim keys, apart from each other.

    Raises:
        BugError: a path or key occurs twice.
    """
    names = [f"d{change.path}" if isinstance(change, Put | Delete) else f"c{change.key}" for change in changes]
    if len(set(names)) < len(names):
        twice = sorted({name[1:] for name in names if names.count(name) > 1})
        raise problems.BugError(f"one commit changes {', '.join(twice)} more than once")
    return frozenset(names)


def writes_documents(changes: Sequence[Change]) -> bool:
    """Whether the global revision moves."""
    return any(isinstance(change, Put | Delete) for change in changes)


def only_documents(changes: Sequence[Change]) -> bool:
    """Whether no claim is touched."""
    return all(isinstance(change, Put | Delete) for change in changes)


def check(memory: Memory, changes: Sequence[Change]) -> None:
    """Compare what the changes expect with what is there.

    Raises:
        Conflict, NotFound, AlreadyClaimed, Unstorable: the first expectation that does not hold.
    """
    for change in changes:
        match change:
            case Put(path, _, body, expect):
                _check_text(f"document {path}", body)
                _check_revision(memory, path, expect)
            case Delete(path, expect):
                if memory.documents.get(path) is None:
                    raise errors.NotFound(path)
                _check_revision(memory, path, expect)
            case Take(key, _, body):
                _check_text(f"claim {key}", body)
                if (claim := memory.claims.get(key)) is not None:
                    raise errors.AlreadyClaimed(key, claim.owner)
            case Update(key, owner) | Release(key, owner):
                if (claim := memory.claims.get(key)) is None:
                    raise errors.NotFound(key)
                if claim.owner != owner:
                    raise errors.AlreadyClaimed(key, claim.owner)


def operations(
    memory: Memory, changes: Sequence[Change], *, ident: str, base: Base | None, epoch: Epoch | None, now: str
) -> list[ovsdb.Operation]:
    """The transaction; with an epoch its first operation is the fence.  `base` is None if no document is written."""
    ops: list[ovsdb.Operation] = []
    if epoch is not None:
        ops.append(ovsdb.wait("Role", ovsdb.by_uuid(epoch.row), [{"epoch": epoch.number}]))
    if base is not None:
        ops += _advance(memory, changes, ident, base)
    for change in changes:
        if isinstance(change, Put | Delete):
            assert base is not None
            ops.append(_write(memory, change, base.revision + 1, now))
        else:
            ops += _claim(memory, change)
    return [*ops, ovsdb.commit(durable=True)]


def claims_landed(memory: Memory, changes: Sequence[Change]) -> bool:
    """Whether the claims look as if the changes had happened."""
    for change in changes:
        match change:
            case Take(key, _, body) | Update(key, _, body):
                owner = _holder(change)
                claim = memory.claims.get(key)
                if claim is None or (claim.owner, claim.body) != (owner, body):
                    return False
            case Release(key, owner):
                claim = memory.claims.get(key)
                if claim is not None and claim.owner == owner:
                    return False
    return True


def _check_revision(memory: Memory, path: str, expect: int | None) -> None:
    document = memory.documents.get(path)
    found = 0 if document is None else document.revision
    if expect is None or expect == found:
        return
    if document is None:
        raise errors.NotFound(path)
    raise errors.Conflict(path, expect, found)


def _check_text(where: str, body: bytes) -> None:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise errors.Unstorable(where, str(error)) from error
    if "\0" in text:
        raise errors.Unstorable(where, "a NUL character")


def _advance(memory: Memory, changes: Sequence[Change], ident: str, base: Base) -> list[ovsdb.Operation]:
    meta = ovsdb.by_uuid(memory.meta.uuid)
    revision = base.revision + 1
    deleted = frozenset(change.path for change in changes if isinstance(change, Delete))
    ops = [
        ovsdb.wait("Meta", meta, [{"revision": base.revision, "commit": base.commit}]),
        ovsdb.update("Meta", meta, {"revision": revision, "commit": ident}),
        ovsdb.insert("Commit", {"revision": revision, "ident": ident, "deleted": deleted}),
    ]
    if revision % TRIM_EVERY == 0:
        ops.append(ovsdb.delete("Commit", [("revision", "<", revision - KEPT)]))
    return ops


def _write(memory: Memory, change: DocumentChange, revision: int, now: str) -> ovsdb.Operation:
    row = memory.document_rows.get(change.path)
    if isinstance(change, Delete):
        assert row is not None
        return ovsdb.delete("Document", ovsdb.by_uuid(row))
    written: dict[str, Any] = {"kind": change.kind, "body": change.body, "revision": revision, "updated": now}
    if row is not None:
        return ovsdb.update("Document", ovsdb.by_uuid(row), written)
    uid = change.uid or str(uuid.uuid4())
    return ovsdb.insert("Document", {"path": change.path, "uid": uid, "created": now, **written})


def _claim(memory: Memory, change: Take | Update | Release) -> list[ovsdb.Operation]:
    if isinstance(change, Take):
        return [ovsdb.insert("Claim", {"key": change.key, "owner": change.owner, "body": change.body})]
    row = ovsdb.by_uuid(memory.claim_rows[change.key])
    if isinstance(change, Release):
        return [ovsdb.wait("Claim", row, [{"owner": change.owner}]), ovsdb.delete("Claim", row)]
    # Waiting for the old note as well keeps a delayed copy of an earlier update from undoing a later one.
    claim = memory.claims.get(change.key)
    assert claim is not None
    return [
        ovsdb.wait("Claim", row, [{"owner": change.owner, "body": claim.body}]),
        ovsdb.update("Claim", row, {"owner": _holder(change), "body": change.body}),
    ]


def _holder(change: Take | Update) -> str:
    """Who holds the claim once the change is made."""
    return change.heir or change.owner if isinstance(change, Update) else change.owner
