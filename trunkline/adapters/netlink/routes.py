"""Routes by interface: list, add, and carry over to another interface unchanged but for the interface.

Source: linux/rtnetlink.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

import msgspec

from trunkline.adapters.netlink import message
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit.addresses import IPAddress, IPNetwork

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_MULTIPATH, _RTA_CACHEINFO, _RTA_TABLE = 1, 4, 5, 9, 12, 15
_RT_TABLE_MAIN, _RT_TABLE_LOCAL = 254, 255
_RTPROT_KERNEL, _RTPROT_BOOT, _RTPROT_STATIC = 2, 3, 4
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253
_RTN_UNICAST = 1
_RTM_F_CLONED = 0x200
_STATE_FLAGS = 0x1 | 0x10  # RTNH_F_DEAD, RTNH_F_LINKDOWN: what the kernel reports but does not accept
_ONLINK = 0x4

_HEADER = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, destination and source prefix lengths, tos, table, protocol, scope, type, flags."""

_NEXT_HOP = struct.Struct("=HBBi")
"""struct rtnexthop: length, flags, weight less one, interface index."""


class Route(msgspec.Struct, frozen=True):
    """One route; `raw` is the kernel's message, kept to be replayed."""

    prefix: IPNetwork
    gateway: IPAddress | None
    table: int
    protocol: int
    indexes: frozenset[int]
    raw: bytes

    @property
    def made_by_kernel(self) -> bool:
        """Whether it follows from an address and comes and goes with it."""
        return self.protocol == _RTPROT_KERNEL


def listed(kernel: Connection, index: int) -> list[Route]:
    """Routes that leave by the interface, in all tables but `local` (which follows from the addresses)."""
    bodies = kernel.dump(RTM_GETROUTE, _HEADER.pack(0, 0, 0, 0, 0, 0, 0, 0, 0))
    found = [parse(body) for body in bodies if not _HEADER.unpack_from(body)[8] & _RTM_F_CLONED]
    return [route for route in found if index in route.indexes and route.table != _RT_TABLE_LOCAL]


def add_request(
    index: int, prefix: IPNetwork, gateway: IPAddress | None, *, onlink: bool = False
) -> tuple[int, int, bytes]:
    """The request for a plain route in the main table, for a batch; EEXIST when there is one to that prefix.

    With `onlink` the gateway need not lie in a subnet of the interface.
    """
    scope = _RT_SCOPE_UNIVERSE if gateway or prefix.version == 6 else _RT_SCOPE_LINK
    family = socket.AF_INET if prefix.version == 4 else socket.AF_INET6
    flags = _ONLINK if onlink and gateway else 0
    body = _HEADER.pack(family, prefix.prefixlen, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, scope, _RTN_UNICAST, flags)
    body += message.attribute(_RTA_DST, prefix.network_address.packed) + message.number(_RTA_OIF, index)
    if gateway:
        body += message.attribute(_RTA_GATEWAY, gateway.packed)
    return RTM_NEWROUTE, message.NLM_F_CREATE | message.NLM_F_EXCL, body


def moved_request(route: Route, old: int, new: int) -> tuple[int, int, bytes]:
    """The request for the same route by interface `new` where it said `old`.

    It takes the place of the route to the same prefix with the same metric, in one step.
    """
    fields = list(_HEADER.unpack_from(route.raw))
    fields[8] &= ~_STATE_FLAGS
    body = _HEADER.pack(*fields)
    for kind, payload in message.attribute_list(route.raw[_HEADER.size :]):
        if kind == _RTA_OIF:
            body += message.number(
                kind, new if struct.unpack("=I", payload) == (old,) else struct.unpack("=I", payload)[0]
            )
        elif kind == _RTA_MULTIPATH:
            body += message.attribute(kind, _moved_hops(payload, old, new))
        elif kind != _RTA_CACHEINFO:
            body += message.attribute(kind, payload)
    return RTM_NEWROUTE, message.NLM_F_CREATE | message.NLM_F_REPLACE, body


def remove_request(route: Route) -> tuple[int, int, bytes]:
    """The request that removes the route, for a batch."""
    return RTM_DELROUTE, 0, route.raw


def parse(raw: bytes) -> Route:
    """The route in an RTM_NEWROUTE body."""
    family, length, _source, _tos, table, protocol, _scope, _type, _flags = _HEADER.unpack_from(raw)
    found = message.attributes(raw[_HEADER.size :])
    size = 4 if family == socket.AF_INET else 16
    gateway = found.get(_RTA_GATEWAY)
    return Route(
        prefix=ipaddress.ip_network((found.get(_RTA_DST, bytes(size)), length)),
        gateway=ipaddress.ip_address(gateway) if gateway else None,
        table=struct.unpack("=I", found[_RTA_TABLE])[0] if _RTA_TABLE in found else table,
        protocol=protocol,
        indexes=frozenset(_indexes(found)),
        raw=raw,
    )


def _indexes(found: dict[int, bytes]) -> list[int]:
    single = [struct.unpack("=i", found[_RTA_OIF])[0]] if _RTA_OIF in found else []
    return single + [hop[3] for hop, _rest in _hops(found.get(_RTA_MULTIPATH, b""))]


def _hops(data: bytes) -> list[tuple[tuple[int, int, int, int], bytes]]:
    hops = []
    while len(data) >= _NEXT_HOP.size:
        hop = _NEXT_HOP.unpack_from(data)
        if hop[0] < _NEXT_HOP.size:
            break
        hops.append((hop, data[_NEXT_HOP.size : hop[0]]))
        data = data[hop[0] + -hop[0] % 4 :]
    return hops


def _moved_hops(data: bytes, old: int, new: int) -> bytes:
    moved = b""
    for (length, flags, weight, index), rest in _hops(data):
        part = _NEXT_HOP.pack(length, flags & ~_STATE_FLAGS, weight, new if index == old else index) + rest
        moved += part + b"\0" * (-length % 4)
    return moved
