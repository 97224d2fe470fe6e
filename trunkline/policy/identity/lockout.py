"""Lock-out: after five failures within fifteen minutes a user cannot log in from that address for fifteen more (NSX's values).

Counted per user and address, so that nobody can lock an administrator out from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 5
PERIOD = 900.0  # seconds
_TRACKED = 10_000


class Lockout:
    """Failures of the recent past; `clock` answers monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], list[float]] = {}

    def locked(self, user: str, address: str) -> bool:
        """Whether the pair is locked out now."""
        return len(self._recent((user, address))) >= FAILURES

    def failed(self, user: str, address: str) -> bool:
        """Count a failure; answers whether this one locks the pair out."""
        if len(self._failures) >= _TRACKED:
            self._failures = {pair: times for pair in self._failures if (times := self._recent(pair))}
        recent = self._recent((user, address))
        self._failures[user, address] = [*recent, self._clock()][-FAILURES:]
        return len(recent) + 1 == FAILURES

    def succeeded(self, user: str, address: str) -> None:
        """Forget the pair's failures."""
        self._failures.pop((user, address), None)

    def _recent(self, pair: tuple[str, str]) -> list[float]:
        since = self._clock() - PERIOD
        return [moment for moment in self._failures.get(pair, ()) if moment > since]
