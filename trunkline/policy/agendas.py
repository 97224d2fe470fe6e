"""What the manager wants of each hypervisor right now.

The manager cannot reach into hypervisors, so their agents come and ask, and the answer waits until there is news.  Agendas
live in memory: after a restart of the manager they are empty under a new revision, and agents give up what they were doing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Callable

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
        revision = f"{self._epoch}.{self._revisions[hypervisor]}"
        return Agenda(revision=revision, errands=tuple(self._errands[hypervisor].values()))

    def _turn(self, hypervisor: str) -> None:
        self._revisions[hypervisor] += 1
        self._wake(hypervisor)

    def _wake(self, hypervisor: str) -> None:
        if news := self._news.pop(hypervisor, None):
            news.set()
