"""Documents, claims and watches on the `Trunkline` database.

Reads are from memory and never wait.  A commit is one durable transaction; it is answered after its changes are in memory.
Several stores, in one process or many, may share the database.

Invariants: an acknowledged commit survives the end of any process; a commit happens at most once, also when the connection
breaks while it is under way; a writer whose role was taken over writes nothing more.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from trunkline.adapters import ovsdb
from trunkline.adapters.store import (
    chain,
    compaction,
    errors,
    feeds,
    history,
    memory,
    opening,
    pace,
    records,
    transaction,
    turns,
)
from trunkline.adapters.store.attempts import Attempts
from trunkline.adapters.store.documents import Change, Claim, Document
from trunkline.kit import clock

Claims = list[Claim]

_PIPELINE = 64  # chosen: enough to hide the round trip; a lost race repeats at most this many


class Store:
    """One program's view of the store.  Use as an async context manager.

    `role` and `holder` matter to `lead` only; `control` is the database server's control socket for `compact`.
    """

    def __init__(
        self,
        remote: str,
        *,
        role: str = "",
        holder: str = "",
        tls: ovsdb.Tls | None = None,
        probe: float = 5.0,
        connect_timeout: float | None = None,
        control: str = "",
        arriving: Callable[[Sequence[Document]], None] | None = None,
        claims_later: bool = False,
    ) -> None:
        """`arriving` is called with documents as they come while the store is being opened, so that a reader of everything
        can begin: a head start, not the truth.  By the time the store is open some may have changed or gone.

        `claims_later`: the store opens without claims, which are read when `know_claims` or a commit needs them.
        """
        self._client = ovsdb.Client(remote, records.DATABASE, tls=tls, probe=probe, connect_timeout=connect_timeout)
        self._role, self._holder, self._control = role, holder, control
        self._chain = chain.Chain()
        self._turns = turns.Turns()
        self._slots = asyncio.Semaphore(_PIPELINE)
        self._instance = uuid.uuid4().hex
        self._numbers = itertools.count(1)
        self._epoch: transaction.Epoch | None = None
        self._moved = asyncio.Event()
        self._opened = asyncio.Event()
        self._arriving = arriving
        self._claims_later = claims_later
        self._claims_known: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        try:
            steps = await opening.instalments(self._client)
            rows = [row for row in records.ROWS if not (self._claims_later and row is records.ClaimRow)]
            replica = await self._client.replicate(*rows, instalments=steps, listener=self._hear)
            await opening.ensure_meta(self._client, replica)
        except BaseException:
            await self._client.__aexit__(None, None, None)
            raise
        self._memory = memory.Memory(replica)
        if not self._claims_later:
            self._memory.know_claims(replica)
        self._history = history.History(self.revision)
        self._feeds = feeds.Feeds()
        self._pace = pace.Pace()
        self._opened.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._claims_known is not None:
            self._claims_known.cancel()
        self._history.close()
        self._feeds.close()
        await self._client.__aexit__(kind, error, trace)

    async def opened(self) -> None:
        """Wait until the store is open, for those that begin before; everything else here needs that it is."""
        await self._opened.wait()

    @property
    def revision(self) -> int:
        """The global revision that memory shows: that of the last commit which wrote a document."""
        return self._memory.meta.revision

    def get(self, path: str) -> Document | None:
        """The document at `path`, or None."""
        return self._memory.documents.get(path)

    def list(self, prefix: str) -> list[Document]:
        """The documents whose path starts with `prefix`, sorted by path; the cost grows with the matches only."""
        return [*self._memory.documents.starting_with(prefix)]

    def claim(self, key: str) -> Claim | None:
        """The claim on `key`, or None.

        Raises:
            BugError: claims were to come later, and nobody has waited for them.
        """
        return self._memory.claims.get(key)

    def claims(self, prefix: str) -> Claims:
        """The claims whose key starts with `prefix`, sorted by key.

        Raises:
            BugError: as `claim`.
        """
        return [*self._memory.claims.starting_with(prefix)]

    async def know_claims(self) -> None:
        """Read the claims if they were to come later and have not been read yet."""
        if self._memory.knows_claims:
            return
        if self._claims_known is None:
            self._claims_known = asyncio.create_task(self._read_claims())
        # Whoever gives up waiting does not stop it: others wait for the same.
        await asyncio.shield(self._claims_known)

    def watch(self, prefix: str, since: int) -> history.Watch:
        """Events after revision `since` of documents under `prefix`, in revision order, each once, for ever.

        Changes that this process did not see one by one (it was busy, or reconnecting) arrive merged: the latest state.

        Raises:
            Compacted: (also while iterating) the history does not reach back to `since`.
        """
        return self._history.watch(prefix, since)

    def subscribe_claims(self, prefix: str) -> feeds.ClaimFeed:
        """Batches of changes to claims under `prefix` from now on, merged per key while nobody reads."""
        return self._feeds.subscribe(prefix)

    async def commit(self, *changes: Change) -> int:
        """Make all changes or none, durably; answer the global revision afterwards.

        Claims alone do not move the revision.  Commits may run side by side; those that touch the same document or claim
        follow one another.

        Raises:
            Conflict, NotFound, AlreadyClaimed, Unstorable: an expectation does not hold; nothing happened.
            Fenced: another process leads this role; nothing happened.
            ovsdb.CommitInDoubt: the connection broke, and meanwhile too much happened to tell whether this did.
        """
        if not transaction.only_documents(changes):
            await self.know_claims()
        async with self._turns.hold(transaction.touched(changes)), self._slots:
            return await self._commit(changes)

    async def lead(self) -> None:
        """Take over the role: every earlier leader is fenced, and every later commit of this store carries the fence."""
        while True:
            known = self._memory.roles.get(self._role)
            number = known.epoch + 1 if known else 1
            row = {"epoch": number, "holder": self._holder}
            if known:
                where = ovsdb.by_uuid(known.uuid)
                ops = [ovsdb.wait("Role", where, [{"epoch": known.epoch}]), ovsdb.update("Role", where, row)]
            else:
                ops = [ovsdb.insert("Role", {"name": self._role, **row})]
            try:
                await self._client.transact([*ops, ovsdb.commit(durable=True)])
            except (ovsdb.TimedOut, ovsdb.ConstraintViolation):
                continue
            except ovsdb.CommitInDoubt:
                # Taking over once more does no harm: the number only has to grow.
                await self._client.live()
                continue
            self._epoch = transaction.Epoch(self._memory.roles[self._role].uuid, number)
            return

    async def overtaken(self) -> errors.Fenced:
        """Wait, after `lead`, until another process has taken over the role; answers what every later commit would raise."""
        while True:
            self._moved.clear()
            try:
                self._check_fence()
            except errors.Fenced as fence:
                return fence
            await self._moved.wait()

    async def compact(self) -> None:
        """Ask the server to rewrite its file without the history of changes.

        Raises:
            RemoteError: no control socket of the server can be reached from here.
        """
        await compaction.compact(self._client.remote, records.DATABASE, self._control)

    async def _commit(self, changes: Sequence[Change]) -> int:
        attempts = Attempts(changes, f"{self._instance}.{next(self._numbers)}")
        while (revision := attempts.outcome(self._memory)) is None:
            try:
                revision = await self._attempt(attempts)
                break
            except ovsdb.TimedOut:
                await asyncio.sleep(attempts.lost())
            except ovsdb.ConstraintViolation:
                if not attempts.violated():
                    raise
            except ovsdb.CommitInDoubt:
                await self._client.live()
        return revision

    async def _attempt(self, attempts: Attempts) -> int:
        if not attempts.writes_documents:
            self._check(attempts)
            return await self._send(attempts, None)
        async with self._pace.turn():
            self._check(attempts)
            return await self._write(attempts)

    def _check(self, attempts: Attempts) -> None:
        """Nothing may be awaited between this look at memory and the sending of what it allows."""
        self._check_fence()
        transaction.check(self._memory, attempts.changes)

    async def _write(self, attempts: Attempts) -> int:
        stored = transaction.Base(self._memory.meta.revision, self._memory.meta.commit)
        with self._chain.link(stored, attempts.ident) as base:
            return await self._send(attempts, base)

    async def _send(self, attempts: Attempts, base: transaction.Base | None) -> int:
        ops = transaction.operations(
            self._memory,
            attempts.changes,
            ident=attempts.ident,
            base=base,
            epoch=self._epoch,
            now=clock.rfc3339(clock.now()),
        )
        try:
            await self._client.transact(ops)
        except ovsdb.CommitInDoubt:
            attempts.in_doubt(base)
            raise
        return self.revision if base is None else base.revision + 1

    def _check_fence(self) -> None:
        role = self._memory.roles.get(self._role)
        if self._epoch is not None and (role is None or role.epoch != self._epoch.number):
            raise errors.Fenced(self._role, role.holder if role else "")

    async def _read_claims(self) -> None:
        try:
            replica = await self._client.replicate(records.ClaimRow)
        except BaseException:
            self._claims_known = None  # whoever asks next tries again
            raise
        self._memory.know_claims(replica)
        replica.listen(self._take)

    def _hear(self, changes: Sequence[ovsdb.Change]) -> None:
        if self._opened.is_set():
            self._take(changes)
        elif self._arriving is not None:
            self._arriving([records.document(each.new) for each in changes if each.table == "Document" and each.new])

    def _take(self, changes: Sequence[ovsdb.Change]) -> None:
        events, claim_events, whole = self._memory.take(changes)
        if whole:
            self._history.extend(events)
        else:
            self._history.restart(self.revision)
        if not self._memory.meta.commit.startswith(self._instance):
            self._pace.others_wrote()
        self._feeds.publish(claim_events)
        self._moved.set()
