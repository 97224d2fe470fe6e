"""What is known of the neighbours behind each port: who announced which address, when first and when last.  Pure.

Bounded: a machine that announces more than there is room for is not heard any further, and harms itself alone.  What was known
first is kept longest, because that is what is trusted; what is old gives way only where room is short, since it is for the policy
manager to say what counts as old.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec

from trunkline.agent.announcements import Announcement

BEHIND_A_TAG = 288
"""Neighbours behind one tag of a port; chosen: the most that a profile can ask for, 256 by ARP and 15 by ND, have room."""

BEHIND_A_PORT = 1024
"""Neighbours of one port, whatever their tags; chosen."""

SILENT_MS = 120 * 60 * 1000
"""After so long without a word a neighbour may give way: the longest `arp_nd_binding_timeout` of a profile."""


class Place(msgspec.Struct, frozen=True):
    """A neighbour behind a port."""

    port: str
    said: Announcement


class Times(msgspec.Struct, frozen=True):
    """When a neighbour was first and last heard, milliseconds since the epoch."""

    first: int
    last: int


class Neighbours:
    """The neighbours behind the ports of one machine."""

    def __init__(self, known: Mapping[Place, Times]) -> None:
        self._ports: defaultdict[str, dict[Announcement, Times]] = defaultdict(dict)
        for place, times in known.items():
            self._ports[place.port][place.said] = times

    def take(self, port: str, said: Announcement, now: int) -> bool:
        """Note an announcement; answers whether it is news."""
        known = self._ports[port]
        if (before := known.get(said)) is not None:
            known[said] = Times(before.first, now)
            return False
        if _full(known, said.tag) and not _make_room(known, said.tag, now):
            return False
        known[said] = Times(now, now)
        return True

    def adopt(self, place: Place, times: Times) -> None:
        """Know what another machine knew of a port."""
        known = self._ports[place.port]
        if place.said not in known and not _full(known, place.said.tag):
            known[place.said] = times

    def keep(self, ports: Collection[str]) -> bool:
        """Forget the ports that are not among these; answers whether there were any."""
        gone = self._ports.keys() - set(ports)
        for port in gone:
            del self._ports[port]
        return bool(gone)

    def all(self) -> Iterable[tuple[Place, Times]]:
        """Everything that is known."""
        return ((Place(port, said), times) for port, known in self._ports.items() for said, times in known.items())


def _full(known: Mapping[Announcement, Times], tag: int) -> bool:
    if len(known) >= BEHIND_A_PORT:
        return True
    return len(known) >= BEHIND_A_TAG and sum(each.tag == tag for each in known) >= BEHIND_A_TAG


def _make_room(known: dict[Announcement, Times], tag: int, now: int) -> bool:
    """Forget the latest known of those that have been silent for long; answers whether there was one."""
    crowded = len(known) < BEHIND_A_PORT
    silent = [
        (times.first, said)
        for said, times in known.items()
        if times.last <= now - SILENT_MS and (said.tag == tag or not crowded)
    ]
    if not silent:
        return False
    del known[max(silent, key=lambda each: each[0])[1]]
    return True
