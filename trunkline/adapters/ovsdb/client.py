"""The asyncio shell: sockets, tasks and futures around `protocol.Session`.

A client keeps one connection for ever: it tries its remotes in turn, asks the `_Server` database whether the server may be
written to (the leader, when the database is clustered), reads the schema, resumes its replicas, and only then lets
transactions through.

Invariants: a transaction is sent at most once; one that was sent and not answered ends in `CommitInDoubt`; replies and
updates are taken in in the order in which the server sent them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from trunkline.adapters.ovsdb import errors, link, operations, reconnect, remotes, rows
from trunkline.adapters.ovsdb import schema as schemas
from trunkline.adapters.ovsdb.replica import Conditions, Listener, Replica
from trunkline.kit import problems

log = logging.getLogger(__name__)

_FIRST_BACKOFF = 0.05


class ServerDatabase(rows.Row, table="Database"):
    """What a server says of one of its databases; source: ovsdb-server(5)."""

    name: str
    model: str
    connected: bool
    leader: bool


class Client:
    """A connection to one database.  Use as an async context manager, which waits for the first connection."""

    def __init__(
        self,
        remote: str,
        database: str,
        *,
        tls: remotes.Tls | None = None,
        probe: float = 5.0,
        max_backoff: float = 0.5,
        connect_timeout: float | None = None,
    ) -> None:
        """`connect_timeout` bounds the wait on entry (None: for ever); later reconnections never give up."""
        self.remote = remote
        self.database = database
        self.clustered = False
        """Whether the database is replicated over several servers (after connect)."""
        self._tls = tls
        self._probe = probe
        self._connect_timeout = connect_timeout
        self._reconnect = reconnect.Reconnect(remotes.split(remote), minimum=_FIRST_BACKOFF, maximum=max_backoff)
        self._replicas: dict[str, Replica] = {}
        self._next_replica = 1
        self._schema: schemas.DatabaseSchema | None = None
        self._link: link.Link | None = None
        self._linked = asyncio.Event()
        self._trouble = "not tried yet"
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_connected(), name=f"ovsdb {self.database}")
        self._task.add_done_callback(lambda _: self._linked.set())
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._live()
        except BaseException as error:
            await self._stop()
            if isinstance(error, TimeoutError):
                raise errors.Unreachable(self.remote, self._trouble) from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def schema(self) -> schemas.DatabaseSchema:
        """The server's schema, as of the last connection.

        Raises:
            Unreachable: there has been no connection yet.
        """
        if self._schema is None:
            raise errors.Unreachable(self.remote, self._trouble)
        return self._schema

    @property
    def connected(self) -> bool:
        """Whether transactions pass at this moment."""
        return self._link is not None

    async def live(self) -> None:
        """Wait until transactions pass; every replica has then caught up with what happened before.

        Raises:
            Unreachable: the client is closed.
        """
        await self._live()

    async def transact(self, ops: Sequence[operations.Operation]) -> list[dict[str, Any]]:
        """Run the operations as one transaction and answer their results; waits for a connection if there is none.

        Raises:
            TransactionError: the server refused (see `errors` for its subclasses); nothing happened.
            CommitInDoubt: the connection broke after the transaction was sent.
        """
        while True:
            session = await self._live()
            try:
                answer = await session.call("transact", [self.database, *[op.wire(self.schema) for op in ops]])
            except link.NotSent:
                self._retire(session)
                continue
            except link.LinkLost as error:
                if any(op.changes_something for op in ops):
                    raise errors.CommitInDoubt(str(error)) from error
                continue
            try:
                _raise_refusal(answer, len(ops))
            except errors.CommitInDoubt as error:
                # What this server knows is not the cluster's last word: whoever reads next reads from a new connection.
                session.drop(str(error))
                raise
            return [operations.result(self.schema, op, wire) for op, wire in zip(ops, answer, strict=True)]

    async def caught_up(self, timeout: float) -> None:
        """Wait until every replica has heard of all that the database held when this was called, whoever wrote it.

        A writer that has its answer has heard of its own write.  This is for the others: a writer that was cancelled while it
        waited for its answer, another program, and whoever was called by one that has just seen the database itself.

        Raises:
            Unreachable: the server did not answer within `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self.transact([])
        except TimeoutError as error:
            raise errors.Unreachable(self.remote, self._trouble or f"no answer within {timeout:g} s") from error

    async def replicate(
        self,
        *row_types: type[rows.Row],
        where: Mapping[type[rows.Row], Any] | None = None,
        instalments: Sequence[Mapping[type[rows.Row], Any]] = (),
        listener: Listener | None = None,
    ) -> Replica:
        """Keep a copy of the declared columns of some tables; answers when the first snapshot is in.

        `where` limits a table to the rows that satisfy any of its conditions, for example
        `{Interface: [("name", "==", "eth0")]}`.  `instalments` are conditions, each wider than the one before and all about
        the same tables, under which a large copy is loaded bit by bit before `where` holds.  `listener` is called from the
        first batch on, as `Replica.listen` would call it.

        Raises:
            SchemaMismatch: a declaration does not fit the schema.
        """

        def bind(known: schemas.DatabaseSchema) -> list[rows.Reader]:
            return [rows.TypedReader(row, known) for row in row_types]

        replica = Replica(bind, _by_name(where or {}), [_by_name(each) for each in instalments])
        if listener is not None:
            replica.listen(listener)
        return await self._replicate(replica)

    async def replicate_tables(self, tables: Mapping[str, Sequence[str] | None]) -> Replica:
        """Keep a copy of whole tables (None) or of some of their columns, as `GenericRow`s.

        Raises:
            SchemaMismatch: a table or column is not in the schema.
        """

        def bind(known: schemas.DatabaseSchema) -> list[rows.Reader]:
            return [rows.GenericReader(table, columns, known) for table, columns in tables.items()]

        return await self._replicate(Replica(bind, {}))

    async def forget(self, replica: Replica) -> None:
        """Stop keeping a copy; its subscriptions end."""
        name = next(name for name, kept in self._replicas.items() if kept is replica)
        del self._replicas[name]
        replica.close()
        if self._link is not None:
            with contextlib.suppress(link.LinkLost):
                await self._link.call("monitor_cancel", [name])

    async def _replicate(self, replica: Replica) -> Replica:
        name, self._next_replica = f"replica-{self._next_replica}", self._next_replica + 1
        session = await self._live()
        self._replicas[name] = replica
        try:
            await session.monitor(self.database, name, replica, self.schema)
        except link.LinkLost:
            # The replica is registered: the next connection loads it before it counts as live.
            self._retire(session)
            await self._live()
        except BaseException:
            del self._replicas[name]
            raise
        return replica

    async def _live(self) -> link.Link:
        while self._link is None:
            if self._task is None or self._task.done():
                raise errors.Unreachable(self.remote, "the client is closed")
            await self._linked.wait()
        return self._link

    def _new_link(self) -> link.Link:
        return link.Link(self._probe, self._replicas, self._retire)

    def _retire(self, session: link.Link) -> None:
        if self._link is session:
            self._link = None
            self._linked.clear()

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._reconnect.delay)
            try:
                session = await self._establish(self._reconnect.remote)
            except (OSError, TimeoutError, link.LinkLost, problems.TrunklineError) as error:
                self._note(f"{self._reconnect.remote}: {error or type(error).__name__}")
                self._reconnect.failed()
                continue
            self._trouble = ""
            self._reconnect.connected(loop.time())
            self._link = session
            self._linked.set()
            try:
                reason = await asyncio.shield(session.lost)
            finally:
                session.drop("the client was closed")
            self._note(f"{self._reconnect.remote}: {reason}")
            self._reconnect.lost(loop.time())

    async def _establish(self, remote: str) -> link.Link:
        async with asyncio.timeout(2 * self._probe):  # as long as an established connection may stay silent
            session = await remotes.connect(remote, self._new_link, self._tls)
        try:
            await self._check_server(session)
            known = schemas.parse(await session.call("get_schema", [self.database]))
            self._schema = known
            for name, replica in list(self._replicas.items()):
                await session.monitor(self.database, name, replica, known)
        except BaseException:
            session.drop("the connection could not be set up")
            raise
        return session

    async def _check_server(self, session: link.Link) -> None:
        """Refuse a server that does not serve the database, or follows; leave it when it stops leading."""
        known = schemas.parse(await session.call("get_schema", ["_Server"]))
        server = Replica(lambda schema_: [rows.TypedReader(ServerDatabase, schema_)], {})
        await session.monitor("_Server", "_server", server, known)
        reason = self._unfit(server)
        if reason:
            raise errors.Unreachable(session.peer, reason)
        server.listen(lambda _: session.drop(reason) if (reason := self._unfit(server)) else None)

    def _unfit(self, server: Replica) -> str:
        found = next((row for row in server.table(ServerDatabase).values() if row.name == self.database), None)
        if found is None:
            return f"the server has no database {self.database}"
        self.clustered = found.model == "clustered"
        if not found.connected:
            return f"the server has no connection to the cluster of {self.database}"
        return "" if found.leader or not self.clustered else f"the server does not lead the cluster of {self.database}"

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("ovsdb %s: %s", self.database, trouble)
        self._trouble = trouble

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for replica in self._replicas.values():
            replica.close()


def _by_name(conditions: Mapping[type[rows.Row], Any]) -> Conditions:
    return {row.__ovsdb_table__: any_of for row, any_of in conditions.items()}


def _raise_refusal(answer: Sequence[Any], expected: int) -> None:
    """Operation errors stand in their place; a failed commit is one element more."""
    for index, item in enumerate(answer):
        if isinstance(item, dict) and "error" in item:
            raise errors.from_wire(item, index if index < expected else None)
