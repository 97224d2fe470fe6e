"""A pod's cable: a veth pair whose far end lies in the pod's namespace, dressed with addresses and routes.

`plug` and `dress` start from nothing; `differences` says what is not as it should be; `remove` may be called at any
time, as often as one likes.
"""

from __future__ import annotations

import asyncio
import os
import socket

import msgspec

from trunkline.adapters.netlink import addresses, links, namespace, offload, routes
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork


class Cable(msgspec.Struct, frozen=True, kw_only=True):
    """What one pod's interface should be.

    A route without a next hop goes straight out of the interface.  An `mtu` of 0 means any, where cables are compared.
    """

    host_name: str
    host_mac: str
    namespace: str
    name: str
    mac: str
    mtu: int
    addresses: tuple[IPInterface, ...]
    routes: tuple[tuple[IPNetwork, IPAddress | None], ...] = ()
    checksum_offload: bool = True


async def plug(cable: Cable) -> None:
    """Make the pair: the near end here and up, the far end in the pod's namespace, not yet dressed.

    Raises:
        OSError: no such namespace, or EEXIST when either name is taken.
    """
    await asyncio.to_thread(_plug, cable)


async def dress(cable: Cable) -> None:
    """Give the far end its settings, addresses and routes, and bring it up.

    Raises:
        OSError: the kernel refused one of them.
    """
    await namespace.inside(cable.namespace, lambda: _dress(cable))


async def differences(cable: Cable) -> list[str]:
    """What is not as the cable says, each a short phrase; empty when all is well.

    Raises:
        OSError: there is no such namespace.
    """
    near = await asyncio.to_thread(_find, cable.host_name)
    found = [] if near and near.up else [f"host interface {cable.host_name} is {'down' if near else 'missing'}"]
    return found + await namespace.inside(cable.namespace, lambda: _differences_inside(cable))


async def remove(host_name: str) -> bool:
    """Take the pair away, both ends; False when it was gone already."""
    return await asyncio.to_thread(_remove, host_name)


async def is_taken(path: str, name: str) -> bool:
    """Whether an interface of that name exists in the namespace.

    Raises:
        OSError: there is no such namespace.
    """
    return await namespace.inside(path, lambda: name in {found for _index, found in socket.if_nameindex()})


def _plug(cable: Cable) -> None:
    handle = os.open(cable.namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with Connection() as kernel:
            peer = links.Peer(cable.name, cable.mac, handle)
            links.create_veth(kernel, cable.host_name, cable.host_mac, peer, cable.mtu)
    finally:
        os.close(handle)
    if not cable.checksum_offload:
        offload.disable_tx_checksum(cable.host_name)


def _dress(cable: Cable) -> None:
    index = socket.if_nametoindex(cable.name)
    # Some gateways answer a hairpin with a redirect whose inner header still names a translated address.
    for scope in ("all", cable.name):
        links.set_sysctl(f"ipv4/conf/{scope}/accept_redirects", 0)
    links.set_sysctl(f"ipv6/conf/{cable.name}/accept_redirects", 0)
    if not cable.checksum_offload:
        offload.disable_tx_checksum(cable.name)
    with Connection() as kernel:
        kernel.batch(
            [
                *(addresses.add_request(index, address) for address in cable.addresses),
                links.up_request(index),
                *(routes.add_request(index, prefix, gateway, onlink=True) for prefix, gateway in _hops_first(cable)),
            ]
        )


def _hops_first(cable: Cable) -> list[tuple[IPNetwork, IPAddress | None]]:
    """The routes, those without a next hop first: a next hop may be reached by one of them."""
    return sorted(cable.routes, key=lambda route: route[1] is not None)


def _differences_inside(cable: Cable) -> list[str]:
    with Connection() as kernel:
        link = links.find(kernel, cable.name)
        if link is None:
            return [f"interface {cable.name} is missing"]
        held = {address.value for address in addresses.listed(kernel, link.index)}
        known = {(route.prefix, route.gateway) for route in routes.listed(kernel, link.index)}
    found = [] if link.up else [f"interface {cable.name} is down"]
    if link.mac != cable.mac:
        found.append(f"interface {cable.name} has MAC {link.mac}, not {cable.mac}")
    if link.mtu != (cable.mtu or link.mtu):
        found.append(f"interface {cable.name} has MTU {link.mtu}, not {cable.mtu}")
    found += [f"address {address} is missing" for address in cable.addresses if address not in held]
    return found + [f"route {_shown(route)} is missing" for route in cable.routes if route not in known]


def _shown(route: tuple[IPNetwork, IPAddress | None]) -> str:
    prefix, gateway = route
    return f"{prefix} via {gateway}" if gateway else str(prefix)


def _find(name: str) -> links.Link | None:
    with Connection() as kernel:
        return links.find(kernel, name)


def _remove(host_name: str) -> bool:
    with Connection() as kernel:
        return links.remove(kernel, host_name)
