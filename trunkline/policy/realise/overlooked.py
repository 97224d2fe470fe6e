"""Containers' ports that a hypervisor has overlooked are shown to it again.

ovn-controller 23.03 was seen not to claim a port behind a tag that had gone and come back: it said that it had followed, and the
containers stayed silent until it computed everything anew.  So when a hypervisor has followed all that was written, has the
port of the machine, and has not claimed the one behind its tag, its agent is asked to have that done, once for each such port.
A hypervisor that is only slow has not followed yet, and is left in peace.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Set

import structlog

from trunkline.adapters.ovsdb import RowUuid
from trunkline.policy.agendas import Agendas
from trunkline.policy.realise.southbound import Southbound
from trunkline.trace.errands import Recompute, Report

PAUSE = 2.0
"""Seconds between two looks, both of which must find a port waiting; chosen: a claim is on its way for less."""

_log = structlog.get_logger(__name__)
_numbers = itertools.count(1)


class Overlooked:
    """Looks for such ports, in one view of the southbound database."""

    def __init__(self, southbound: Southbound, agendas: Agendas) -> None:
        self._southbound, self._agendas = southbound, agendas
        self._suspects: dict[RowUuid, str] = {}
        self._asked: dict[str, tuple[str, frozenset[RowUuid]]] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(PAUSE)

    def look(self) -> None:
        """Ask the hypervisors of ports that waited at the last look already."""
        before, waiting = self._suspects, self._southbound.waiting()
        followed, northd = self._southbound.followed(), self._southbound.northd
        self._suspects = {row: name for row, name in waiting.items() if followed.get(name, -1) >= northd}
        self._settle(waiting.keys())
        asked = {row for _, rows in self._asked.values() for row in rows}
        overlooked: defaultdict[str, set[RowUuid]] = defaultdict(set)
        for row, hypervisor in self._suspects.items():
            if before.get(row) == hypervisor and row not in asked:
                overlooked[hypervisor].add(row)
        for hypervisor, rows in sorted(overlooked.items()):
            self._ask(hypervisor, frozenset(rows))

    def _settle(self, waiting: Set[RowUuid]) -> None:
        """Forget what no port waits for any more, whoever has seen to it."""
        for errand, (hypervisor, rows) in list(self._asked.items()):
            if not rows & waiting:
                self._agendas.withdraw(hypervisor, errand)
                del self._asked[errand]

    def _ask(self, hypervisor: str, rows: frozenset[RowUuid]) -> None:
        errand = Recompute(id=f"overlooked-{next(_numbers)}")

        def hear(report: Report) -> None:
            self._agendas.withdraw(hypervisor, errand.id)
            if report.state == "failed":
                self._asked.pop(errand.id, None)

        _log.warning("a hypervisor has overlooked containers' ports", hypervisor=hypervisor, ports=len(rows))
        self._asked[errand.id] = hypervisor, rows
        self._agendas.ask(hypervisor, errand, hear)
