"""Leave room for other processes' document commits.

Every document commit waits for the state that it builds on, so a store that keeps commits under way all the time would
leave another one, which always sees the state a moment late, without a chance.  After `SPELL` seconds without a gap the
commits under way are therefore waited for and a gap of `GAP` is made, in which a waiting store gets its turn (it tries
again within that time, see `attempts`).  While nobody else is writing, spells are long and the gaps cost next to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

# Seconds; chosen: a lone writer against a saturating one gets in about once per spell, for a few percent of its speed.
SPELL_ALONE, SPELL_SHARED = 0.1, 0.02
GAP = 0.003
_SHARED_FOR = 1.0


class Pace:
    """The document commits of one store."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._since = 0.0
        self._others_seen = -_SHARED_FOR

    def others_wrote(self) -> None:
        """Somebody else's commit was seen."""
        self._others_seen = self._loop.time()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait while a gap is made, or make one if it is time; then hold for the duration of one attempt."""
        while not self._open.is_set():
            await self._open.wait()
        if not self._under_way:
            self._since = self._loop.time()
        elif self._loop.time() - self._since > self._spell():
            await self._gap()
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def _spell(self) -> float:
        shared = self._loop.time() - self._others_seen < _SHARED_FOR
        return SPELL_SHARED if shared else SPELL_ALONE

    async def _gap(self) -> None:
        self._open.clear()
        try:
            await self._idle.wait()
            await asyncio.sleep(GAP)
        finally:
            self._since = self._loop.time()
            self._open.set()
