"""How much a client, and all of them together, may ask: more is refused with 429 or 503 and the time to come back.

A client is an address.  Rates are kept as buckets that hold one second's worth, so a burst of that size is let through.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

from trunkline.dialects.nsx import errors
from trunkline.policy.settings import Limits as Settings

_TRACKED = 10_000


class Limits:
    """Requests of the last moment; `settings` answers how many may be, `clock` monotonic seconds."""

    def __init__(self, settings: Callable[[], Settings], clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, as of when
        self._running: Counter[str] = Counter()
        self._all = 0

    @contextlib.contextmanager
    def request(self, address: str) -> Iterator[None]:
        """Count a request while it is answered.

        Raises:
            Refused: it is one too many.
        """
        self._admit(address)
        self._running[address] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            self._running[address] -= 1
            if not self._running[address]:
                del self._running[address]

    def _admit(self, address: str) -> None:
        limits = self._settings()
        if limits.all_concurrent and self._all >= limits.all_concurrent:
            raise _refused(503, f"The manager answers {limits.all_concurrent} requests at once already.")
        if limits.client_concurrent and self._running[address] >= limits.client_concurrent:
            text = f"Client '{address}' exceeded {limits.client_concurrent} concurrent requests."
            raise _refused(429, text)
        if limits.client_rate and not self._draw(address, limits.client_rate):
            raise _refused(429, f"Client '{address}' exceeded request rate of {limits.client_rate} per second.")

    def _draw(self, address: str, rate: int) -> bool:
        now = self._clock()
        left, since = self._buckets.pop(address, (float(rate), now))
        left = min(float(rate), left + (now - since) * rate)
        if len(self._buckets) >= _TRACKED:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[address] = (max(left - 1, 0.0) if left >= 1 else left, now)
        return left >= 1


def _refused(status: int, text: str) -> errors.Refused:
    return errors.Refused(status, 102, text, module="common-services", trk=errors.LIMIT)
