"""Which server to try next and when: pure, told the time.

Every remote is tried once without waiting; after a round in which none served, the wait doubles from `minimum` to
`maximum`.  A connection that lasted longer than `maximum` counts as recovery and starts the ladder anew, so that a server
which accepts and drops at once is not hammered.
"""

from __future__ import annotations

from collections.abc import Sequence


class Reconnect:
    """Back-off over a list of remotes.  Durations in seconds."""

    def __init__(self, remotes: Sequence[str], *, minimum: float, maximum: float) -> None:
        self._remotes = list(remotes)
        self._minimum, self._maximum = min(minimum, maximum), maximum
        self._current = 0
        self._untried = len(self._remotes)
        self._wait = 0.0
        self._connected_at = 0.0

    @property
    def remote(self) -> str:
        """The remote to try now."""
        return self._remotes[self._current]

    @property
    def delay(self) -> float:
        """How long to wait before trying `remote`."""
        return self._wait if self._untried == len(self._remotes) else 0.0

    def failed(self) -> None:
        """The current remote did not serve."""
        self._current = (self._current + 1) % len(self._remotes)
        self._untried -= 1
        if not self._untried:
            self._untried = len(self._remotes)
            self._wait = min(max(2 * self._wait, self._minimum), self._maximum)

    def connected(self, now: float) -> None:
        """The current remote serves since `now`."""
        self._connected_at = now

    def lost(self, now: float) -> None:
        """The connection broke at `now`; the same remote is tried first."""
        if now - self._connected_at > self._maximum:
            self._wait = 0.0
            self._untried = len(self._remotes)
        else:
            self.failed()
