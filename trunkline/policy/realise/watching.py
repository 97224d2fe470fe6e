"""How far hypervisors are with what a document wants watched.

A mirror or a record of flows is real when every hypervisor that has one of its sources says that it follows; for uplinks
that is every one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.intent.monitors import Mirror, Monitor
from trunkline.kit import problems
from trunkline.kit.problems import Problem
from trunkline.policy.agendas import Agendas
from trunkline.policy.realise.southbound import Southbound

TROUBLE = problems.register("TRK-0961", "A hypervisor cannot mirror frames or tell of flows as it should.")


class Watching(msgspec.Struct, frozen=True):
    """Hypervisors that do not follow yet, and what cannot be done."""

    late: tuple[str, ...] = ()
    troubles: tuple[Problem, ...] = ()


def of(monitors: Iterable[Monitor], southbound: Southbound, agendas: Agendas) -> Watching:
    """What is known of these monitors."""
    late: list[str] = []
    troubles = []
    for each in monitors:
        late += agendas.late(each.id, sorted(_concerned(each, southbound)))
        found = agendas.troubles(each.id)
        troubles += [Problem(code=TROUBLE, object=str(each.source), found=text) for text in found]
    return Watching(tuple(dict.fromkeys(late)), tuple(troubles))


def _concerned(monitor: Monitor, southbound: Southbound) -> set[str]:
    if isinstance(monitor, Mirror) and monitor.uplinks:
        return set(southbound.followed())
    places = (southbound.place(source.port) for source in monitor.sources)
    return {place.chassis for place in places if place}
