"""What the manager wants of each hypervisor right now.

The manager cannot reach into hypervisors, so their agents come and ask, and the answer waits until there is news.  Agendas
live in memory: after a restart of the manager they have no errands, under a new revision, and agents give up what they were
doing.  What is to be watched is the same for all hypervisors; until it is known again, agents keep what stands.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from trunkline.intent import monitors
from trunkline.intent.monitors import Monitor, Standing
from trunkline.trace.errands import Agenda, Errand, Report

LONGEST_WAIT = 30.0
"""Seconds that a question may wait for news; chosen: shorter than what proxies on the way allow."""

_PRESENT = LONGEST_WAIT + 10.0
"""Seconds after its last word for which an agent counts as there: it asks again at once."""


class Agendas:
    """Every hypervisor's agenda."""

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._errands: defaultdict[str, dict[str, Errand]] = defaultdict(dict)
        self._hearers: dict[tuple[str, str], Callable[[Report], None]] = {}
        self._revisions: defaultdict[str, int] = defaultdict(int)
        self._news: dict[str, asyncio.Event] = {}
        self._heard: dict[str, float] = {}
        self._closed = False
        self._monitors: dict[str, Monitor] | None = None
        self._round = 0  # of what is to be watched
        self._since: dict[str, int] = {}  # the round in which a monitor became what it is
        self._standings: dict[str, Standing] = {}

    def watch(self, wanted: Iterable[Monitor]) -> None:
        """From now on these are the monitors of every hypervisor."""
        now = {each.id: each for each in wanted}
        before = self._monitors
        if now == before:
            return
        self._round += 1
        changed = [name for name, each in now.items() if before is None or before.get(name) != each]
        self._since = {name: since for name, since in self._since.items() if name in now}
        self._since |= dict.fromkeys(changed, self._round)
        self._monitors = now
        for hypervisor in list(self._news):
            self._wake(hypervisor)

    def follows(self, hypervisor: str, standing: Standing) -> None:
        """A hypervisor says how far it is with what is to be watched."""
        self._heard[hypervisor] = time.monotonic()
        self._standings[hypervisor] = standing

    def late(self, monitor: str, hypervisors: Iterable[str]) -> list[str]:
        """Those of the hypervisors that do not say that they follow a monitor as it is now."""
        since = self._since.get(monitor, 0)
        return [name for name in hypervisors if self._followed(name) < since]

    def troubles(self, monitor: str) -> list[str]:
        """What hypervisors cannot do of a monitor, in words."""
        found = sorted(self._standings.items())
        return [f"hypervisor {name}: {each.problems[monitor]}" for name, each in found if monitor in each.problems]

    def ask(self, hypervisor: str, errand: Errand, hear: Callable[[Report], None]) -> None:
        """Put an errand on an agenda; reports about it go to `hear`."""
        self._errands[hypervisor][errand.id] = errand
        self._hearers[hypervisor, errand.id] = hear
        self._turn(hypervisor)

    def withdraw(self, hypervisor: str, errand: str) -> None:
        """Take an errand off an agenda, done or not."""
        if self._errands[hypervisor].pop(errand, None) is not None:
            del self._hearers[hypervisor, errand]
            self._turn(hypervisor)

    async def agenda(self, hypervisor: str, known: str, seconds: float) -> Agenda:
        """The agenda as soon as it is another than the one with the revision `known`, or when the time is up.

        A second question of one hypervisor ends the first: its asker has gone away.
        """
        self._heard[hypervisor] = time.monotonic()
        if self._agenda(hypervisor).revision == known and not self._closed:
            self._wake(hypervisor)
            self._news[hypervisor] = news = asyncio.Event()
            try:
                async with asyncio.timeout(min(seconds, LONGEST_WAIT)):
                    await news.wait()
            except TimeoutError:
                pass
            self._heard[hypervisor] = time.monotonic()
        return self._agenda(hypervisor)

    def report(self, hypervisor: str, report: Report) -> None:
        """Pass on a hypervisor's report; nobody hears one about what is no longer on its agenda."""
        self._heard[hypervisor] = time.monotonic()
        if hear := self._hearers.get((hypervisor, report.errand)):
            hear(report)

    def present(self, hypervisor: str) -> bool:
        """Whether the hypervisor's agent has been heard of lately."""
        return time.monotonic() - self._heard.get(hypervisor, float("-inf")) < _PRESENT

    def close(self) -> None:
        """Answer every question that waits, and let none wait any more."""
        self._closed = True
        for hypervisor in list(self._news):
            self._wake(hypervisor)

    def _agenda(self, hypervisor: str) -> Agenda:
        revision = f"{self._epoch}.{self._revisions[hypervisor]}.{self._round}"
        return Agenda(revision=revision, errands=tuple(self._errands[hypervisor].values()), monitors=self._watched())

    def _watched(self) -> monitors.Agenda | None:
        if self._monitors is None:
            return None
        return monitors.Agenda(revision=f"{self._epoch}.{self._round}", monitors=tuple(self._monitors.values()))

    def _followed(self, hypervisor: str) -> int:
        """The round of what is to be watched that a hypervisor follows; -1 if it has not said."""
        standing = self._standings.get(hypervisor)
        epoch, _, number = standing.revision.partition(".") if standing else ("", "", "")
        return int(number) if epoch == self._epoch else -1

    def _turn(self, hypervisor: str) -> None:
        self._revisions[hypervisor] += 1
        self._wake(hypervisor)

    def _wake(self, hypervisor: str) -> None:
        if news := self._news.pop(hypervisor, None):
            news.set()
