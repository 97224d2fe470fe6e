"""What a topology file says: VLANs, switches, routers, outside hosts, a control plane, nodes, and the links between them.

The structs are the file's grammar; `reading` turns a file into them and finds everything that is wrong, `layout` works out
which interfaces and switch ports follow.  A link belongs to the host whose interface it is and names the switch at its
other end; a switch's ports are therefore never listed twice.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A piece of the file: keys in kebab-case, unknown ones refused."""

    about: str = ""


class Vlan(_Part, frozen=True, kw_only=True):
    """A layer-2 network: its IEEE 802.1Q number (1-4094), its prefix, and the largest packet its hosts send, in bytes."""

    id: int
    prefix: IPv4Network
    mtu: int = 1500


class Switch(_Part, frozen=True, kw_only=True):
    """A learning switch; `trunks` names other switches it is connected to with every VLAN tagged."""

    trunks: tuple[str, ...] = ()


class Link(_Part, frozen=True, kw_only=True):
    """One interface of a host and the switch port it is plugged into.

    `vlan` names the VLAN whose frames travel untagged, `tagged` those that keep their tag; `address` lies in `vlan`.
    """

    switch: str
    vlan: str = ""
    tagged: tuple[str, ...] = ()
    address: IPv4Address | None = None


class Host(_Part, frozen=True, kw_only=True):
    """A machine with links (by interface name) and a default gateway; outside hosts are nothing more than this."""

    links: dict[str, Link]
    gateway: IPv4Address | None = None


class Route(_Part, frozen=True, kw_only=True):
    """A static route of a router."""

    to: IPv4Network
    via: IPv4Address


class Router(Host, frozen=True, kw_only=True):
    """A host that forwards between its links, and knows further routes."""

    routes: tuple[Route, ...] = ()


class ControlPlane(Host, frozen=True, kw_only=True):
    """The host of the API server, the controller and OVN's databases; always called `control-plane`."""


class Node(Host, frozen=True, kw_only=True):
    """A Kubernetes node; the agent gives `uplink` to the bridge that carries the pods' VLANs."""

    uplink: str = "eth0"


class Cluster(_Part, frozen=True, kw_only=True):
    """The cluster's own settings: prefixes of overlay pods and of Services, and the name of the VLANs' physical network."""

    pods: IPv4Network = IPv4Network("10.244.0.0/16")
    services: IPv4Network = IPv4Network("10.96.0.0/16")
    physical_network: str = "trunk"

    @property
    def service_address(self) -> IPv4Address:
        """The address of the Service `kubernetes`: the first one."""
        return self.services[1]


class Topology(_Part, frozen=True, kw_only=True):
    """A whole virtual datacenter."""

    name: str
    vlans: dict[str, Vlan] = {}
    switches: dict[str, Switch] = {}
    routers: dict[str, Router] = {}
    hosts: dict[str, Host] = {}
    control_plane: ControlPlane | None = None
    nodes: dict[str, Node] = {}
    cluster: Cluster = Cluster()

    def machines(self) -> dict[str, Host]:
        """Everything that has links, by name, in the order in which it is worth starting."""
        central = {CONTROL_PLANE: self.control_plane} if self.control_plane else {}
        return {**self.routers, **self.hosts, **central, **self.nodes}


CONTROL_PLANE = "control-plane"


def management_address(host: Host) -> IPv4Address | None:
    """The address other machines of the cluster know the host by: the first one its links carry, in the file's order."""
    return next((link.address for link in host.links.values() if link.address), None)
