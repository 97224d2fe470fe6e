"""How far the network has followed: which revision of the northbound writer northd and the hypervisors show.

A revision is shown when a number that was drawn with or after its write has come back: from northd in `SB_Global.nb_cfg`, from
a hypervisor in `Chassis_Private.nb_cfg`.  A hypervisor that stays behind for longer than a moment is silent: it holds up
nobody else, and is named to whoever asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

PATIENCE = 2.0
"""Seconds that a hypervisor may need for one change before it counts as silent; chosen: OVN needs a fraction of one."""


class Progress:
    """Numbers that were drawn, and the revisions that they stand for."""

    def __init__(self) -> None:
        self.shown = -1
        """The revision up to which northd and every hypervisor that answers have followed."""
        self.silent: frozenset[str] = frozenset()
        """The hypervisors that do not answer."""
        self._written: deque[tuple[int, int]] = deque()  # revision, number
        self._behind: dict[str, float] = {}  # since when, by hypervisor

    def written(self, revision: int, number: int) -> None:
        """Everything up to the revision is in the database, and the newest write there has this number."""
        self._written.append((revision, number))

    def look(self, northd: int, hypervisors: Mapping[str, int], now: float) -> float | None:
        """Take in the numbers that came back, at `now` seconds; answers when to look again, None if nothing is due.

        A number of northd's is reached by all hypervisors together, so each is compared with it.
        """
        self._behind = {name: self._behind.get(name, now) for name, number in hypervisors.items() if number < northd}
        self.silent = frozenset(name for name, since in self._behind.items() if now - since >= PATIENCE)
        heard = [number for name, number in hypervisors.items() if name not in self.silent]
        reached = min([northd, *heard])
        while self._written and self._written[0][1] <= reached:
            self.shown = self._written.popleft()[0]
        waiting = [since for name, since in self._behind.items() if name not in self.silent]
        return min(waiting) + PATIENCE if waiting else None
