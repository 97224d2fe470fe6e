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

from trunkline.adapters.netlink import addresses, links, namespace, offload, routes
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit import ids
from trunkline.lab import layout, namespaces
from trunkline.lab.state import Lab
from trunkline.lab.topology import Host, Router, Topology

_DEFAULT = ipaddress.IPv4Network("0.0.0.0/0")
_EXISTS = frozenset({errno.EEXIST})


async def wire(lab: Lab, drawn: Topology) -> None:
    """Make every namespace and cable of the topology, and dress its hosts.

    Raises:
        OSError: the kernel refused.
    """
    for name in (*drawn.switches, *drawn.machines()):
        await namespaces.ensure(lab.namespace(name))
    await asyncio.to_thread(_wire, lab, drawn)


def _wire(lab: Lab, drawn: Topology) -> None:
    for cable in layout.cables(drawn):
        _plug(lab, cable)
    for switch in drawn.switches:
        _inside(lab, switch, _prepare_switch)
    for name, host in drawn.machines().items():
        _dress(lab, drawn, name, host)


def _plug(lab: Lab, cable: layout.Cable) -> None:
    near, far = cable.near, cable.far
    near_host = near.switch if isinstance(near, layout.Port) else near.host

    def work() -> None:
        with Connection() as kernel:
            if links.find(kernel, near.name) is not None:
                return
            with namespaces.path(lab.namespace(far.switch)).open() as handle:
                peer = links.Peer(far.name, _mac(lab, far.switch, far.name), handle.fileno())
                links.create_veth(kernel, near.name, _mac(lab, near_host, near.name), peer, cable.mtu)
        offload.disable_tx_checksum(near.name)

    _inside(lab, near_host, work)
    _inside(lab, far.switch, lambda: offload.disable_tx_checksum(far.name))


def _prepare_switch() -> None:
    """A switch's ports say nothing of their own accord: no IPv6 router solicitations in anybody's capture."""
    for scope in ("all", "default"):
        links.set_sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
    _bring_up()


def _bring_up() -> None:
    with Connection() as kernel:
        for link in links.listed(kernel):
            if not link.up and link.kind in ("", "veth"):
                links.change(kernel, link.index, up=True)


def _dress(lab: Lab, drawn: Topology, name: str, host: Host) -> None:
    interfaces = layout.interfaces(drawn, name)

    def work() -> None:
        _bring_up()
        if isinstance(host, Router):
            links.set_sysctl("ipv4/ip_forward", 1)
        with Connection() as kernel:
            present = {
                address.value for link in links.listed(kernel) for address in addresses.listed(kernel, link.index)
            }
            for interface in interfaces:
                if interface.address and interface.address not in present:
                    kernel.batch([addresses.add_request(_index(kernel, interface.name), interface.address)])
            _route(kernel, host)

    _inside(lab, name, work)


def _route(kernel: Connection, host: Host) -> None:
    """Default gateway and static routes, through whichever interface now has the gateway's subnet."""
    wanted = [(_DEFAULT, host.gateway)] if host.gateway else []
    wanted += [(route.to, route.via) for route in host.routes] if isinstance(host, Router) else []
    for prefix, via in wanted:
        for link in links.listed(kernel):
            if any(via in address.value.network for address in addresses.listed(kernel, link.index)):
                kernel.batch([routes.add_request(link.index, prefix, via)], tolerate=_EXISTS)
                break


def _index(kernel: Connection, name: str) -> int:
    link = links.find(kernel, name)
    if link is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), name)
    return link.index


def _mac(lab: Lab, host: str, interface: str) -> str:
    """A MAC that stays the same from one `up` to the next; 02 marks it as locally administered (IEEE 802)."""
    digest = ids.short_hash(f"{lab.id}/{host}/{interface}", 10)
    return "02:" + ":".join(digest[at : at + 2] for at in range(0, 10, 2))


def _inside(lab: Lab, host: str, work: Callable[[], None]) -> None:
    namespace.run_inside(str(namespaces.path(lab.namespace(host))), work)
