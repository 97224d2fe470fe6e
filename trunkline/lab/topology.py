"""What a topology file says: VLANs, switches, routers, outside hosts, a control plane, nodes, and the links between them;
a fabric's manager and hypervisors, and the virtual machines on them.

The structs are the file's grammar; `reading` turns a file into them and finds everything that is wrong, `layout` works out
which interfaces and switch ports follow.  A link belongs to the host whose interface it is and names the switch at its
other end; a switch's ports are therefore never listed twice.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, Literal

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


class Vif(_Part, frozen=True, kw_only=True):
    """A virtual machine's network card: on which hypervisor it begins, to which segment (policy path) it is attached.

    `address` is what the machine gives its card, with the length of the prefix; `mtu` is in bytes.
    """

    hypervisor: str
    segment: str
    address: IPv4Interface | None = None
    mtu: int = 1500


class Node(Host, frozen=True, kw_only=True):
    """A Kubernetes node; the agent gives `uplink` to the bridge that carries the pods' VLANs.

    A node with a `vif` is a virtual machine of the fabric: its card is called `eth0`, and it needs no links.
    """

    links: dict[str, Link] = {}
    uplink: str = "eth0"
    vif: Vif | None = None


class Fabric(Host, frozen=True, kw_only=True):
    """The fabric's manager, a host called `manager`, and what its policy API is told when the lab comes up.

    `objects` are bodies by policy path; they are put in the order of the file, before any machine is attached.
    """

    objects: dict[str, dict[str, Any]] = {}


class Teaming(_Part, frozen=True, kw_only=True):
    """A teaming policy: frames leave by the first card of `active`, then `standby`, that has a carrier."""

    active: str
    standby: tuple[str, ...] = ()


class Hypervisor(Host, frozen=True, kw_only=True):
    """A machine on which virtual machines run; its first address is its tunnel endpoint.

    `teaming` says, for each physical network that segments may leave by, which of the cards it uses.
    """

    teaming: dict[str, Teaming] = {}


class Container(_Part, frozen=True, kw_only=True):
    """A container in a virtual machine, behind an access port of the machine's own switch: `tag` 0 is no tag at all."""

    tag: int
    address: IPv4Interface
    gateway: IPv4Address | None = None


class Vm(Host, frozen=True, kw_only=True):
    """A virtual machine.  One with containers runs an Open vSwitch of its own, which pushes their tags."""

    links: dict[str, Link] = {}
    vif: Vif
    containers: dict[str, Container] = {}


class PolicyApi(_Part, frozen=True, kw_only=True):
    """How VLANs of pools become child segments below the nodes: their backing, and the Tier-1 with the gateway addresses."""

    backing: Literal["overlay", "vlan"] = "overlay"
    tier_1: str = ""
    transport_zone: str = ""


class Cluster(_Part, frozen=True, kw_only=True):
    """The cluster's own settings: prefixes of overlay pods and of Services, and the name of the VLANs' physical network.

    With a `policy_api` the pools' VLANs become child segments of the fabric that the nodes are machines of.
    """

    pods: IPv4Network = IPv4Network("10.244.0.0/16")
    services: IPv4Network = IPv4Network("10.96.0.0/16")
    physical_network: str = "trunk"
    policy_api: PolicyApi | None = None

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
    fabric: Fabric | None = None
    hypervisors: dict[str, Hypervisor] = {}
    vms: dict[str, Vm] = {}

    def machines(self) -> dict[str, Host]:
        """Everything that has links, by name, in the order in which it is worth starting."""
        manager = {MANAGER: self.fabric} if self.fabric else {}
        central = {CONTROL_PLANE: self.control_plane} if self.control_plane else {}
        physical = {**self.routers, **self.hosts, **manager, **self.hypervisors, **central}
        return {**physical, **self.nodes, **self.vms}

    def containers(self) -> dict[tuple[str, str], Container]:
        """Every container by its machine's name and its own."""
        return {(vm, name): found for vm in self.vms for name, found in self.vms[vm].containers.items()}

    def vifs(self) -> dict[str, Vif]:
        """The cards of everything that runs on a hypervisor, by the machine's name."""
        on_fabric = {name: node.vif for name, node in self.nodes.items() if node.vif}
        return {**on_fabric, **{name: vm.vif for name, vm in self.vms.items()}}


CONTROL_PLANE = "control-plane"
MANAGER = "manager"
VIF = "eth0"
"""What a virtual machine calls its card."""


def management_address(host: Host) -> IPv4Address | None:
    """The address other machines of the cluster know the host by: the first one it carries, in the file's order."""
    if isinstance(host, Node | Vm) and host.vif and host.vif.address:
        return host.vif.address.ip
    return next((link.address for link in host.links.values() if link.address), None)
