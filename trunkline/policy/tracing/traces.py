"""All traceflows of a manager: started by every write, ended by their deletion, kept for as long as they are wanted.

What a run found is stored, so that a restart forgets nothing.  A run that a restart cut short is over and says so.
A transient traceflow goes when nobody has asked about it for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog

from trunkline.adapters import store as documents
from trunkline.dialects.nsx import change, paths
from trunkline.dialects.nsx.rules import traceflows
from trunkline.dialects.nsx.traceflow.observed import PROVIDER, Remark
from trunkline.dialects.nsx.traceflow.outcome import Outcome
from trunkline.dialects.nsx.tree import Tree
from trunkline.kit import clock, problems
from trunkline.policy.agendas import Agendas
from trunkline.policy.settings import Settings
from trunkline.policy.tracing import run

AT_ONCE = 16
"""How many runs go on at the same time; the others wait.  Chosen: each is a process that reads the southbound database."""

_DOCUMENT, _KIND = "policy/traces", "PolicyTrace"
_INTERRUPTED = Outcome(
    operation="FAILED", analysis=(Remark("the manager was restarted before the trace was over; restart it"),)
)
_SWEEPS = 20  # in the lifetime of a transient traceflow

_log = structlog.get_logger(__name__)

Erase = Callable[[str], Awaitable[object]]


class Traces:
    """Runs and their outcomes, by path of the traceflow."""

    def __init__(self, store: documents.Store, settings: Settings, tree: Tree, agendas: Agendas) -> None:
        self._store, self._settings, self._tree, self._agendas = store, settings, tree, agendas
        self._running: dict[str, asyncio.Task[None]] = {}
        self._used_ms: dict[str, int] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def outcome(self, path: str) -> Outcome:
        """What is known of the latest run of the traceflow at a path; asking keeps a transient one."""
        self._used_ms[path] = _now_ms()
        if path in self._running:
            return Outcome()
        found = self._store.get(_DOCUMENT + path)
        return _read(found.body) if found else _INTERRUPTED

    def follow(self, steps: Iterable[change.Step], planned: change.Plan) -> None:
        """Start what has been written, whether or not it is another than before, and end what is gone."""
        for target in (paths.resolve(step.path) for step in steps if isinstance(step, change.Write)):
            if target is not None and target.resource.type == traceflows.KIND:
                self.start(target.path)
        for removed in planned.removed:
            if removed.path in self._running or self._store.get(_DOCUMENT + removed.path):
                self._forget(removed.path)

    def start(self, path: str) -> None:
        """Run the traceflow at a path, in place of a run that goes on."""
        self._stop(path)
        self._used_ms[path] = _now_ms()
        self._running[path] = asyncio.create_task(self._run(path))

    async def expire(self, erase: Erase) -> None:
        """Have transient traceflows erased that nobody asks about any more, for ever."""
        lifetime_ms = int(self._settings.transient_traces * 1000)
        while True:
            await asyncio.sleep(self._settings.transient_traces / _SWEEPS)
            for entry in list(self._tree.of_kind(traceflows.KIND)):
                body = entry.body
                used_ms = max(body["_last_modified_time"], self._used_ms.get(entry.path, 0))
                if body["is_transient"] and entry.path not in self._running and _now_ms() - used_ms > lifetime_ms:
                    await self._expired(entry.path, erase)

    async def close(self) -> None:
        """End all runs."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, path: str) -> None:
        async with self._turns:
            body = self._tree.body(path)
            if body is None:
                return
            try:
                outcome = await run.run(body, self._tree, self._settings.southbound, self._agendas)
            except Exception as error:
                _log.exception("a trace broke down", path=path)
                why = f"the manager met a case it was not made for: {error!r}"
                outcome = Outcome(operation="FAILED", analysis=(Remark(why, PROVIDER),))
        await self._keep(documents.Put(_DOCUMENT + path, _KIND, msgspec.json.encode(outcome)))
        if self._running.get(path) is asyncio.current_task():
            del self._running[path]

    def _stop(self, path: str) -> None:
        if task := self._running.pop(path, None):
            task.cancel()

    def _forget(self, path: str) -> None:
        self._stop(path)
        self._used_ms.pop(path, None)
        self._running[path] = asyncio.create_task(self._forgotten(path))

    async def _forgotten(self, path: str) -> None:
        if self._store.get(_DOCUMENT + path):
            await self._keep(documents.Delete(_DOCUMENT + path))
        if self._running.get(path) is asyncio.current_task():
            del self._running[path]

    async def _keep(self, written: documents.Change) -> None:
        try:
            await self._store.commit(written)
        except (problems.RemoteError, documents.NotFound) as error:
            _log.warning("what a trace found could not be stored", error=str(error))

    async def _expired(self, path: str, erase: Erase) -> None:
        try:
            await erase(path)
            _log.info("transient traceflow erased", path=path)
        except problems.TrunklineError as error:
            _log.warning("a transient traceflow could not be erased", path=path, error=str(error))


def _read(stored: bytes) -> Outcome:
    """The outcome; what an earlier version stored without saying whose it is, nobody can be shown."""
    try:
        return msgspec.json.decode(stored, type=Outcome)
    except msgspec.ValidationError:
        return Outcome(operation="FAILED", analysis=(Remark("told by an earlier version; restart it"),))


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)
