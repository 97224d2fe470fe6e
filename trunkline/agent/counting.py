"""What passed each logical port, from flow counters that begin anew whenever a flow is installed again.  Pure.

OVN gives the flows of a port the cookie of its `Port_Binding`: in table 0 those that take packets from the port, in table 65
those that hand packets to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from trunkline.adapters.ovs.flows import Flow

FROM_PORT, TO_PORT = 0, 65
"""OpenFlow tables; source: ovn-architecture(7), "Architectural Physical Life Cycle of a Packet"."""


class Count(msgspec.Struct, frozen=True):
    """Packets and bytes in one direction."""

    packets: int = 0
    bytes: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.packets + other.packets, self.bytes + other.bytes)

    def __sub__(self, other: Count) -> Count:
        return Count(self.packets - other.packets, self.bytes - other.bytes)


Place = tuple[int, int]
"""A cookie and a table."""


class Counting:
    """Totals of every port that was ever seen here.

    `totals` and `shown` continue what was told before a restart: the totals, and what the flows of a place showed then.
    """

    def __init__(self, totals: Mapping[Place, Count], shown: Mapping[Place, Count]) -> None:
        self.totals: defaultdict[Place, Count] = defaultdict(Count, totals)
        self.shown: Mapping[Place, Count] = shown
        """What all flows of a place showed when they were last looked at."""
        self._flows: dict[tuple[int, int, str], Flow] | None = None

    def take(self, flows: Iterable[Flow], elapsed: float) -> set[int]:
        """Take in the flows of the two tables, `elapsed` seconds after the last time; answers the cookies that moved."""
        found = {(flow.cookie, flow.table, flow.match): flow for flow in flows if flow.cookie}
        shown: defaultdict[Place, Count] = defaultdict(Count)
        passed: defaultdict[Place, Count] = defaultdict(Count)
        for key, flow in found.items():
            shown[flow.cookie, flow.table] += Count(flow.packets, flow.bytes)
            passed[flow.cookie, flow.table] += _since(flow, (self._flows or {}).get(key), elapsed)
        if self._flows is None:  # a restart: single flows are not remembered, only their sum
            for place, before in self.shown.items():
                if shown[place].packets >= before.packets:
                    passed[place] -= before
        self._flows, self.shown = found, shown
        moved = {place: count for place, count in passed.items() if count.packets}
        for place, count in moved.items():
            self.totals[place] += count
        return {cookie for cookie, _ in moved}


def _since(flow: Flow, before: Flow | None, elapsed: float) -> Count:
    """What a flow counted since it was looked at before; everything if it was installed after that.

    `elapsed` is not exact.  A flow that was new the last time is as old as that now, so it must be clearly younger to be another one.
    """
    now = Count(flow.packets, flow.bytes)
    if before is None or flow.packets < before.packets or flow.age < min(elapsed, before.age + elapsed / 2):
        return now
    return now - Count(before.packets, before.bytes)
