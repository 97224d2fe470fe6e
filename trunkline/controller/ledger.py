"""The address ledger: the book in memory and the claims in the store, which are the truth.

The book runs ahead of the store only between `enter` and the end of `settle`; when the store says no, somebody else wrote
claims, and the book is read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from trunkline.adapters import store as stores
from trunkline.ipam import book as books
from trunkline.ipam import leases

_log = structlog.get_logger(__name__)


class Contested(Exception):
    """Somebody else changed claims that this ledger counted on; it has been read anew, decide again."""


class Ledger:
    """All address leases, durable."""

    def __init__(self, store: stores.Store) -> None:
        self._store = store
        self.book = self._read()

    def _read(self) -> books.Book:
        return books.Book(leases.decode(claim.body) for claim in self._store.claims(leases.PREFIX))

    async def commit(self, changes: Sequence[leases.LeaseChange]) -> None:
        """Make lease changes that the book shows already durable, all or none.

        Raises:
            Contested: the store holds something else; the book has been read anew.
        """
        if not changes:
            return
        try:
            await self._store.commit(*(_claim_change(change) for change in changes))
        except (stores.AlreadyClaimed, stores.NotFound) as error:
            self.book = self._read()
            _log.warning("address claims were changed by somebody else", error=str(error))
            raise Contested from error

    def enter(self, changes: Iterable[leases.LeaseChange]) -> None:
        """Show changes in the book; `commit` them before anything relies on them."""
        self.book.apply(changes)


def _owner(lease: leases.Lease) -> str:
    """The claim's owner column: the pod's UID, or the place that the address is kept for."""
    return lease.pod.uid if lease.pod else str(lease.stateful_set)


def _claim_change(change: leases.LeaseChange) -> stores.Change:
    if isinstance(change, leases.Take):
        return stores.Take(change.lease.key, _owner(change.lease), change.lease.encode())
    if isinstance(change, leases.Release):
        return stores.Release(change.lease.key, _owner(change.lease))
    return stores.Update(change.before.key, _owner(change.before), change.after.encode(), heir=_owner(change.after))
