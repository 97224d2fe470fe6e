"""The loop: see what the manager has, plan, carry out, ask what became of it, tell.

Level-triggered: each round starts from what is there.  It runs when pools or nodes change, soon again while something is not realised,
with growing pauses while the manager refuses or is away, and now and then in any case, because the manager tells us nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import structlog

from trunkline.adapters.nsx import Basic, Bearer, Nsx, Realized, Session, errors, in_file, tls_context
from trunkline.controller.publishing import Publisher
from trunkline.controller.segments import carry, locate, observe, plan, routable, verdicts
from trunkline.controller.segments.board import Board
from trunkline.controller.segments.documents import Shape
from trunkline.controller.segments.routable import Wanted
from trunkline.controller.segments.settings import PolicyApi
from trunkline.controller.segments.verdicts import Standing
from trunkline.controller.world import World
from trunkline.dialects.antrea import status
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.dialects.antrea.external_ippools import ExternalIPPool
from trunkline.dialects.antrea.status import Condition
from trunkline.kit import problems
from trunkline.kit.ids import NetworkId

_FIRST_PAUSE = 0.5  # seconds; doubled each time (chosen: a binding is realised within a second)
_LONGEST_PAUSE = 60.0
_FILES_PAUSE = 1.0
_LOCK_OUT_PAUSE = 240.0  # five wrong logins in fifteen minutes lock a user out

_log = structlog.get_logger(__name__)


def connect(settings: PolicyApi) -> Nsx:
    """A client for the manager of the settings (checked); no packet is sent yet.

    Raises:
        IntentError: a TLS file cannot be used.
    """
    context = tls_context(settings.ca, settings.certificate, settings.key)
    match settings.auth:
        case "basic":
            return Nsx(settings.url, context, Basic(settings.user, in_file(settings.password_file)))
        case "session":
            return Nsx(settings.url, context, Session(settings.user, in_file(settings.password_file)))
        case "bearer":
            return Nsx(settings.url, context, Bearer(in_file(settings.token_file)))
        case "certificate":
            return Nsx(settings.url, context)


def shape(settings: PolicyApi) -> Shape:
    """How the documents of these settings look."""
    return Shape(
        cluster=settings.cluster,
        root=settings.root,
        parents=tuple(dict.fromkeys(settings.parents)),
        vlan_backed=settings.backing == "vlan",
        transport_zone=settings.transport_zone,
        tier1=settings.tier1,
    )


def _ages(settings: PolicyApi) -> list[float]:
    """When each file that says who we are was last written; 0 for one that is not there."""
    files = (settings.password_file, settings.token_file, settings.certificate, settings.key)
    return [Path(file).stat().st_mtime if Path(file).is_file() else 0.0 for file in files]


class Segments:
    """Keeps the cluster's child segments what its pools say.

    `world` must hold everything that is there before `run`: a pool that is not in it has no child segment.  `changed` is set
    by whoever sees a pool or a node change; `in_use` answers the networks that addresses are leased on.
    """

    def __init__(
        self,
        settings: PolicyApi,
        world: World,
        publisher: Publisher,
        board: Board,
        changed: asyncio.Event,
        in_use: Callable[[], Iterable[NetworkId]],
    ) -> None:
        self._longest = min(settings.reobserve_seconds, _LONGEST_PAUSE)
        self._settings, self._shape = settings, shape(settings)
        self._world, self._publisher, self._board = world, publisher, board
        self._changed, self._in_use = changed, in_use

    async def run(self) -> None:
        """Run rounds for ever."""
        pause = _FIRST_PAUSE
        while True:
            # Anew after a failure, because the manager's authority or our certificate may have been replaced in its file.
            async with await self._connected() as nsx:
                pause = await self._until_failure(nsx, pause)

    async def _until_failure(self, nsx: Nsx, pause: float) -> float:
        """Run rounds until one fails, and wait after that; seconds to wait should the next one fail, too."""
        while True:
            self._changed.clear()
            pools, shown = self._world.all_pools(), _ages(self._settings)
            try:
                standing, shape = await self._round(nsx, pools)
            except problems.TrunklineError as error:
                await (
                    self._refused(error, shown) if isinstance(error, errors.Forbidden) else self._failed(error, pause)
                )
                return min(pause * 2, self._longest)
            told = {pool.source.uid: (pool, self._verdict(pool, standing, shape)) for pool in pools}
            self._tell(told)
            settled = not standing.failures and verdicts.all_settled(verdict for _, verdict in told.values())
            woken = await self._wait(self._settings.reobserve_seconds if settled else pause)
            pause = _FIRST_PAUSE if settled or woken else min(pause * 2, self._longest)

    async def _connected(self) -> Nsx:
        """A client, as soon as its TLS files are there: a manager that starts beside us has yet to write its authority."""
        while True:
            try:
                return connect(self._settings)
            except problems.IntentError as error:
                await self._failed(error, _FILES_PAUSE)

    async def _refused(self, error: problems.TrunklineError, shown: list[float]) -> None:
        """Tell that we may not, and wait until another secret than `shown` is there, or perhaps other rights."""
        await self._failed(error, _LOCK_OUT_PAUSE, lambda: _ages(self._settings) != shown)

    async def _failed(
        self, error: problems.TrunklineError, pause: float, over: Callable[[], bool] = lambda: False
    ) -> None:
        """Tell that nothing can be known now, also of a pool that comes meanwhile, and wait so long, or until it is `over`."""
        _log.warning("policy manager cannot be worked with", error=str(error), again_in=pause)
        loop = asyncio.get_running_loop()
        until = loop.time() + pause
        news = True
        while (left := until - loop.time()) > 0 and not over():
            if news:
                self._changed.clear()
                self._tell({pool.source.uid: (pool, verdicts.unknown(error)) for pool in self._world.all_pools()})
            news = await self._wait(min(left, _FILES_PAUSE))

    async def _round(self, nsx: Nsx, pools: Iterable[AnyPool]) -> tuple[Standing, Shape]:
        shape, missing = await self._parents(nsx)
        wanted = routable.gathered((each for pool in pools for each in routable.of_pool(pool)), self._in_use())
        planned = plan.plan(wanted, await observe.observe(nsx, shape), shape)
        failures = await carry.carry_out(nsx, shape, planned.calls)
        realized = await self._realized(nsx, shape, wanted, planned, failures)
        return Standing(plan=planned, failures=failures, realized=realized, missing=missing), shape

    async def _parents(self, nsx: Nsx) -> tuple[Shape, Mapping[str, str]]:
        """The shape of this round's documents, and the nodes whose segments are not known.

        As long as there is such a node, every parent that is bound stays bound: it may be this one's.
        """
        if self._shape.parents:
            return self._shape, {}
        found = await locate.locate(nsx, self._shape, self._world.nodes)
        parents = set(found.parents) | (await observe.bound(nsx, self._shape) if found.missing else set())
        return msgspec.structs.replace(self._shape, parents=tuple(sorted(parents))), found.missing

    async def _realized(
        self,
        nsx: Nsx,
        shape: Shape,
        wanted: Mapping[int, Wanted],
        planned: plan.Plan,
        failures: Mapping[str, object],
    ) -> dict[str, tuple[Realized, str]]:
        """What became of each binding that stands."""
        barred = {(each.vlan, each.parent) for each in planned.conflicts}
        pairs = [(vlan, parent) for vlan in wanted for parent in shape.parents if (vlan, parent) not in barred]
        paths = [shape.binding(vlan, parent) for vlan, parent in pairs if shape.child(vlan) not in failures]
        paths = [path for path in paths if path not in failures]
        states = await asyncio.gather(*(nsx.realized(path, root=shape.root) for path in paths))
        return dict(zip(paths, states, strict=True))

    def _verdict(self, pool: AnyPool, standing: Standing, shape: Shape) -> Condition:
        if isinstance(pool, ExternalIPPool) and not pool.has_subnet:
            return verdicts.untagged()
        return verdicts.condition(tuple(routable.of_pool(pool)), standing, shape)

    async def _wait(self, seconds: float) -> bool:
        """Wait so long, or until a pool changes; whether one did."""
        try:
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        except TimeoutError:
            return False

    def _tell(self, found: Mapping[str, tuple[AnyPool, Condition]]) -> None:
        """Post the verdicts, and publish those that the API server does not have."""
        self._board.post(found)
        for pool, verdict in found.values():
            raw = self._world.raw_pool(pool) or {}
            before = next(
                (each for each in status.conditions(raw.get("status") or {}) if each.type == verdict.type), None
            )
            if before == verdict:
                continue
            self._publisher.status_of(pool)
            if verdict.reason != "Pending" and (before is None or before.reason != verdict.reason):
                self._publisher.pool_event(pool, status.attached(verdict))
