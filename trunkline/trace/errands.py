"""What the manager asks of a hypervisor, and what the hypervisor tells: the JSON of the channel between the two.

The agenda is the whole of what is wanted of a hypervisor at the moment.  An agent starts what is new on it, gives up what is
no longer there, and may ask again at any time; so either side may be restarted between any two messages.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trunkline.intent import monitors
from trunkline.trace.frame import Mark, Seen


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag="watch"):
    """Tell of every frame that is the marked packet, on whichever interface, for some seconds."""

    id: str
    mark: Mark
    seconds: float


class Send(msgspec.Struct, frozen=True, kw_only=True, tag="send"):
    """Let the integration bridge treat a frame as if it had just come in by the interface with this `iface-id`."""

    id: str
    port: str
    frame: bytes


class Recompute(msgspec.Struct, frozen=True, kw_only=True, tag="recompute"):
    """Have ovn-controller compute everything anew."""

    id: str


Errand = Watch | Send | Recompute


class Agenda(msgspec.Struct, frozen=True, kw_only=True):
    """All errands of one hypervisor, and what is to be watched; `revision` differs from that of every other agenda.

    Without `monitors` the manager does not know yet what is to be watched, and what stands is to stay.
    """

    revision: str
    errands: tuple[Errand, ...] = ()
    monitors: monitors.Agenda | None = None


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """The marked packet on one interface of the hypervisor.

    `port` is the interface's `iface-id`, "" for a network card; `outgoing` is as the hypervisor sees it; `micros` since 1970.
    """

    interface: str
    port: str
    outgoing: bool
    seen: Seen
    micros: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """News of one errand: it is under way, something was seen, it is done, or it cannot be done (`problem`)."""

    errand: str
    state: Literal["started", "done", "failed"]
    sightings: tuple[Sighting, ...] = ()
    problem: str = ""
