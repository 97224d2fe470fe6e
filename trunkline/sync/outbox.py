"""Writes on their way out: the latest per key, a few at a time, retried until they succeed or are replaced.

A loop decides what should be written and hands it over; it never waits for a slow or absent server.  A write put while
an older one of its key is under way runs after it, so the last one put is the last one written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from trunkline.kit import problems

Write = Callable[[], Awaitable[None]]

FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
"""Seconds before a failed write is tried again; doubled each time (chosen)."""

_log = structlog.get_logger(__name__)


class Outbox:
    """Pending writes by key."""

    def __init__(self, workers: int = 8) -> None:
        self._pending: dict[str, Write] = {}
        self._unwritten: set[str] = set()  # put, and neither written nor dropped since
        self._busy: set[str] = set()
        self._delays: dict[str, float] = {}
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._workers = workers

    def put(self, key: str, write: Write) -> None:
        """Write this, in place of whatever was pending under the key."""
        self._pending[key] = write
        self._unwritten.add(key)
        self._idle.clear()
        self._work.set()

    def drop(self, key: str) -> None:
        """Forget what is pending under the key; a write that is under way ends, and is not tried again."""
        self._pending.pop(key, None)
        self._unwritten.discard(key)
        self._work.set()

    async def drained(self) -> None:
        """Return when nothing is pending, under way or waiting to be tried again."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())

    def _take(self) -> tuple[str, Write] | None:
        key = next((key for key in self._pending if key not in self._busy), None)
        if key is None:
            return None
        self._busy.add(key)
        return key, self._pending.pop(key)

    async def _worker(self) -> None:
        while True:
            if (taken := self._take()) is None:
                if not (self._unwritten or self._busy):
                    self._idle.set()
                self._work.clear()
                await self._work.wait()
                continue
            await self._write(*taken)

    async def _write(self, key: str, write: Write) -> None:
        try:
            await write()
            self._delays.pop(key, None)
            if key not in self._pending:
                self._unwritten.discard(key)
        except problems.RemoteError as error:
            delay = self._delays.get(key, FIRST_DELAY)
            self._delays[key] = min(delay * 2, LONGEST_DELAY)
            _log.warning("write failed", key=key, error=str(error), again_in=delay)
            asyncio.get_running_loop().call_later(delay, self._again, key, write)
        finally:
            self._busy.discard(key)
            self._work.set()

    def _again(self, key: str, write: Write) -> None:
        if key in self._unwritten and key not in self._pending:
            self.put(key, write)
