"""Everything the store knows, in memory: fed with the replica's changes, asked by readers and by commits.

Turns row changes into document events.  A document row carries the revision of its last write; that of its removal is in
the `Commit` row which lists its path.  When that row is already trimmed (the connection was away for more than the last
commits), the order of events cannot be told any more and `take` says so.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Any

from trunkline.adapters import ovsdb
from trunkline.adapters.store import records
from trunkline.adapters.store.documents import Claim, ClaimEvent, Document, Event
from trunkline.adapters.store.index import PrefixIndex
from trunkline.kit import problems


class Memory:
    """The state of the database as of the last batch of changes."""

    def __init__(self, replica: ovsdb.Replica) -> None:
        rows = replica.table(records.DocumentRow)
        self.documents = PrefixIndex({row.path: records.document(row) for row in rows.values()})
        self.document_rows = {row.path: row.uuid for row in rows.values()}
        self._claims: PrefixIndex[Claim] | None = None
        self.claim_rows: dict[str, ovsdb.RowUuid] = {}
        self.roles = {row.name: row for row in replica.table(records.RoleRow).values()}
        self.meta = next(iter(replica.table(records.MetaRow).values()))
        self._commits: dict[int, str] = {}
        self._deletions: dict[str, list[int]] = {}
        for row in replica.table(records.CommitRow).values():
            self._remember(row)

    def know_claims(self, replica: ovsdb.Replica) -> None:
        """Take in all claims; nothing can be asked of them before."""
        rows = replica.table(records.ClaimRow)
        self._claims = PrefixIndex({row.key: records.claim(row) for row in rows.values()})
        self.claim_rows = {row.key: row.uuid for row in rows.values()}

    @property
    def knows_claims(self) -> bool:
        """Whether claims have been taken in."""
        return self._claims is not None

    @property
    def claims(self) -> PrefixIndex[Claim]:
        """All claims by key.

        Raises:
            BugError: they have not been taken in.
        """
        if self._claims is None:
            raise problems.BugError("claims are asked for before they are known")
        return self._claims

    def commit_ident(self, revision: int) -> str | None:
        """Which commit made a revision; None when it has not been made or is no longer on record."""
        return self._commits.get(revision)

    def take(self, changes: Sequence[ovsdb.Change]) -> tuple[list[Event], list[ClaimEvent], bool]:
        """Take in a batch: the document events in revision order, the claim events, and whether the events are whole."""
        before = self.meta.revision
        tables: dict[str, list[ovsdb.Change]] = {}
        for change in changes:
            tables.setdefault(change.table, []).append(change)
        for change in tables.get("Meta", ()):
            self.meta = change.new or self.meta
        for change in tables.get("Role", ()):
            self._take_role(change)
        for change in tables.get("Commit", ()):
            if change.new is not None:
                self._remember(change.new)
        events, whole = self._take_documents(tables.get("Document", ()))
        for change in tables.get("Commit", ()):
            if change.new is None:
                self._forget(change.old)
        return events, self._take_claims(tables.get("Claim", ())), whole and self.meta.revision >= before

    def _take_documents(self, changes: Iterable[ovsdb.Change]) -> tuple[list[Event], bool]:
        events = []
        whole = True
        for path, (old, new) in _by_name(changes, "path").items():
            if new is None or (old is not None and old.uuid != new.uuid):
                if (removal := self._removed_at(path, old)) is None:
                    whole = False
                else:
                    events.append(Event("DELETED", records.document(old), removal))
            if new is None:
                self.documents.remove(path)
                self.document_rows.pop(path, None)
                continue
            document = records.document(new)
            self.documents.put(path, document)
            self.document_rows[path] = new.uuid
            kept = old is not None and old.uuid == new.uuid
            events.append(Event("MODIFIED" if kept else "ADDED", document, document.revision))
        return sorted(events, key=lambda event: event.revision), whole

    def _take_claims(self, changes: Iterable[ovsdb.Change]) -> list[ClaimEvent]:
        events = []
        for key, (old, new) in _by_name(changes, "key").items():
            if new is None:
                self.claims.remove(key)
                self.claim_rows.pop(key, None)
            else:
                self.claims.put(key, records.claim(new))
                self.claim_rows[key] = new.uuid
            events.append(ClaimEvent(key, _claim(old), _claim(new)))
        return events

    def _take_role(self, change: ovsdb.Change) -> None:
        if change.new is not None:
            self.roles[change.new.name] = change.new
        else:
            self.roles.pop(change.old.name, None)

    def _remember(self, row: records.CommitRow) -> None:
        self._commits[row.revision] = row.ident
        for path in row.deleted:
            bisect.insort(self._deletions.setdefault(path, []), row.revision)

    def _forget(self, row: records.CommitRow) -> None:
        self._commits.pop(row.revision, None)
        for path in row.deleted:
            revisions = self._deletions.get(path, [])
            if row.revision in revisions:
                revisions.remove(row.revision)
            if not revisions:
                self._deletions.pop(path, None)

    def _removed_at(self, path: str, document: Document) -> int | None:
        revisions = self._deletions.get(path, [])
        position = bisect.bisect_right(revisions, document.revision)
        return revisions[position] if position < len(revisions) else None


def _by_name(changes: Iterable[ovsdb.Change], column: str) -> dict[str, tuple[Any, Any]]:
    """Rows before and after by their name: a row replaced by another of the same name counts as one change."""
    rows: dict[str, tuple[Any, Any]] = {}
    for change in changes:
        name = getattr(change.new or change.old, column)
        old, new = rows.get(name, (None, None))
        rows[name] = (change.old or old, change.new or new)
    return rows


def _claim(row: records.ClaimRow | None) -> Claim | None:
    return None if row is None else records.claim(row)
