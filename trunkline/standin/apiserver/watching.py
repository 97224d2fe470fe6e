"""Watches: one reader of the store's changes, any number of clients.

The hub keeps the last changes with the object before and after, because a selector turns a modification into an addition
or a deletion, and it keeps where its history begins, because a client that asks for older changes must list again (410).
Every watcher has a bounded queue; one that does not keep up is cut off and resumes from its last resource version.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator

import msgspec

from trunkline.adapters import store as documents
from trunkline.standin.apiserver import statuses, storage

ROOT = "/registry/"
HISTORY = 10_000
"""Changes kept for clients that resume; chosen: minutes of a busy lab, a few tens of MB at most."""

QUEUE = 2_000
"""Changes that may wait for one watcher; chosen: one list of a large lab."""


class Change(msgspec.Struct, frozen=True):
    """One object's step: `before` is None for a new object, `after` for a deleted one.

    `before` already carries the step's own revision, because that is how a DELETED event reports it.
    """

    revision: int
    path: str
    before: storage.Stored | None
    after: storage.Stored | None


class Watcher:
    """One client's view: the changes below a prefix after a revision, until it is closed or falls behind."""

    def __init__(self, hub: Hub, prefix: str, since: int) -> None:
        self._hub = hub
        self._since = self._told = since
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE)
        self._closed = False
        self.prefix = prefix

    def offer(self, change: Change) -> None:
        """Queue a change after the revision where the client begins; a full queue closes the watcher instead.

        Reads see a commit before the hub tells of it, so a client may begin at a revision that is still to be told.
        """
        if self._closed or change.revision <= self._since:
            return
        if self._queue.qsize() >= QUEUE - 1:
            self.close()
        else:
            self._told = change.revision
            self._queue.put_nowait(change)

    def close(self) -> None:
        """No further changes; what is queued is still handed out."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
            self._hub.forget(self)

    @property
    def told(self) -> int | None:
        """The revision up to which there is nothing more to hand out; None while something waits."""
        return max(self._told, self._hub.revision) if self._queue.empty() else None

    async def next(self, timeout_s: float) -> list[Change] | None:
        """The changes that wait, at least one unless the time is up; None at the end."""
        try:
            async with asyncio.timeout(timeout_s):
                first = await self._queue.get()
        except TimeoutError:
            return []
        if first is None:
            return None
        found = [first]
        while not self._queue.empty():
            change = self._queue.get_nowait()
            if change is None:
                self._queue.put_nowait(None)
                break
            found.append(change)
        return found


class Hub:
    """Reads the store's changes once, for everybody."""

    def __init__(self, store: documents.Store, objects: storage.Objects, *, history: int = HISTORY) -> None:
        self._store = store
        self._objects = objects
        self._latest: dict[str, storage.Stored] = {}
        self._history: deque[Change] = deque(maxlen=history)
        self._watchers: set[Watcher] = set()
        self.beginning = 0
        self.revision = 0
        self.is_closed = False

    def load(self) -> None:
        """Take the present state as the one from which changes are told; before `run`, and when changes were lost."""
        self._latest = {stored.path: stored for stored in self._objects.list(ROOT)}
        self.beginning = self.revision = self._store.revision

    async def run(self) -> None:
        """Follow the store until cancelled.

        When changes were lost (a long time without the database), every watch ends: clients list again.
        """
        while True:
            try:
                async for event in self._store.watch(ROOT, self.revision):
                    self._publish(event)
                return
            except documents.Compacted:
                self._history.clear()
                self.load()
                self._restart()

    @contextlib.contextmanager
    def watch(self, prefix: str, since: int) -> Iterator[Watcher]:
        """The changes below `prefix` after the revision `since`.

        Raises:
            StatusError: 410 when the history does not reach back so far.
        """
        if since < self.beginning or since > max(self.revision, self._store.revision):
            raise statuses.expired(f"too old resource version: {since} ({self.beginning})")
        watcher = Watcher(self, prefix, since)
        for change in self._history:
            if change.path.startswith(prefix):
                watcher.offer(change)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            watcher.close()

    def forget(self, watcher: Watcher) -> None:
        """Stop telling this watcher."""
        self._watchers.discard(watcher)

    def close(self) -> None:
        """End every watch, for good."""
        self.is_closed = True
        self._restart()

    def _restart(self) -> None:
        for watcher in list(self._watchers):
            watcher.close()

    def _publish(self, event: documents.Event) -> None:
        path, after = event.document.path, None
        before = self._latest.pop(path, None)
        if event.type == "DELETED":
            self._objects.forget(path)
        else:
            after = self._latest[path] = self._objects.read(event.document)
        if len(self._history) == self._history.maxlen:
            self.beginning = self._history[0].revision
        self.revision = event.revision
        change = Change(event.revision, path, before and before.at(event.revision), after)
        self._history.append(change)
        for watcher in list(self._watchers):
            if path.startswith(watcher.prefix):
                watcher.offer(change)
