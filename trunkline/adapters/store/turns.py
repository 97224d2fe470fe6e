"""Commits of one process that touch the same document or claim take turns; all others run side by side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """Locks by name, several of which are held at once."""

    def __init__(self) -> None:
        self._held: dict[str, asyncio.Event] = {}

    @contextlib.asynccontextmanager
    async def hold(self, names: frozenset[str]) -> AsyncIterator[None]:
        """Wait until nobody holds any of `names`, and hold all of them: never some, so nobody waits in a circle."""
        while (other := next((self._held[name] for name in names if name in self._held), None)) is not None:
            await other.wait()
        mine = asyncio.Event()
        self._held.update(dict.fromkeys(names, mine))
        try:
            yield
        finally:
            for name in names:
                del self._held[name]
            mine.set()
