"""The network that people asked for: networks, subnets, ports, routers, routes.

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


class Port(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint on a network: a pod's interface, or a node's management interface.

    Only frames with this MAC and these addresses may leave it; one that `forwards` (a node's, for what comes back to its
    pods) may send from any address, still with this MAC.  `chassis` is the one machine that may claim it (empty: any).
    """

    id: PortId
    network: NetworkId
    mac: str
    addresses: tuple[IPInterface, ...]
    chassis: str = ""
    forwards: bool = False
    source: Source = Source("")


class Router(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A distributed router between networks."""

    id: str
    source: Source = Source("")


class RouterPort(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A router's leg on a network, with the addresses its neighbours use as gateway."""

    id: str
    router: str
    network: NetworkId
    mac: str
    addresses: tuple[IPInterface, ...]
    source: Source = Source("")


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A static route of a router.

    With `source_prefix` the route holds only for packets from that prefix and is preferred to routes without one; the
    longest source wins, then the longest `prefix`.  Packets to a prefix of one of the router's own ports never take it.
    """

    id: str
    router: str
    prefix: IPNetwork
    next_hop: IPAddress
    source_prefix: IPNetwork | None = None
    source: Source = Source("")


Object = Network | Subnet | Port | Router | RouterPort | Route


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A whole network at one moment; each mapping is keyed by the object's id."""

    networks: dict[str, Network] = {}
    subnets: dict[str, Subnet] = {}
    ports: dict[str, Port] = {}
    routers: dict[str, Router] = {}
    router_ports: dict[str, RouterPort] = {}
    routes: dict[str, Route] = {}

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Intent:
        """An intent of these objects; of two with one id the later counts."""
        kinds: dict[type[Object], dict[str, Any]] = {kind: {} for kind in _KINDS}
        for item in objects:
            kinds[type(item)][item.id] = item
        return cls(**{field: kinds[kind] for kind, field in _KINDS.items()})

    def objects(self) -> tuple[Object, ...]:
        """Every object, in the order in which they depend on each other."""
        kinds = (self.networks, self.subnets, self.routers, self.router_ports, self.routes, self.ports)
        return tuple(item for kind in kinds for item in kind.values())


_KINDS: dict[type[Object], str] = {
    Network: "networks",
    Subnet: "subnets",
    Port: "ports",
    Router: "routers",
    RouterPort: "router_ports",
    Route: "routes",
}

ANY_IPV4 = ipaddress.IPv4Network("0.0.0.0/0")
