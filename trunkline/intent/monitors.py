"""What is to be watched of the network: copies of frames, and records of flows.

Monitors stand beside the network in the intent and are no part of it: OVN knows nothing of them (docs/decisions/0009), the
agents of the hypervisors make them in their own Open vSwitch.  Every hypervisor is told of all monitors and does its part,
so a source may move at any time without anybody being told.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trunkline.intent.model import Source as Origin

Encapsulation = Literal["gre", "erspan-2", "erspan-3"]


class Source(msgspec.Struct, frozen=True, order=True):
    """The frames with a tag (0: without one) of the interface with this `iface-id`."""

    port: str
    tag: int = 0


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """What passes the cards of every hypervisor: a VLAN of a physical network, or ("") what travels in tunnels."""

    physical_network: str = ""
    vlan: int = 0


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Frames with one of the addresses and ports on each side; what is empty may be anything.

    Addresses are prefixes; ports are ranges "80-90" or single ones.
    """

    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    protocol: Literal["", "tcp", "udp"] = ""
    source_ports: str = ""
    destination_ports: str = ""


class Remote(msgspec.Struct, frozen=True, kw_only=True, tag="remote"):
    """An address to which copies go in a tunnel; `key` is the GRE key (-1: none) or the ERSPAN session."""

    address: str
    encapsulation: Encapsulation = "gre"
    key: int = -1


class Local(msgspec.Struct, frozen=True, kw_only=True, tag="local"):
    """The interface with this `iface-id`, on the hypervisor where the copy is made."""

    port: str


Destination = Remote | Local


class Mirror(msgspec.Struct, frozen=True, kw_only=True, tag="mirror"):
    """Copies of frames.

    `ingress` is what enters the switch from a source, `egress` what leaves by it.  `length` cuts copies (0: whole).
    With `filters` only frames that pass one of them are copied, or (`exclude`) only those that pass none.
    """

    id: str
    sources: tuple[Source, ...] = ()
    uplinks: tuple[Uplink, ...] = ()
    ingress: bool = True
    egress: bool = True
    length: int = 0
    filters: tuple[Filter, ...] = ()
    exclude: bool = False
    destinations: tuple[Destination, ...]
    source: Origin = Origin("")


class Export(msgspec.Struct, frozen=True, kw_only=True, tag="export"):
    """IPFIX records of the flows of sources, to collectors ("192.0.2.9:4739").

    `probability` is the part of 65536 of the packets that are looked at; `active_timeout` is in seconds; `flows` bounds how
    many are remembered (0: each packet is told at once).
    """

    id: str
    sources: tuple[Source, ...]
    collectors: tuple[str, ...]
    probability: int
    active_timeout: int
    flows: int
    domain: int
    source: Origin = Origin("")


Monitor = Mirror | Export


class Agenda(msgspec.Struct, frozen=True, kw_only=True):
    """All monitors of a fabric; `revision` differs from that of every other such agenda."""

    revision: str
    monitors: tuple[Monitor, ...] = ()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a hypervisor is: the agenda that it follows, and by a monitor's id what it cannot do of it, in words."""

    revision: str
    problems: dict[str, str] = {}
