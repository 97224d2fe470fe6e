"""A local copy of some of the API server's objects, kept in step by list and watch, never by polling.

Invariants
* After a broken watch the copy resumes from the last version seen (bookmarks count); only when the server has forgotten
  that version (410) is everything listed again, and then subscribers get differences, not everything.
* A subscriber gets changes coalesced per key: at most one pending change per object, however slow it is.  What it sees is
  the latest state, not every state in between; an object deleted and made anew under one name is one change whose `old`
  and `new` have different UIDs.
* Objects are shared: treat them as read-only.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import structlog

from trunkline.adapters.kube import client, errors
from trunkline.adapters.kube.client import Kube, Object
from trunkline.adapters.kube.resources import Resource
from trunkline.kit import problems

T = TypeVar("T")

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0  # seconds between attempts at an unreachable server; chosen

_log = structlog.get_logger(__name__)


class Change(NamedTuple):
    """What happened to one object since a subscriber last looked: made (old None), changed, or gone (new None)."""

    key: str
    old: Object | None
    new: Object | None


class Subscription:
    """One reader's pending changes; an asynchronous iterator of batches, the first of which holds what is there already."""

    def __init__(self, objects: Mapping[str, Object], synced: bool, close: Callable[[Subscription], None]) -> None:
        self._pending = {key: Change(key, None, obj) for key, obj in objects.items()}
        self._ready = asyncio.Event()
        self._close = close
        self._first = not synced
        if synced:
            self._ready.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> list[Change]:
        """The changes since the last batch.  The first batch comes when the first list is in, and may be empty."""
        await self._ready.wait()
        return self.take()

    def take(self) -> list[Change]:
        """The changes since the last batch, perhaps none, without waiting."""
        self._ready.clear()
        batch, self._pending = list(self._pending.values()), {}
        return batch

    def close(self) -> None:
        """Stop collecting changes."""
        self._close(self)

    def _offer(self, changes: Iterable[Change], *, synced: bool) -> None:
        for change in changes:
            before = self._pending.pop(change.key, None)
            old = before.old if before else change.old
            if old is not None or change.new is not None:
                self._pending[change.key] = Change(change.key, old, change.new)
        if self._pending or (self._first and synced):
            self._first = False
            self._ready.set()


class Informer:
    """Follows one resource (optionally one namespace, or what selectors match)."""

    def __init__(
        self,
        kube: Kube,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._objects: dict[str, Object] = {}
        self._version = ""
        self._synced = asyncio.Event()
        self._subscriptions: set[Subscription] = set()
        self._waiters: set[_Waiter] = set()

    @property
    def objects(self) -> Mapping[str, Object]:
        """What is there now, by "namespace/name" (or "name").  A live view: it changes whenever the caller awaits."""
        return self._objects

    async def run(self) -> None:
        """Follow the API server until cancelled; failures are waited out."""
        delay = _FIRST_DELAY
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except errors.Gone:
                self._version = ""
            except problems.RemoteError as error:
                if loop.time() - began > _LONGEST_DELAY:
                    delay = _FIRST_DELAY
                _log.warning("watch interrupted", resource=self._resource.plural, error=str(error), again_in=delay)
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # spread clients after a server restart
                delay = min(delay * 2, _LONGEST_DELAY)

    async def synced(self) -> None:
        """Return when the first list is in."""
        await self._synced.wait()

    def subscribe(self) -> Subscription:
        """Changes from now on, beginning with what is there; collecting starts at this call."""
        subscription = Subscription(self._objects, self._synced.is_set(), self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    async def wait_for(
        self, predicate: Callable[[Mapping[str, Object]], T | None], timeout: float | None, *, key: str | None = None
    ) -> T:
        """The first true answer of `predicate(objects)`, asked now and after every change (of `key`, if given).

        Raises:
            TimeoutError: none came within `timeout` seconds (None: wait for ever).
        """
        if answer := predicate(self._objects):
            return answer
        waiter = _Waiter(key)
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await waiter.changed.wait()
                    waiter.changed.clear()
                    if answer := predicate(self._objects):
                        return answer
        finally:
            self._waiters.discard(waiter)

    async def _list(self) -> None:
        items, version = await self._kube.list(self._resource, self._namespace, **self._selectors)
        listed = {key_of(item): _lean(item) for item in items}
        gone = [Change(key, old, None) for key, old in self._objects.items() if key not in listed]
        came = [
            Change(key, self._objects.get(key), new)
            for key, new in listed.items()
            if _version(self._objects.get(key)) != _version(new)
        ]
        self._version = version
        self._synced.set()
        self._apply([*gone, *came])

    async def _watch(self) -> None:
        events = self._kube.watch(self._resource, self._namespace, resource_version=self._version, **self._selectors)
        async for kind, obj in events:
            if kind != "BOOKMARK":
                key = key_of(obj)
                new = None if kind == "DELETED" else _lean(client.complete(obj, self._resource))
                self._apply([Change(key, self._objects.get(key), new)])
            self._version = _version(obj) or self._version

    def _apply(self, changes: list[Change]) -> None:
        for key, _, new in changes:
            if new is None:
                self._objects.pop(key, None)
            else:
                self._objects[key] = new
        for subscription in self._subscriptions:
            subscription._offer(changes, synced=self._synced.is_set())
        touched = {change.key for change in changes}
        for waiter in self._waiters:
            if waiter.key is None or waiter.key in touched:
                waiter.changed.set()


class _Waiter:
    __slots__ = ("changed", "key")

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.changed = asyncio.Event()


def key_of(obj: Mapping[str, Any]) -> str:
    """The key of an object in `Informer.objects`: "namespace/name", or "name" for one without a namespace."""
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _version(obj: Object | None) -> str:
    return obj["metadata"].get("resourceVersion", "") if obj else ""


def _lean(obj: Object) -> Object:
    """The object without `managedFields`: nobody here reads them, and they are half its size."""
    obj["metadata"].pop("managedFields", None)
    return obj
