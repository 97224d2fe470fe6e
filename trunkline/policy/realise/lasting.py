"""Realisation that outlives its connections: what breaks is said and begun anew, while the API goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters import store as documents
from trunkline.dialects.nsx.realized import Nobody, Realisation, Realiser
from trunkline.policy.realise import realiser
from trunkline.policy.settings import Settings

_PAUSE = 1.0
"""Seconds before a new beginning (chosen)."""

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def realising(store: documents.Store, settings: Settings) -> AsyncIterator[Realiser]:
    """What the network does about the objects in the store, for as long as the block runs."""
    if not settings.northbound:
        yield Nobody()
        return
    made = Lasting(store, settings)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Lasting:
    """A `realized.Realiser` that knows nothing until OVN's databases answer."""

    def __init__(self, store: documents.Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._realiser: realiser.Realiser | None = None

    def realisation(self, path: str, revision: int) -> Realisation | None:
        return self._realiser.realisation(path, revision) if self._realiser else None

    async def run(self) -> None:
        """Realise until cancelled."""
        while True:
            try:
                await self._connected()
            except Exception:
                _log.exception("realisation begins anew", after=_PAUSE)
            self._realiser = None
            await asyncio.sleep(_PAUSE)

    async def _connected(self) -> None:
        async with (
            ovsdb.Client(self._settings.northbound, "OVN_Northbound") as north,
            ovsdb.Client(self._settings.southbound, "OVN_Southbound") as south,
        ):
            self._realiser = realiser.Realiser(self._store, self._settings, north, south)
            await self._realiser.run()
