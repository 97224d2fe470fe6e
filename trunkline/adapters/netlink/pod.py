"""A pod's cable: a veth pair, and on its far end, when the pod takes it, the pod's own interface.

    node                     waiting namespace         pod
    host_name ── veth ── host_name (the far end) ── macvlan ── eth0

The pair can be made before the pod has a namespace, and the pod's interface is then born in its place.  Why not move the
far end itself: the kernel holds its lock over all interfaces for a grace period (`rcu_barrier`), some 15 ms, for each
interface that changes namespace; a passthrough macvlan costs a fifth of one.

The far end lies in a namespace of its own, where no interface has an address or makes itself one, and where nobody
listens: nothing on the node can speak as the pod by accident, or hear what is meant for it.  It is up from the start,
because a link that came up this moment loses packets for some milliseconds.

`lay` and `connect` start from nothing; `waits` and `differences` say how things are; `remove` may be called at any
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


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a cable that no pod is needed for; both ends have one name.  `waiting` is a namespace's path."""

    host_name: str
    host_mac: str
    waiting: str
    mac: str
    mtu: int
    checksum_offload: bool = True


class Cable(msgspec.Struct, frozen=True, kw_only=True):
    """What one pod's interface should be.

    A route without a next hop goes straight out of the interface.  A pair's `mtu` of 0 means any, where cables are
    compared.
    """

    pair: Pair
    namespace: str
    name: str
    addresses: tuple[IPInterface, ...]
    routes: tuple[tuple[IPNetwork, IPAddress | None], ...] = ()


async def lay(pair: Pair) -> None:
    """Make the pair, with the far end waiting.

    Raises:
        OSError: the kernel refused; EEXIST when the name is taken.
    """
    await namespace.apart(lambda: _lay(pair))


async def waits(pair: Pair) -> bool:
    """Whether the pair is there as it should be, and no pod has it."""
    return await namespace.apart(lambda: _waits(pair))


async def connect(cable: Cable) -> None:
    """Give a waiting pair to the pod: its interface with settings, addresses and routes, and up.

    Raises:
        OSError: the kernel refused; EEXIST when the pod's namespace has an interface of that name.
    """
    await namespace.inside(cable.pair.waiting, lambda: _connect(cable))


async def differences(cable: Cable) -> list[str]:
    """What is not as the cable says, each a short phrase; empty when all is well.

    Raises:
        OSError: there is no such namespace.
    """
    name = cable.pair.host_name
    near = await asyncio.to_thread(_find, name)
    found = [] if near and near.up else [f"host interface {name} is {'down' if near else 'missing'}"]
    return found + await namespace.inside(cable.namespace, lambda: _differences_inside(cable))


async def waiting_names(path: str) -> list[str]:
    """The names of all pairs whose far end is in the waiting namespace, taken by a pod or not.

    Raises:
        OSError: there is no such namespace.
    """
    return await namespace.inside(path, _listed)


async def remove(host_name: str) -> bool:
    """Take the whole cable away; False when it was gone already."""
    return await asyncio.to_thread(_remove, host_name)


def _lay(pair: Pair) -> None:
    handle = os.open(pair.waiting, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with Connection() as kernel:
            peer = links.Peer(pair.host_name, pair.mac, handle)
            links.create_veth(kernel, pair.host_name, pair.host_mac, peer, pair.mtu, up=False)
    finally:
        os.close(handle)
    # What the pod's interface will leave to "the hardware", the kernel does on the way through the far end.
    _switch_on(pair)
    namespace.enter(pair.waiting)
    _switch_on(pair)


def _switch_on(pair: Pair) -> None:
    """This end of the pair.

    Without IPv6: it would give itself an address and join groups, and ovs-vswitchd goes through every address for every
    route whenever an interface changes; with a hundred pods that took 10 ms each time, and no packet passed meanwhile.
    """
    links.set_sysctl(f"ipv6/conf/{pair.host_name}/disable_ipv6", 1)
    if not pair.checksum_offload:
        offload.disable_tx_checksum(pair.host_name)
    with Connection() as kernel:
        kernel.batch([links.up_request(socket.if_nametoindex(pair.host_name))])


def _waits(pair: Pair) -> bool:
    near = _find(pair.host_name)
    if near is None or not near.up:
        return False
    namespace.enter(pair.waiting)
    far = _find(pair.host_name)
    return far is not None and far.up and (far.mac, far.mtu) == (pair.mac, pair.mtu)


def _connect(cable: Cable) -> None:
    """Begins in the waiting namespace and ends in the pod's."""
    _give(cable.pair, cable.namespace, cable.name)
    namespace.enter(cable.namespace)
    _dress(cable)


def _give(pair: Pair, path: str, name: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with Connection() as kernel:
            far = socket.if_nametoindex(pair.host_name)
            links.create_passthrough(kernel, far, name, handle)
    finally:
        os.close(handle)


def _dress(cable: Cable) -> None:
    index = socket.if_nametoindex(cable.name)
    # Some gateways answer a hairpin with a redirect whose inner header still names a translated address.
    for scope in ("all", cable.name):
        links.set_sysctl(f"ipv4/conf/{scope}/accept_redirects", 0)
    links.set_sysctl(f"ipv6/conf/{cable.name}/accept_redirects", 0)
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
    if link.mac != cable.pair.mac:
        found.append(f"interface {cable.name} has MAC {link.mac}, not {cable.pair.mac}")
    if link.mtu != (cable.pair.mtu or link.mtu):
        found.append(f"interface {cable.name} has MTU {link.mtu}, not {cable.pair.mtu}")
    found += [f"address {address} is missing" for address in cable.addresses if address not in held]
    return found + [f"route {_shown(route)} is missing" for route in cable.routes if route not in known]


def _shown(route: tuple[IPNetwork, IPAddress | None]) -> str:
    prefix, gateway = route
    return f"{prefix} via {gateway}" if gateway else str(prefix)


def _find(name: str) -> links.Link | None:
    with Connection() as kernel:
        return links.find(kernel, name)


def _listed() -> list[str]:
    with Connection() as kernel:
        return [link.name for link in links.listed(kernel) if link.kind == "veth"]


def _remove(host_name: str) -> bool:
    with Connection() as kernel:
        return links.remove(kernel, host_name)
