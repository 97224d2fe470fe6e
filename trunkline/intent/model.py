"""The network that people asked for: networks, subnets, ports, their filters and limits, routers, links, routes, translations.

Dialects write this model, the compiler reads it; neither knows the other.  Everything is frozen and hashable, ids are
text, and every object remembers its `Source`, the object a person wrote.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import Enum
from typing import Any

import msgspec

from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork
from trunkline.kit.ids import NetworkId, PortId


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """The user's object an intent object follows from ("Pod", "shop", "web-0", uid)."""

    kind: str
    namespace: str = ""
    name: str = ""
    uid: str = ""

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {path}".rstrip()


class NetworkKind(Enum):
    """How frames of a network travel between machines."""

    VLAN = "vlan"
    OVERLAY = "overlay"


class Network(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One layer-2 domain.

    A VLAN network leaves the machine by the bridge mapped to `physical_network`, tagged with `vlan` (1-4094; 0 means
    untagged).  An overlay network has neither.  `mtu` is what its ports get, bytes of IP packet.
    """

    id: NetworkId
    kind: NetworkKind
    physical_network: str = ""
    vlan: int = 0
    mtu: int = 1500
    source: Source = Source("")


class Subnet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A prefix on a network; `gateway` is the next hop of its ports' default route, wherever that gateway lives."""

    id: str
    network: NetworkId
    prefix: IPNetwork
    gateway: IPAddress | None = None
    source: Source = Source("")


class Host(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody behind a port, and the addresses known of it."""

    mac: str
    addresses: tuple[IPInterface, ...] = ()


class Guard(Enum):
    """What a port may send.

    Nothing that is guarded can come from an unknown host, so only a port without a guard has hosts to be learned: frames
    to a MAC that nobody knows reach every such port of the network.
    """

    ADDRESSES = "addresses"
    """Each host with its own MAC and its own addresses."""
    MACS = "macs"
    """Each host with its own MAC and any address; a node's, for what comes back to its pods."""
    NONE = "none"
    """Anybody as anybody."""


class Traffic(Enum):
    """What a filter may hold back."""

    DHCP_SERVER = "dhcp-server"
    """What servers send to clients."""
    DHCP_CLIENT = "dhcp-client"
    """What clients and relays send to servers."""
    DHCPV6_SERVER = "dhcpv6-server"
    DHCPV6_CLIENT = "dhcpv6-client"
    NON_IP = "non-ip"
    """All but IPv4, IPv6 and ARP."""


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the ports that name it may not send; what they get is not its business.

    Frames to a MAC of `blocked_macs` are dropped whatever they are, those to one of `spared_macs` pass as if they were IP.
    """

    id: str
    drops: tuple[Traffic, ...] = ()
    blocked_macs: tuple[str, ...] = ()
    spared_macs: tuple[str, ...] = ()
    source: Source = Source("")


class Port(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint on a network: a pod's interface, a VM's, a node's management interface, or what a VM sends tagged.

    A port with a `parent` is nested: it stands for the frames that the parent port carries with the VLAN `tag` (1-4094),
    which it gets and gives without the tag, on its own network.  It is wherever its parent is.

    `chassis` is the one machine that may claim the port (empty: any); while it moves, the machine `moving_to` has a copy
    of all its traffic.  `filter` is the id of the filter that holds for it, "" for none.
    """

    id: PortId
    network: NetworkId
    hosts: tuple[Host, ...] = ()
    guard: Guard = Guard.ADDRESSES
    filter: str = ""
    parent: PortId = PortId("")
    tag: int = 0
    chassis: str = ""
    moving_to: str = ""
    source: Source = Source("")


class Direction(Enum):
    """Which way packets pass a port."""

    FROM_PORT = "from-port"
    TO_PORT = "to-port"


class Qos(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one port's packets get in one direction: at most `rate` kbit/s (0: no limit), and the mark `dscp` (0-63).

    `burst` is in kbit; 0 means what half a second at `rate` carries.
    """

    id: str
    port: PortId
    direction: Direction
    rate: int = 0
    burst: int = 0
    dscp: int | None = None
    source: Source = Source("")


class Router(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A distributed router between networks."""

    id: str
    source: Source = Source("")


class Redirect(Enum):
    """How machines pass on what only the gateway's machine may send."""

    OVERLAY = "overlay"
    """In a tunnel."""
    BRIDGED = "bridged"
    """On the VLAN of the gateway's network; only for a router all of whose networks are VLANs."""


class RouterPort(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A router's leg on a network, with the addresses its neighbours use as gateway.

    Every machine serves a leg itself, unless the leg is a gateway: then the first living machine of `gateway_chassis`
    does, for all.  A VLAN on which there are hosts of other kinds needs a gateway, because they must find the router's
    MAC behind one port of their switch.
    """

    id: str
    router: str
    network: NetworkId
    mac: str
    addresses: tuple[IPInterface, ...]
    gateway_chassis: tuple[str, ...] = ()
    redirect: Redirect = Redirect.OVERLAY
    source: Source = Source("")


class LinkEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """One router's side of a link."""

    router: str
    mac: str
    addresses: tuple[IPInterface, ...]


class RouterLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wire between two routers, with nothing else on it; no router learns routes by it, no end can be a gateway.

    A router that needs a gateway of its own towards another, to translate there, meets it on an overlay network; both
    routers' gateways must then be on the same machines in the same order, because each is only heard on its own.
    """

    id: str
    ends: tuple[LinkEnd, LinkEnd]
    source: Source = Source("")


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A static route of a router; without a `next_hop` it drops what it catches.

    Routes that differ in nothing but the next hop share the traffic, connection by connection.  With `source_prefix` the
    route holds only for packets from that prefix and is preferred to routes without one; the longest source wins, then
    the longest `prefix`.  Packets to a prefix of one of the router's own ports never take such a route.
    """

    id: str
    router: str
    prefix: IPNetwork
    next_hop: IPAddress | None
    source_prefix: IPNetwork | None = None
    source: Source = Source("")


class NatKind(Enum):
    """Which way a translation works."""

    SNAT = "snat"
    """Connections from `internal` get the address `external`."""
    DNAT = "dnat"
    """Connections to `external` go to `internal`."""
    BOTH = "both"
    """Both ways: a floating address."""


class Nat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A translation where packets pass a gateway, a router port with `gateway_chassis`.

    `internal` is a prefix for SNAT, otherwise a single host's.
    """

    id: str
    gateway: str
    kind: NatKind
    external: IPAddress
    internal: IPNetwork
    source: Source = Source("")


Object = Network | Subnet | Filter | Port | Qos | Router | RouterPort | RouterLink | Route | Nat


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A whole network at one moment; each mapping is keyed by the object's id."""

    networks: dict[str, Network] = {}
    subnets: dict[str, Subnet] = {}
    routers: dict[str, Router] = {}
    router_ports: dict[str, RouterPort] = {}
    router_links: dict[str, RouterLink] = {}
    routes: dict[str, Route] = {}
    nats: dict[str, Nat] = {}
    filters: dict[str, Filter] = {}
    ports: dict[str, Port] = {}
    qos: dict[str, Qos] = {}

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Intent:
        """An intent of these objects; of two with one id the later counts."""
        kinds: dict[type[Object], dict[str, Any]] = {kind: {} for kind in _KINDS}
        for item in objects:
            kinds[type(item)][item.id] = item
        return cls(**{field: kinds[kind] for kind, field in _KINDS.items()})

    def objects(self) -> tuple[Object, ...]:
        """Every object, in the order in which they depend on each other."""
        return tuple(item for field in _KINDS.values() for item in getattr(self, field).values())


# In the order in which they depend on each other; a parent port may stand behind its children.
_KINDS: dict[type[Object], str] = {
    Network: "networks",
    Subnet: "subnets",
    Router: "routers",
    RouterPort: "router_ports",
    RouterLink: "router_links",
    Route: "routes",
    Nat: "nats",
    Filter: "filters",
    Port: "ports",
    Qos: "qos",
}

ANY_IPV4 = ipaddress.IPv4Network("0.0.0.0/0")
