"""A level-triggered loop keyed by object: "something about this object may have changed, look at it again".

Each key is looked at by one task at a time, and again if it was named meanwhile; failures are tried again later.  What a
pass writes must be visible to the next pass: `carry_out` returns when the informers have seen it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from trunkline.adapters.kube import Informer, Kube, Resource, errors
from trunkline.adapters.kube.informer import key_of
from trunkline.kit import problems

Json = dict[str, Any]

# Chosen: enough to keep a two-core API server busy; and a rest per key, so that a burst of changes is one pass.
_WRITES_AT_ONCE = 16
_REST = 0.05
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_SEEN_WITHIN = 5.0

_log = structlog.get_logger(__name__)


class Create(msgspec.Struct, frozen=True):
    """Create an object; it is fine when it exists."""

    resource: Resource
    object: Json


class Delete(msgspec.Struct, frozen=True):
    """Delete this very object (by UID); it is fine when it is gone."""

    resource: Resource
    object: Json


class Patch(msgspec.Struct, frozen=True):
    """Merge `body` into this very object (by UID); it is fine when it is gone."""

    resource: Resource
    object: Json
    body: Json
    subresource: str | None = None


Action = Create | Delete | Patch


class Loop:
    """Calls `look(key)` for every key that was named, until cancelled."""

    def __init__(self, name: str, look: Callable[[str], Awaitable[None]]) -> None:
        self._name = name
        self._look = look
        self._named: set[str] = set()
        self._busy: set[str] = set()
        self._wake = asyncio.Event()

    def name(self, keys: Iterable[str]) -> None:
        """Look at these soon."""
        self._named.update(keys)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for key in self._named - self._busy:
                    self._busy.add(key)
                    group.create_task(self._work(key))

    async def _work(self, key: str) -> None:
        """Look at one key until nobody has named it since."""
        pause = _FIRST_PAUSE
        while key in self._named:
            self._named.discard(key)
            try:
                await self._look(key)
            except Exception as error:  # whatever trips over one object must not stop the work on others
                expected = isinstance(error, problems.RemoteError)
                tell = _log.warning if expected else _log.exception
                tell("to be tried again", controller=self._name, key=key, error=str(error), again_in=pause)
                self._named.add(key)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                await asyncio.sleep(_REST)
        self._busy.discard(key)


async def carry_out(actions: Iterable[Action], kube: Kube, seen_by: Mapping[Resource, Informer]) -> None:
    """Do these things side by side; return when the informers show them (or have had the time to)."""
    turnstile = asyncio.Semaphore(_WRITES_AT_ONCE)

    async def one(action: Action) -> None:
        async with turnstile:
            shown = await _do(action, kube)
        informer = seen_by.get(action.resource)
        if shown and informer:
            key, is_seen = shown
            try:
                await informer.wait_for(lambda objects: is_seen(objects.get(key)), _SEEN_WITHIN, key=key)
            except TimeoutError:
                _log.warning("write not seen by the watch", key=key, kind=action.resource.kind)

    outcomes = await asyncio.gather(*(one(action) for action in actions), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


Seen = Callable[[Json | None], bool]


async def _do(action: Action, kube: Kube) -> tuple[str, Seen] | None:
    """Do it; answers where to look and what to look for, None when there is nothing to be seen."""
    meta = action.object["metadata"]
    try:
        match action:
            case Create(resource, obj):
                made = await kube.create(resource, obj)
                return key_of(made), lambda found: found is not None
            case Delete(resource, obj):
                await kube.delete(
                    resource, meta["name"], meta.get("namespace"), uid=meta["uid"], propagation="Background"
                )
                return key_of(obj), lambda found: found is None or _is_other(found, meta["uid"])
            case Patch(resource, obj, body, subresource):
                guarded = {**body, "metadata": {**body.get("metadata", {}), "uid": meta["uid"]}}
                where = (meta["name"], guarded, meta.get("namespace"))
                made = await kube.patch(resource, *where, subresource=subresource)
                return key_of(obj), lambda found: found is None or _version(found) >= _version(made)
    except (errors.AlreadyExists, errors.NotFound, errors.Conflict):
        return None


def _version(obj: Json) -> int:
    """Comparable, because the stand-in's versions count its writes; another one than before may be of somebody else's write."""
    return int(obj["metadata"]["resourceVersion"])


def _is_other(found: Json, uid: str) -> bool:
    """Whether an object is on its way out, or another one under the same name."""
    return bool(found["metadata"].get("deletionTimestamp")) or found["metadata"]["uid"] != uid
