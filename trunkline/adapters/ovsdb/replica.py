"""A live copy of some tables, kept by `monitor_cond_since`.

Reads never wait: they look at memory.  The copy changes only while a message of the server is handled, whole batches at a
time, so between two `await`s a reader sees one consistent state.  The server sends updates before it answers a
transaction of the same connection, so a writer that has its answer sees its own write.

A large copy may be loaded in instalments: the server prepares the next while the one before is read here, and neither ever
holds all of it as one message.

Invariants: after a reconnect the copy continues from the last transaction it saw, or is replaced by a fresh snapshot and
the differences are reported like any other change; a copy that is not whole yet never continues; a subscription holds at
most one change per row.

Source: ovsdb-server(7) sections 4.1.15 to 4.1.17.
"""

from __future__ import annotations

import asyncio
import types
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast, overload

import msgspec

from trunkline.adapters.ovsdb import operations, rows
from trunkline.adapters.ovsdb.rows import AnyRow, GenericRow, RowT
from trunkline.adapters.ovsdb.schema import NO_UUID, DatabaseSchema, RowUuid

T = TypeVar("T")

Tables = dict[str, dict[RowUuid, AnyRow]]
Conditions = Mapping[str, Sequence[operations.Condition]]
"""Per table: rows that satisfy any of the conditions are monitored."""


class Change(msgspec.Struct, frozen=True):
    """One row before and after; `old` is None for a new row, `new` for a deleted one."""

    table: str
    uuid: RowUuid
    old: Any
    new: Any


Listener = Callable[[list[Change]], None]


class Request(msgspec.Struct, frozen=True):
    """What to ask the server for: `tables` first, from transaction `since`; then each of `widened`, in this order."""

    tables: dict[str, Any]
    since: str
    widened: tuple[dict[str, Any], ...]


class Replica:
    """Some tables of one database, up to date as far as the server has told."""

    def __init__(
        self,
        bind: Callable[[DatabaseSchema], Sequence[rows.Reader]],
        where: Conditions,
        instalments: Sequence[Conditions] = (),
    ) -> None:
        """`instalments` are wider and wider conditions for some tables, which stand in for those of `where` at first."""
        self.generation = 0
        """Counts the batches of changes taken in."""
        self._bind = bind
        self._where = where
        self._instalments = instalments
        self._whole = False
        self._readers: dict[str, rows.Reader] = {}
        self._tables: Tables = {}
        self._last_transaction: str = NO_UUID
        self._listeners: list[Listener] = []
        self._subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._updated = asyncio.Event()

    @overload
    def table(self, row: type[RowT]) -> Mapping[RowUuid, RowT]: ...
    @overload
    def table(self, row: str) -> Mapping[RowUuid, GenericRow]: ...
    def table(self, row: type[rows.Row] | str) -> Mapping[RowUuid, Any]:
        """The rows of a table, by uuid: a live view, given a declared row type or (of a generic replica) a name."""
        return types.MappingProxyType(self._tables[row if isinstance(row, str) else row.__ovsdb_table__])

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each batch at the moment it is taken in; the answer stops that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe(self) -> Subscription:
        """Batches of changes from now on, for a reader with a pace of its own."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    async def wait_for(self, predicate: Callable[[], T | None], timeout: float) -> T:
        """Wait until `predicate` answers something other than None or False, and answer that.

        It is evaluated now and after each batch.

        Raises:
            TimeoutError: it did not within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while (value := predicate()) is None or value is False:
                await self._updated.wait()
        return value

    def monitor_request(self, schema: DatabaseSchema) -> Request:
        """What to ask the server for; `loaded` is to be called when all of it has been answered.

        Raises:
            SchemaMismatch: a declared row does not fit the schema.
        """
        self._readers = {reader.table: reader for reader in self._bind(schema)}
        # What is there already must not seem to go and come back, so instalments are for the first time only.
        first, *later = [*self._instalments, self._where] if self.generation == 0 else [self._where]
        return Request(
            tables={
                name: [{"columns": list(reader.columns), "where": self._condition(schema, name, first)}]
                for name, reader in self._readers.items()
            },
            since=self._last_transaction if self._whole else NO_UUID,
            widened=tuple(
                {name: [{"where": self._condition(schema, name, conditions)}] for name in self._instalments[0]}
                for conditions in later
            ),
        )

    def loaded(self) -> None:
        """Everything that was asked for is there."""
        self._whole = True

    def take_answer(self, answer: Any) -> None:
        """Take in the answer to `monitor_cond_since`: what was missed, or a snapshot."""
        found, self._last_transaction, updates = answer
        if found:
            self._take(self._apply(updates))
        else:
            self._take(self._replace(updates))

    def take_update(self, transaction: str, updates: Mapping[str, Any]) -> None:
        """Take in an `update3`."""
        self._last_transaction = transaction
        self._take(self._apply(updates))

    def close(self) -> None:
        """End every subscription; nothing more will come."""
        for subscription in list(self._subscriptions):
            subscription.close()

    def _condition(self, schema: DatabaseSchema, table: str, stage: Conditions) -> list[Any]:
        where = stage.get(table, self._where.get(table))
        return [True] if where is None else operations.conditions(schema.table(table), where)

    def _replace(self, snapshot: Mapping[str, Any]) -> list[Change]:
        previous = self._tables
        self._tables = {
            name: {uuid: reader.fresh(uuid, update["initial"]) for uuid, update in snapshot.get(name, {}).items()}
            for name, reader in self._readers.items()
        }
        observed = bool(self._listeners or self._subscriptions)
        return list(_differences(previous, self._tables)) if observed else []

    def _apply(self, updates: Mapping[str, Any]) -> list[Change]:
        changes = []
        for name, table_updates in updates.items():
            reader, table = self._readers[name], self._tables[name]
            for uuid, update in table_updates.items():
                old = table.get(uuid)
                new = _after(reader, uuid, old, update)
                if new is None:
                    table.pop(uuid, None)
                else:
                    table[uuid] = new
                changes.append(Change(name, uuid, old, new))
        return changes

    def _take(self, changes: list[Change]) -> None:
        self.generation += 1
        if changes:
            for listener in list(self._listeners):
                listener(changes)
            for subscription in list(self._subscriptions):
                subscription.add(changes)
        self._updated.set()
        self._updated.clear()


class Subscription:
    """An async iterator of batches.  What comes between two reads is merged: one change per row, from the state that was
    read last to the newest; a row that came and went is not mentioned."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, RowUuid], Change] = {}
        self._ready = asyncio.Event()
        self._closed = False

    def add(self, changes: Sequence[Change]) -> None:
        """Merge a batch into what is waiting to be read."""
        for change in changes:
            key = (change.table, change.uuid)
            earlier = self._changes.pop(key, None)
            merged = change if earlier is None else Change(change.table, change.uuid, earlier.old, change.new)
            if merged.old != merged.new:
                self._changes[key] = merged
        if self._changes:
            self._ready.set()

    def pending(self) -> list[Change]:
        """Take what is waiting, without waiting for more."""
        changes, self._changes = list(self._changes.values()), {}
        if not self._closed:
            self._ready.clear()
        return changes

    def close(self) -> None:
        """Let the iteration end after what is waiting."""
        self._closed = True
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[list[Change]]:
        return self

    async def __anext__(self) -> list[Change]:
        while not self._changes:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self.pending()


def _differences(before: Tables, after: Tables) -> Iterator[Change]:
    for name, new in after.items():
        old = before.get(name, {})
        yield from (Change(name, uuid, row, None) for uuid, row in old.items() if uuid not in new)
        yield from (Change(name, uuid, old.get(uuid), row) for uuid, row in new.items() if old.get(uuid) != row)


def _after(reader: rows.Reader, uuid: RowUuid, old: AnyRow | None, update: Mapping[str, Any]) -> AnyRow | None:
    match update:
        case {"modify": difference}:
            return reader.modified(cast(AnyRow, old), difference)
        case {"delete": _}:
            return None
        case {"insert": wire} | {"initial": wire}:
            return reader.fresh(uuid, wire)
    raise AssertionError(f"unknown row update {update!r}")
