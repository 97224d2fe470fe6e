"""Cables, addresses and routes of a lab's hosts, made in the kernel.

Every step looks first and does only what is missing, so wiring a lab that stands changes nothing.  An address is given
only while no interface of the host has it: an agent may have moved it to a bridge since.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
from collections.abc import Callable
from typing import TypeVar

from trunkline.adapters.netlink import addresses, links, namespace, offload, routes
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit import ids
from trunkline.lab import layout, namespaces
from trunkline.lab.state import Lab
from trunkline.lab.topology import Router, Topology

_DEFAULT = ipaddress.IPv4Network("0.0.0.0/0")
_EXISTS = frozenset({errno.EEXIST})

T = TypeVar("T")


async def wire(lab: Lab, drawn: Topology) -> None:
    """Make every namespace and cable of the topology, and dress its hosts.

    Raises:
        OSError: the kernel refused.
    """
    for name in (*drawn.switches, *layout.gateways(drawn)):
        await namespaces.ensure(lab.namespace(name))
    await asyncio.to_thread(_wire, lab, drawn)


def _wire(lab: Lab, drawn: Topology) -> None:
    for cable in layout.cables(drawn):
        _plug(lab, cable)
    switching = (*drawn.switches, *drawn.hypervisors, *(name for name, vm in drawn.vms.items() if vm.containers))
    for switch in switching:
        inside(lab, switch, _prepare_switch)
    for name in layout.gateways(drawn):
        dress(lab, drawn, name, layout.interfaces(drawn, name))


def _plug(lab: Lab, cable: layout.Cable) -> None:
    near, far = cable.near, cable.far
    near_host = near.switch if isinstance(near, layout.Port) else near.host

    def work() -> None:
        with Connection() as kernel:
            if links.find(kernel, near.name) is not None:
                return
            with namespaces.path(lab.namespace(far.switch)).open() as handle:
                peer = links.Peer(far.name, mac(lab, far.switch, far.name), handle.fileno())
                links.create_veth(kernel, near.name, mac(lab, near_host, near.name), peer, cable.mtu)
        offload.disable_tx_checksum(near.name)

    def far_work() -> None:
        with Connection() as kernel:
            if links.find(kernel, far.name) is not None:  # a machine may have migrated, and its card with it
                offload.disable_tx_checksum(far.name)

    inside(lab, near_host, work)
    inside(lab, far.switch, far_work)


def _prepare_switch() -> None:
    """A switch's ports say nothing of their own accord: no IPv6 router solicitations in anybody's capture."""
    for scope in ("all", "default"):
        links.set_sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
    _bring_up()


def _bring_up(named: frozenset[str] = frozenset()) -> None:
    """Bring up every cable, and what is named besides (a switch's own port is no cable)."""
    with Connection() as kernel:
        for link in links.listed(kernel):
            if not link.up and (link.kind in ("", "veth") or link.name in named):
                links.change(kernel, link.index, up=True)


def dress(lab: Lab, drawn: Topology, name: str, interfaces: tuple[layout.Interface, ...]) -> None:
    """Bring a host's interfaces up and give them their addresses, and the host its routes, as far as that is missing.

    Raises:
        OSError: the kernel refused.
    """
    router = drawn.routers.get(name)

    named = frozenset(interface.name for interface in interfaces)

    def work() -> None:
        _bring_up(named)
        if router:
            links.set_sysctl("ipv4/ip_forward", 1)
        with Connection() as kernel:
            present = {
                address.value for link in links.listed(kernel) for address in addresses.listed(kernel, link.index)
            }
            for interface in interfaces:
                if interface.address and interface.address not in present:
                    kernel.batch([addresses.add_request(_index(kernel, interface.name), interface.address)])
            _route(kernel, layout.gateways(drawn)[name], router)

    inside(lab, name, work)


def _route(kernel: Connection, gateway: ipaddress.IPv4Address | None, router: Router | None) -> None:
    """Default gateway and static routes, through whichever interface now has the gateway's subnet."""
    wanted = [(_DEFAULT, gateway)] if gateway else []
    wanted += [(route.to, route.via) for route in router.routes] if router else []
    for prefix, via in wanted:
        for link in links.listed(kernel):
            if link.up and any(via in each.value.network for each in addresses.listed(kernel, link.index)):
                kernel.batch([routes.add_request(link.index, prefix, via)], tolerate=_EXISTS)
                break


def _index(kernel: Connection, name: str) -> int:
    link = links.find(kernel, name)
    if link is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), name)
    return link.index


def mac(lab: Lab, host: str, interface: str) -> str:
    """A MAC that stays the same from one `up` to the next; 02 marks it as locally administered (IEEE 802)."""
    digest = ids.short_hash(f"{lab.id}/{host}/{interface}", 10)
    return "02:" + ":".join(digest[at : at + 2] for at in range(0, 10, 2))


def inside(lab: Lab, host: str, work: Callable[[], T]) -> T:
    """What `work` answers in a host's network namespace."""
    return namespace.run_inside(str(namespaces.path(lab.namespace(host))), work)
