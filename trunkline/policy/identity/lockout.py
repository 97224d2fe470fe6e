"""Lock-out: after some failures within a while a user cannot log in from that address for another while.

Counted per user and address, so that nobody can lock an administrator out from elsewhere.  What is tried while locked out is
not even looked at, and does not prolong it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from trunkline.policy.settings import Lockout as Limits

_TRACKED = 10_000
ValueT = TypeVar("ValueT")


class Lockout:
    """Failures of the recent past; `clock` answers monotonic seconds."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._failures: dict[tuple[str, str], list[float]] = {}
        self._locked: dict[tuple[str, str], float] = {}

    def locked(self, user: str, address: str) -> bool:
        """Whether the pair is locked out now."""
        return self._locked.get((user, address), 0.0) > self._clock()

    def failed(self, user: str, address: str) -> bool:
        """Count a failure; answers whether this one locks the pair out."""
        pair, now = (user, address), self._clock()
        recent = [moment for moment in self._failures.pop(pair, ()) if moment > now - self._limits.reset_period]
        if self._limits.failures and len(recent) + 1 >= self._limits.failures:
            _note(self._locked, pair, now + self._limits.period)
            return True
        _note(self._failures, pair, [*recent, now])
        return False

    def succeeded(self, user: str, address: str) -> None:
        """Forget the pair's failures."""
        self._failures.pop((user, address), None)


def _note(noted: dict[tuple[str, str], ValueT], pair: tuple[str, str], value: ValueT) -> None:
    """Note it as the newest; the oldest gives way, so made-up names cannot fill the memory."""
    noted.pop(pair, None)
    if len(noted) >= _TRACKED:
        del noted[next(iter(noted))]
    noted[pair] = value
