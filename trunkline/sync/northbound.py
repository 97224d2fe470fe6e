"""Keeps the rows in OVN's northbound database what the intent says, and writes only differences.

The writer knows the desired rows, mirrors the tables they live in, and remembers the keys for which the two may differ:
keys of changed objects, and keys of rows that somebody else touched.  One round plans for those keys and writes one
transaction.  A key is done only when a plan for it is empty against the mirror, so a lost race, a foreign change and a
commit in doubt all heal in the same way: look again, plan again.

Invariants: nothing is written before the first `replace`, because until then nobody knows what is no longer wanted; a
plan is made only from a mirror that is current; one round costs in proportion to its keys.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from trunkline import ovn
from trunkline.adapters import ovsdb
from trunkline.intent import model
from trunkline.kit import problems
from trunkline.kit.problems import Problem
from trunkline.ovn import diff, schema
from trunkline.ovn.context import DEFAULT_OWNER
from trunkline.sync import transaction

log = logging.getLogger(__name__)

REFUSED = problems.register("TRK-0411", "The northbound database refuses a row.")

_GLOBAL = "NB_Global"
_NEXT = ovsdb.mutate(_GLOBAL, (), [("nb_cfg", "+=", 1)])
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
"""Seconds between rounds that do not come to an end; chosen: short enough for a race, long enough for a full disk."""


class Northbound:
    """The northbound rows of one `owner`, written through `client` (database `OVN_Northbound`)."""

    def __init__(self, client: ovsdb.Client, owner: str = DEFAULT_OWNER, *, numbered: bool = False) -> None:
        """`numbered`: every write also takes the next number, so that one can be told how far OVN has followed."""
        self._client = client
        self._numbered = numbered
        self._target = ovn.Target(owner)
        self._observed = ovn.Observed(owner)
        self._replica: ovsdb.Replica | None = None
        self._knows_all = False
        self._dirty: set[ovn.RowKey] = set()
        self._work = asyncio.Event()
        self._stuck: dict[ovn.RowKey, Problem] = {}
        self._revision = 0
        self._written = 0
        self._progress = asyncio.Condition()

    async def start(self) -> None:
        """Load the mirror of the tables; `run` may begin."""
        tables: dict[str, Sequence[str]] = {
            name: [*table.columns, *schema.SETS[name]] for name, table in schema.TABLES.items()
        }
        replica = await self._client.replicate_tables({**tables, _GLOBAL: ["nb_cfg", "sb_cfg", "hv_cfg"]})
        for name in schema.TABLES:
            for uuid, row in replica.table(name).items():
                self._put(name, uuid, row)
        replica.listen(self._take)
        self._replica = replica
        if self._numbered:
            await self._make_global()

    def replace(self, intent: model.Intent) -> int:
        """Take in the whole intent in place of everything known; answers a revision for `written`."""
        self._target.replace(intent)
        self._knows_all = True
        return self._mark({*self._target.rows, *self._observed.keys()})

    def apply(self, changed: Iterable[model.Object] = (), removed: Iterable[ovn.ObjectKey] = ()) -> int:
        """Take in new, changed and removed objects; answers a revision for `written`."""
        return self._mark(self._target.apply(changed, removed))

    @property
    def problems(self) -> Mapping[ovn.ObjectKey, tuple[Problem, ...]]:
        """What keeps rows of an object from being written, or is odd about it, by object."""
        found = dict(self._target.problems)
        for key, problem in self._stuck.items():
            found[key.object] = (*found.get(key.object, ()), problem)
        return found

    def problems_of(self, key: ovn.ObjectKey) -> tuple[Problem, ...]:
        """What keeps rows of one object from being written, or is odd about it."""
        stuck = (problem for row, problem in self._stuck.items() if row.object == key)
        return (*self._target.problems.get(key, ()), *stuck)

    @property
    def written_revision(self) -> int:
        """The revision up to which everything is in the database or among the `problems`."""
        return self._written

    @property
    def revision(self) -> int:
        """The revision of the newest change taken in."""
        return self._revision

    @property
    def number(self) -> int:
        """The number (`NB_Global.nb_cfg`) of the newest write, whoever made it; OVN tells how far it has followed by it."""
        rows = self._replica.table(_GLOBAL).values() if self._replica else ()
        return max((int(row.columns["nb_cfg"]) for row in rows), default=0)

    async def written(self, revision: int | None = None) -> None:
        """Wait until everything up to a revision (None: the newest) is in the database or among the `problems`."""
        wanted = self._revision if revision is None else revision
        async with self._progress:
            await self._progress.wait_for(lambda: self._written >= wanted)

    async def wait_realized(self, timeout: float, *, on_chassis: bool = True) -> None:
        """Wait until OVN has taken in all that is written now.

        Args:
            timeout: seconds.
            on_chassis: wait for the flows on every chassis; otherwise only for northd.

        Each call makes northd recompute once more.  A chassis that is down holds this up.

        Raises:
            TimeoutError: it did not happen in time.
        """
        assert self._replica is not None
        column = "hv_cfg" if on_chassis else "sb_cfg"
        table = self._replica.table(_GLOBAL)
        async with asyncio.timeout(timeout):
            # The row is made by whoever comes first, northd or a tool; without northd there is nothing to wait for.
            await self._replica.wait_for(lambda: bool(table), timeout)
            number = await self._next_nb_cfg()
            await self._replica.wait_for(lambda: any(row.columns[column] >= number for row in table.values()), timeout)

    async def run(self) -> None:
        """Write for ever.

        Raises:
            BugError: a row does not fit the database's schema.
        """
        pause = _FIRST_PAUSE
        while True:
            await self._work.wait()
            self._work.clear()
            if await self._round():
                pause = _FIRST_PAUSE
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._work.set()

    async def _round(self) -> bool:
        """Settle what is dirty now; False if some of it must be tried again."""
        await self._see_clearly()
        revision, keys = self._revision, self._dirty
        self._dirty = set()
        if await self._settle(keys) and self._plan(keys - self._stuck.keys()).operations:
            self._dirty |= keys
            return False
        # A plan is made from the newest state, so whatever marked these keys meanwhile is done as well.
        self._dirty -= keys
        async with self._progress:
            self._written = revision
            self._progress.notify_all()
        return True

    async def _settle(self, keys: set[ovn.RowKey]) -> bool:
        """Write what the keys lack, False if that is nothing.

        A refused transaction is halved until the guilty row stands alone.
        """
        plan = self._plan(keys)
        if not plan.operations:
            return False
        try:
            await self._client.transact([*transaction.operations(plan), *([_NEXT] if self._numbered else [])])
        except (ovsdb.ConstraintViolation, ovsdb.ReferentialIntegrityViolation) as error:
            if len(keys) == 1:
                self._refuse(keys.copy().pop(), error)
                return True
            ordered = sorted(keys)
            for half in (ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]):
                await self._settle(set(half))
        except ovsdb.CommitInDoubt as error:
            log.warning("northbound: %s; looking again", error)
            await self._see_clearly()
        except ovsdb.TransactionError as error:
            log.warning("northbound: %s; trying again", error)
        return True

    def _plan(self, keys: set[ovn.RowKey]) -> ovn.Plan:
        plan = ovn.plan(self._target.rows, self._observed, keys)
        for key in keys:
            self._stuck.pop(key, None)
        self._stuck.update(plan.problems)
        return plan

    def _refuse(self, key: ovn.RowKey, error: ovsdb.TransactionError) -> None:
        log.error("northbound: %s: %s", key, error)
        self._stuck[key] = Problem(code=REFUSED, object=str(key), found=error.details or error.error)

    async def _see_clearly(self) -> None:
        """Return when the mirror is current: an empty transaction passes only on a connection that has caught up."""
        if not self._client.connected:
            await self._client.transact([])

    async def _next_nb_cfg(self) -> int:
        while True:
            try:
                results = await self._client.transact([_NEXT, ovsdb.select(_GLOBAL, (), ["nb_cfg"])])
            except ovsdb.CommitInDoubt:
                continue  # One number too many does no harm.
            return int(results[1]["rows"][0]["nb_cfg"])

    async def _make_global(self) -> None:
        """Make the one row that holds the numbers, if neither northd nor a tool has made it."""
        assert self._replica is not None
        while not self._replica.table(_GLOBAL):
            try:
                await self._client.transact([ovsdb.insert(_GLOBAL, {})])
            except ovsdb.ConstraintViolation:
                pass  # Somebody else made it, and the mirror has seen it before this answer.
            except ovsdb.CommitInDoubt:
                await self._client.live()

    def _take(self, changes: list[ovsdb.Change]) -> None:
        touched: set[ovn.RowKey] = set()
        for change in changes:
            if change.table == _GLOBAL:
                continue
            if change.new is None:
                touched |= self._observed.remove(change.table, ovn.RowUuid(change.uuid))
            else:
                touched |= self._put(change.table, change.uuid, change.new)
        # Whoever held a name may have left with any of these changes.
        touched |= {key for key, problem in self._stuck.items() if problem.code == diff.NAME_TAKEN}
        if touched:
            self._mark(touched)

    def _put(self, table: str, uuid: str, row: ovsdb.GenericRow) -> set[ovn.RowKey]:
        children = {column: row.columns[column] for column in schema.SETS[table]}
        return self._observed.put(table, ovn.RowUuid(uuid), row.columns, children)

    def _mark(self, keys: set[ovn.RowKey]) -> int:
        self._revision += 1
        self._dirty |= keys
        if self._knows_all:
            self._work.set()
        return self._revision
