"""Realisation that outlives its connections: what breaks is said and begun anew, while the API goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters import store as documents
from trunkline.dialects.nsx.discovery import Heard
from trunkline.dialects.nsx.realized import Nobody, Realisation, Realiser
from trunkline.dialects.nsx.routing import Routed
from trunkline.dialects.nsx.statistics import Counted, Traffic
from trunkline.dialects.nsx.tables import Wire
from trunkline.policy.agendas import Agendas
from trunkline.policy.realise import asking, realiser
from trunkline.policy.realise.counters import Counters
from trunkline.policy.realise.intake import Intake
from trunkline.policy.realise.neighbours import Neighbours
from trunkline.policy.settings import Settings

_PAUSE = 1.0
"""Seconds before a new beginning (chosen)."""

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def realising(
    store: documents.Store, settings: Settings, agendas: Agendas, intake: Intake
) -> AsyncIterator[Realiser]:
    """What the network does about the objects in the store, for as long as the block runs; `store` may open within it.

    `intake` has what arrived of them before.
    """
    if not settings.northbound:
        yield Nobody()
        return
    made = Lasting(store, settings, agendas, intake)
    tasks = [asyncio.create_task(work) for work in made.work()]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Lasting:
    """A `realized.Realiser` that knows nothing until OVN's databases answer."""

    def __init__(self, store: documents.Store, settings: Settings, agendas: Agendas, intake: Intake) -> None:
        self._store, self._settings, self._agendas, self._intake = store, settings, agendas, intake
        self._realiser: realiser.Realiser | None = None
        self._counters, self._neighbours = Counters(settings.tallies), Neighbours(settings.tallies)

    def realisation(self, path: str, revision: int) -> Realisation | None:
        return self._realiser.realisation(path, revision) if self._realiser else None

    def edges(self) -> Mapping[str, Iterable[str]]:
        return self._realiser.edges() if self._realiser else {}

    async def wire(self, path: str) -> Wire:
        return await self._connected_to(path).wire(path)

    async def routed(self, path: str) -> list[Routed]:
        return await self._connected_to(path).routed(path)

    def _connected_to(self, path: str) -> realiser.Realiser:
        if self._realiser is None:
            raise asking.silent(path)
        return self._realiser

    def counted(self, path: str) -> list[Counted]:
        found = self._realiser.carried(path) if self._realiser else []
        return [
            Counted(
                port=each.port,
                binding=each.binding,
                tag=each.tag,
                traffic=self._counters.traffic(cookie) if cookie is not None else Traffic(),
            )
            for each, cookie in found
        ]

    def heard(self, path: str) -> list[Heard]:
        found = self._realiser.carried(path) if self._realiser else []
        return [
            Heard(
                port=each.port,
                binding=each.binding,
                tag=each.tag,
                mac=neighbour.mac,
                address=neighbour.address,
                first_ms=neighbour.first,
                last_ms=neighbour.last,
            )
            for each, _ in found
            for neighbour in self._neighbours.behind(each.interface, each.tag)
        ]

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What must run for answers to come: each goes on until it is cancelled."""
        yield _again(self._connected, "realisation")
        if self._settings.tallies:
            yield _again(self._counters.run, "counting")
            yield _again(self._neighbours.run, "discovery")

    async def _connected(self) -> None:
        async with (
            ovsdb.Client(self._settings.northbound, "OVN_Northbound") as north,
            ovsdb.Client(self._settings.southbound, "OVN_Southbound") as south,
        ):
            intake, self._intake = self._intake, Intake(self._settings)
            self._realiser = realiser.Realiser(
                self._store, self._settings, north, south, self._agendas, intake, self._counters.succeed
            )
            try:
                await self._realiser.run()
            finally:
                self._realiser = None


async def _again(work: Callable[[], Awaitable[None]], name: str) -> None:
    while True:
        try:
            await work()
        except Exception:
            _log.exception("begun anew", work=name, after=_PAUSE)
        await asyncio.sleep(_PAUSE)
