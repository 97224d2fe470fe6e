"""What has changed and is not yet dealt with: keys per kind, gathered until the loop takes them all."""

from __future__ import annotations

import asyncio

import msgspec


class Work(msgspec.Struct):
    """Keys of objects that changed, as informers name them ("namespace/name" or "name"); each once."""

    pods: set[str] = msgspec.field(default_factory=set)
    stateful_sets: set[str] = msgspec.field(default_factory=set)
    nodes: set[str] = msgspec.field(default_factory=set)
    pools: set[str] = msgspec.field(default_factory=set)
    external_pools: set[str] = msgspec.field(default_factory=set)
    waiting: bool = False
    """Something changed that pods which wait for an address may have waited for."""

    def __bool__(self) -> bool:
        return bool(self.pods or self.stateful_sets or self.nodes or self.pools or self.external_pools or self.waiting)


class Inbox:
    """Filled by watches, emptied by one loop."""

    def __init__(self) -> None:
        self._work = Work()
        self._filled = asyncio.Event()

    @property
    def work(self) -> Work:
        """What is in it; add keys here, then `ring`."""
        return self._work

    def ring(self) -> None:
        """Wake the loop if there is anything to do."""
        if self._work:
            self._filled.set()

    async def take(self) -> Work:
        """Everything that is in it, as soon as there is something."""
        await self._filled.wait()
        self._filled.clear()
        work, self._work = self._work, Work()
        return work
