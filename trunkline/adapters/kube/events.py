"""Events: what people read at the end of `kubectl describe`.

The same (object, reason, message) is one Event that counts up.  Its name follows from those, so that a restarted program
goes on counting where the old one stopped.  Events are a courtesy: they are rate bounded, and a failing API server never
fails the work they tell of.

Bounds (chosen): one write per Event in 5 s, the occurrences in between are added to the next write; and per type 100
writes at once, 20 a second after that, beyond which an occurrence is only counted.  Good news never crowds out warnings.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import structlog

from trunkline.adapters.kube import errors, resources
from trunkline.kit import clock, ids, problems

if TYPE_CHECKING:
    from trunkline.adapters.kube.client import Kube

_REMEMBERED = 4096
_QUIET_SECONDS = 5.0
_BURST, _PER_SECOND = 100.0, 20.0

_log = structlog.get_logger(__name__)


class Recorder:
    """Writes Events for one program."""

    def __init__(self, kube: Kube, instance: str) -> None:
        self._kube = kube
        self._instance = instance
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()
        self._buckets = {"Normal": _Bucket(), "Warning": _Bucket()}

    async def record(self, regarding: dict[str, Any], *, reason: str, message: str, type: str, component: str) -> None:
        """Record one occurrence, now or together with the next one."""
        meta = regarding["metadata"]
        namespace = meta.get("namespace") or "default"
        digest = ids.short_hash("\0".join((meta.get("uid", ""), component, reason, message)), 16)
        name = f"{ids.fitted(meta['name'], 236)}.{digest}"
        seen = self._remember((namespace, name))
        seen.pending += 1
        if not self._may_write(seen, self._buckets[type]):
            return
        count, seen.pending = seen.pending, 0
        try:
            if seen.count or not await self._create(
                regarding, namespace, name, reason, message, type, component, count
            ):
                await self._count_up(namespace, name, seen, count)
            seen.count += count
        except problems.RemoteError as error:
            seen.pending += count
            _log.warning("event not recorded", reason=reason, error=str(error))

    def _remember(self, key: tuple[str, str]) -> _Seen:
        seen = self._seen.setdefault(key, _Seen())
        self._seen.move_to_end(key)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return seen

    def _may_write(self, seen: _Seen, bucket: _Bucket) -> bool:
        now = time.monotonic()
        if now < seen.quiet_until or not bucket.take(now):
            return False
        seen.quiet_until = now + _QUIET_SECONDS
        return True

    async def _create(
        self,
        regarding: dict[str, Any],
        namespace: str,
        name: str,
        reason: str,
        message: str,
        type: str,
        component: str,
        count: int,
    ) -> bool:
        """Create the Event; False when it exists already."""
        now = clock.rfc3339(clock.now())
        event = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": reference(regarding),
            "reason": reason,
            "message": message[:1024],  # the API server's limit
            "type": type,
            "source": {"component": component},
            "reportingComponent": component,
            "reportingInstance": self._instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": count,
        }
        try:
            await self._kube.create(resources.EVENTS, event)
        except errors.AlreadyExists:
            return False
        return True

    async def _count_up(self, namespace: str, name: str, seen: _Seen, count: int) -> None:
        if not seen.count:
            found = await self._kube.get(resources.EVENTS, name, namespace)
            seen.count = int(found.get("count") or 1)
        body = {"count": seen.count + count, "lastTimestamp": clock.rfc3339(clock.now())}
        try:
            await self._kube.patch(resources.EVENTS, name, body, namespace)
        except errors.NotFound:  # expired on the server: the next occurrence starts a new one
            seen.count = -count


class _Seen:
    """What we know of one Event: occurrences written, occurrences not yet written, and until when to keep quiet."""

    __slots__ = ("count", "pending", "quiet_until")

    def __init__(self) -> None:
        self.count = 0
        self.pending = 0
        self.quiet_until = 0.0


class _Bucket:
    """A token bucket that starts full."""

    __slots__ = ("filled", "tokens")

    def __init__(self) -> None:
        self.tokens, self.filled = _BURST, time.monotonic()

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        self.tokens = min(_BURST, self.tokens + (now - self.filled) * _PER_SECOND)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def reference(obj: dict[str, Any]) -> dict[str, Any]:
    """An ObjectReference to `obj`."""
    meta = obj["metadata"]
    fields = ("name", "namespace", "uid", "resourceVersion")
    found = {field: meta[field] for field in fields if meta.get(field)}
    return {"apiVersion": obj.get("apiVersion", "v1"), "kind": obj.get("kind", ""), **found}
