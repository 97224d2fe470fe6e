"""Which interfaces and switch ports follow from a topology.  Pure: nothing here touches the machine.

Switch ports are named for the host at the other end (`node-01`, or `node-01-eth0` when it has several links to the
switch), so that a capture on a port reads like the picture.  A virtual machine's card is a cable, too: its far end is on the
hypervisor, where attaching plugs it into the integration bridge.  So is a container's, to its machine's own switch.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Interface

import msgspec

from trunkline.kit import ids
from trunkline.lab.topology import VIF, Host, Link, Topology, Vm

IFNAMSIZ = 15
"""Bytes in a Linux interface name, the closing NUL left out (linux/if.h)."""


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A switch port: `untagged` and `tagged` are VLAN numbers; a `trunk` carries all of them tagged."""

    switch: str
    name: str
    untagged: int | None = None
    tagged: tuple[int, ...] = ()
    trunk: bool = False


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's end of a link."""

    host: str
    name: str
    mtu: int
    address: IPv4Interface | None = None


class Cable(msgspec.Struct, frozen=True):
    """What joins two switch ports, or a machine's interface and a switch port."""

    near: Interface | Port
    far: Port
    mtu: int


def cables(drawn: Topology) -> tuple[Cable, ...]:
    """Every cable of the topology."""
    return (*_host_cables(drawn), *_trunks(drawn), *_vif_cables(drawn), *_container_cables(drawn))


def vif_port(machine: str) -> str:
    """What a machine's card is called on the hypervisor, wherever that is at the moment."""
    return ids.fitted(f"vif-{machine}", IFNAMSIZ)


def container_host(machine: str, container: str) -> str:
    """The name of a container among the lab's hosts; no host of a topology has a dot in its name."""
    return f"{machine}.{container}"


def gateways(drawn: Topology) -> dict[str, IPv4Address | None]:
    """Everybody who has interfaces, and the default gateway of each."""
    inside = {container_host(*names): found.gateway for names, found in drawn.containers().items()}
    return {**{name: host.gateway for name, host in drawn.machines().items()}, **inside}


def ports(drawn: Topology, switch: str) -> tuple[Port, ...]:
    """The ports of one switch."""
    ends = (end for cable in cables(drawn) for end in (cable.near, cable.far) if isinstance(end, Port))
    return tuple(port for port in ends if port.switch == switch)


def interfaces(drawn: Topology, host: str) -> tuple[Interface, ...]:
    """The interfaces of one machine."""
    nears = (cable.near for cable in cables(drawn))
    return tuple(end for end in nears if isinstance(end, Interface) and end.host == host)


def _host_cables(drawn: Topology) -> list[Cable]:
    found = []
    for name, host in drawn.machines().items():
        for interface, link in host.links.items():
            mtu = max(drawn.vlans[vlan].mtu for vlan in (link.vlan, *link.tagged) if vlan)
            near = Interface(host=name, name=interface, mtu=mtu, address=_address(drawn, link))
            far = Port(
                switch=link.switch,
                name=_port_name(name, interface, host, link.switch),
                untagged=drawn.vlans[link.vlan].id if link.vlan else None,
                tagged=tuple(drawn.vlans[vlan].id for vlan in link.tagged),
            )
            found.append(Cable(near, far, mtu))
    return found


def _trunks(drawn: Topology) -> list[Cable]:
    mtu = max((vlan.mtu for vlan in drawn.vlans.values()), default=1500)
    return [
        Cable(
            Port(switch=name, name=ids.fitted(other, IFNAMSIZ), trunk=True),
            Port(switch=other, name=ids.fitted(name, IFNAMSIZ), trunk=True),
            mtu,
        )
        for name, switch in drawn.switches.items()
        for other in switch.trunks
    ]


def _vif_cables(drawn: Topology) -> list[Cable]:
    found = []
    for machine, vif in drawn.vifs().items():
        # A machine with a switch of its own has its address on the switch, as a node's agent would arrange it.
        host = drawn.machines()[machine]
        address = None if isinstance(host, Vm) and host.containers else vif.address
        near = Interface(host=machine, name=VIF, mtu=vif.mtu, address=address)
        found.append(Cable(near, Port(switch=vif.hypervisor, name=vif_port(machine), trunk=True), vif.mtu))
    return found


def _container_cables(drawn: Topology) -> list[Cable]:
    found = []
    for (machine, name), container in drawn.containers().items():
        mtu = drawn.vms[machine].vif.mtu
        near = Interface(host=container_host(machine, name), name=VIF, mtu=mtu, address=container.address)
        found.append(Cable(near, Port(switch=machine, name=ids.fitted(name, IFNAMSIZ), untagged=container.tag), mtu))
    return found


def _port_name(name: str, interface: str, host: Host, switch: str) -> str:
    several = Counter(link.switch for link in host.links.values())[switch] > 1
    return ids.fitted(f"{name}-{interface}" if several else name, IFNAMSIZ)


def _address(drawn: Topology, link: Link) -> IPv4Interface | None:
    if link.address is None:
        return None
    return IPv4Interface((link.address, drawn.vlans[link.vlan].prefix.prefixlen))
