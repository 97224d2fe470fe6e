"""The latest changes of documents, and the watchers that read them.

All watchers read one bounded list, each with a cursor of its own: a slow watcher costs no memory, and one that falls off
the end is told `Compacted`.

Invariants: events are in revision order; a watch yields every matching event after `since` once, or raises.
"""

from __future__ import annotations

import asyncio
import bisect
import weakref
from collections.abc import AsyncIterator, Sequence

from trunkline.adapters.store import errors
from trunkline.adapters.store.documents import Event

LIMIT = 8192  # events; chosen: minutes of a busy lab, and at a few kilobytes a document some tens of megabytes


class History:
    """Events since the store was opened, the last `limit` of them at least."""

    def __init__(self, revision: int, *, limit: int = LIMIT) -> None:
        self.floor = revision
        """Watches may start from this revision or a later one."""
        self._limit = limit
        self._events: list[Event] = []
        self._first = 0  # the sequence number of _events[0]
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()

    @property
    def end(self) -> int:
        """The sequence number of the next event."""
        return self._first + len(self._events)

    @property
    def start(self) -> int:
        """The sequence number of the oldest event that is kept."""
        return self._first

    def event(self, sequence: int) -> Event:
        """A kept event by sequence number."""
        return self._events[sequence - self._first]

    def extend(self, events: Sequence[Event]) -> None:
        """Append events and wake the watchers that they concern."""
        self._events.extend(events)
        for watch in list(self._watches):
            watch.notice(events)
        if len(self._events) > 2 * self._limit:
            self._drop(len(self._events) - self._limit)

    def restart(self, revision: int) -> None:
        """Forget everything: what happened up to `revision` is not known in detail.  Every watch ends `Compacted`."""
        self._drop(len(self._events))
        self._first += 1  # so that even a watch that had read everything notices
        self.floor = revision
        for watch in list(self._watches):
            watch.wake()

    def watch(self, prefix: str, since: int) -> Watch:
        """Events after revision `since` of documents whose path starts with `prefix`.

        Raises:
            Compacted: they are no longer all there.
        """
        if since < self.floor:
            raise errors.Compacted(self.floor)
        cursor = self._first + bisect.bisect_right(self._events, since, key=lambda event: event.revision)
        watch = Watch(self, prefix, since, cursor)
        self._watches.add(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """A watch has ended."""
        self._watches.discard(watch)

    def close(self) -> None:
        """End every watch."""
        for watch in list(self._watches):
            watch.close()

    def _drop(self, count: int) -> None:
        if count:
            self.floor = self._events[count - 1].revision
            del self._events[:count]
            self._first += count


class Watch:
    """An async iterator of events; `close` (or `aclose`) when done."""

    def __init__(self, history: History, prefix: str, since: int, cursor: int) -> None:
        self._history = history
        self._prefix = prefix
        self._since = since
        self._cursor = cursor
        self._closed = False
        self._awake = asyncio.Event()

    def notice(self, events: Sequence[Event]) -> None:
        """New events are there: wake up for those that match, step over them when none does and all before was read."""
        if any(event.document.path.startswith(self._prefix) for event in events):
            self.wake()
        elif self._cursor == self._history.end - len(events):
            self._cursor = self._history.end

    def wake(self) -> None:
        """Look at the history again."""
        self._awake.set()

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self._history.forget(self)
        self.wake()

    async def aclose(self) -> None:
        """`close`, for `contextlib.aclosing`."""
        self.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._closed:
            if (event := self._next()) is not None:
                return event
            self._awake.clear()
            await self._awake.wait()
        raise StopAsyncIteration

    def _next(self) -> Event | None:
        if self._cursor < self._history.start:
            self.close()
            raise errors.Compacted(self._history.floor)
        while self._cursor < self._history.end:
            event = self._history.event(self._cursor)
            self._cursor += 1
            if event.revision > self._since and event.document.path.startswith(self._prefix):
                return event
        return None
