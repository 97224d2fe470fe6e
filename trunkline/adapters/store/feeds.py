"""Changes to claims for readers with a pace of their own: merged per key while nobody reads."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence

from trunkline.adapters.store.documents import ClaimEvent


class Feeds:
    """All readers of claim changes in this process."""

    def __init__(self) -> None:
        self._feeds: weakref.WeakSet[ClaimFeed] = weakref.WeakSet()

    def subscribe(self, prefix: str) -> ClaimFeed:
        """A new reader of claims whose key starts with `prefix`."""
        feed = ClaimFeed(prefix)
        self._feeds.add(feed)
        return feed

    def publish(self, events: Sequence[ClaimEvent]) -> None:
        """Hand a batch to every reader."""
        if events:
            for feed in list(self._feeds):
                feed.add(events)

    def close(self) -> None:
        """End every reader's iteration."""
        for feed in list(self._feeds):
            feed.close()


class ClaimFeed:
    """An async iterator of batches; within one, each key occurs once, from the state last read to the newest."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._events: dict[str, ClaimEvent] = {}
        self._closed = False
        self._ready = asyncio.Event()

    def add(self, events: Sequence[ClaimEvent]) -> None:
        """Merge a batch into what is waiting to be read."""
        for event in events:
            if event.key.startswith(self._prefix):
                earlier = self._events.pop(event.key, event)
                if earlier.old != event.new:
                    self._events[event.key] = ClaimEvent(event.key, earlier.old, event.new)
        if self._events:
            self._ready.set()

    def close(self) -> None:
        """End the iteration after what is waiting."""
        self._closed = True
        self._ready.set()

    async def aclose(self) -> None:
        """`close`, for `contextlib.aclosing`."""
        self.close()

    def __aiter__(self) -> AsyncIterator[list[ClaimEvent]]:
        return self

    async def __anext__(self) -> list[ClaimEvent]:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        events, self._events = list(self._events.values()), {}
        return events
