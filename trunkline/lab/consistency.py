"""What entries of a topology say about each other, or about reality, that cannot be.  Pure.

Each finding is the path of the entry at fault, a problem id, what was found, what is allowed, and a hint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from trunkline.lab import fabric_consistency, topology
from trunkline.lab.findings import (
    DANGLING,
    DUPLICATE,
    INTERFACE,
    LOOP,
    NAME,
    OUT_OF_RANGE,
    WRONG_VALUE,
    Finding,
    Path,
    missing,
)
from trunkline.lab.topology import Topology


def contradictions(drawn: Topology) -> Iterator[Finding]:
    """Everything in which well-formed entries contradict each other, or reality."""
    if not NAME.fullmatch(drawn.name):
        yield Finding(
            ("name",), OUT_OF_RANGE, repr(drawn.name), "lower-case letters, digits and '-' are wanted, at most 30"
        )
    yield from _names(drawn)
    yield from _vlans(drawn)
    yield from _loops(drawn)
    yield from _cluster(drawn)
    used: dict[IPv4Address, Path] = {}
    for path, host in _hosts(drawn):
        for interface, link in host.links.items():
            yield from _link(drawn, (*path, "links", interface), interface, link, used)
        if host.gateway and not _reaches(drawn, host, host.gateway):
            yield Finding(
                (*path, "gateway"),
                OUT_OF_RANGE,
                str(host.gateway),
                "an address that a link of the host reaches is wanted",
            )
    for name, node in drawn.nodes.items():
        yield from _node(drawn, name, node)
    yield from fabric_consistency.contradictions(drawn)


def _cluster(drawn: Topology) -> Iterator[Finding]:
    own = {"pods": drawn.cluster.pods, "services": drawn.cluster.services}
    others = {f"vlans.{name}.prefix": vlan.prefix for name, vlan in drawn.vlans.items()}
    for key, prefix in own.items():
        for other, taken in {**others, "cluster.pods": own["pods"]}.items():
            if f"cluster.{key}" != other and prefix.overlaps(taken):
                yield Finding(("cluster", key), OUT_OF_RANGE, str(prefix), f"it overlaps {other}, {taken}")


def _hosts(drawn: Topology) -> Iterator[tuple[Path, topology.Host]]:
    sections: Mapping[str, Mapping[str, topology.Host]] = {
        "routers": drawn.routers,
        "hosts": drawn.hosts,
        "nodes": drawn.nodes,
        "hypervisors": drawn.hypervisors,
        "vms": drawn.vms,
    }
    for section, hosts in sections.items():
        for name, host in hosts.items():
            yield (section, name), host
    if drawn.control_plane:
        yield (topology.CONTROL_PLANE,), drawn.control_plane
    if drawn.fabric:
        yield ("fabric",), drawn.fabric


def _names(drawn: Topology) -> Iterator[Finding]:
    seen: dict[str, Path] = {topology.CONTROL_PLANE: (topology.CONTROL_PLANE,), topology.MANAGER: ("fabric",)}
    for section, entries in (
        ("switches", drawn.switches),
        ("routers", drawn.routers),
        ("hosts", drawn.hosts),
        ("nodes", drawn.nodes),
        ("hypervisors", drawn.hypervisors),
        ("vms", drawn.vms),
    ):
        for name in entries:
            path: Path = (section, name)
            if not NAME.fullmatch(name):
                yield Finding(
                    path, OUT_OF_RANGE, repr(name), "lower-case letters, digits and '-' are wanted, at most 30"
                )
            if name in seen:
                yield Finding(
                    path, DUPLICATE, f"the name {name!r} again", f"it is taken by {'.'.join(map(str, seen[name]))}"
                )
            seen.setdefault(name, path)


def _vlans(drawn: Topology) -> Iterator[Finding]:
    seen: dict[int, str] = {}
    for name, vlan in drawn.vlans.items():
        path = ("vlans", name)
        if not 1 <= vlan.id <= 4094:
            yield Finding((*path, "id"), OUT_OF_RANGE, str(vlan.id), "a VLAN number is within 1-4094")
        if not 576 <= vlan.mtu <= 9000:
            yield Finding((*path, "mtu"), OUT_OF_RANGE, str(vlan.mtu), "an MTU is within 576-9000 bytes")
        if vlan.id in seen:
            yield Finding((*path, "id"), DUPLICATE, f"VLAN {vlan.id} again", f"it is taken by vlans.{seen[vlan.id]}")
        seen.setdefault(vlan.id, name)


def _loops(drawn: Topology) -> Iterator[Finding]:
    """The switches speak no spanning tree, so a loop would carry each broadcast for ever."""
    group = {name: name for name in drawn.switches}

    def root(name: str) -> str:
        return name if group[name] == name else root(group[name])

    for name, switch in drawn.switches.items():
        for index, other in enumerate(switch.trunks):
            path = ("switches", name, "trunks", index)
            if other not in drawn.switches:
                yield missing(path, "switch", other, drawn.switches)
            elif root(name) == root(other):
                yield Finding(
                    path, LOOP, f"a second way from {name} to {other}", "one way between two switches is allowed"
                )
            else:
                group[root(name)] = root(other)


def _link(
    drawn: Topology, path: Path, interface: str, link: topology.Link, used: dict[IPv4Address, Path]
) -> Iterator[Finding]:
    if not INTERFACE.fullmatch(interface):
        yield Finding(
            path, OUT_OF_RANGE, repr(interface), "an interface name has at most 15 letters, digits, '.' or '-'"
        )
    if link.switch not in drawn.switches:
        yield missing((*path, "switch"), "switch", link.switch, drawn.switches)
    if link.vlan and link.vlan not in drawn.vlans:
        yield missing((*path, "vlan"), "VLAN", link.vlan, drawn.vlans)
    for index, name in enumerate(link.tagged):
        if name not in drawn.vlans:
            yield missing((*path, "tagged", index), "VLAN", name, drawn.vlans)
        elif name == link.vlan or name in link.tagged[:index]:
            yield Finding((*path, "tagged", index), DUPLICATE, f"VLAN {name} again", "a port carries a VLAN once")
    if not link.vlan and not link.tagged:
        yield Finding(path, WRONG_VALUE, "neither vlan nor tagged", "a link carries at least one VLAN")
    if link.address is None:
        return
    if not link.vlan:
        yield Finding(
            (*path, "address"), WRONG_VALUE, str(link.address), "an address needs an untagged VLAN", "add vlan: NAME"
        )
    elif link.vlan in drawn.vlans and link.address not in drawn.vlans[link.vlan].prefix:
        prefix = drawn.vlans[link.vlan].prefix
        yield Finding((*path, "address"), OUT_OF_RANGE, str(link.address), f"VLAN {link.vlan} has {prefix}")
    if link.address in used:
        taken = ".".join(str(part) for part in used[link.address])
        yield Finding((*path, "address"), DUPLICATE, f"{link.address} again", f"it is taken by {taken}")
    used.setdefault(link.address, path)


def _node(drawn: Topology, name: str, node: topology.Node) -> Iterator[Finding]:
    path = ("nodes", name)
    if drawn.control_plane is None:
        yield Finding(path, DANGLING, "a node", "nodes need a control plane", "add the section control-plane")
    cards = {**node.links, **({topology.VIF: node.vif} if node.vif else {})}
    if node.uplink not in cards:
        yield missing((*path, "uplink"), "link", node.uplink, cards)
    if topology.management_address(node) is None:
        yield Finding(path, WRONG_VALUE, "no address", "a node needs a link with an address")


def _reaches(drawn: Topology, host: topology.Host, gateway: IPv4Address) -> bool:
    vif = host.vif if isinstance(host, topology.Node | topology.Vm) else None
    if vif and vif.address and gateway in vif.address.network:
        return True
    return any(link.address and gateway in _prefix(drawn, link) for link in host.links.values())


def _prefix(drawn: Topology, link: topology.Link) -> Any:
    return drawn.vlans[link.vlan].prefix if link.vlan in drawn.vlans else ()
