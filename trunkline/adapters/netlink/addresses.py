"""Addresses of interfaces: list, add, and carry over to another interface with everything the kernel knows of them.

Source: linux/if_addr.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

import msgspec

from trunkline.adapters.netlink import message
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit.addresses import IPInterface

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22

_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_FLAGS = 1, 2, 3, 8
_IFA_F_NODAD = 0x02

_HEADER = struct.Struct("=BBBBi")
"""struct ifaddrmsg: family, prefix length, flags, scope, interface index."""


class Address(msgspec.Struct, frozen=True):
    """One address of one interface; `raw` is the kernel's message, kept to be replayed."""

    index: int
    value: IPInterface
    raw: bytes


def listed(kernel: Connection, index: int) -> list[Address]:
    """The addresses of one interface, in the kernel's order (the first of a subnet is its primary)."""
    found = [parse(body) for body in kernel.dump(RTM_GETADDR, _HEADER.pack(0, 0, 0, 0, 0))]
    return [address for address in found if address.index == index]


def add_request(index: int, value: IPInterface) -> tuple[int, int, bytes]:
    """The request that gives an interface an address, for a batch; EEXIST when it has it.

    IPv6 duplicate detection is skipped: addresses are handed out by a ledger, and it would cost a second or two.
    """
    version = socket.AF_INET if value.version == 4 else socket.AF_INET6
    packed = value.ip.packed
    body = _HEADER.pack(version, value.network.prefixlen, _IFA_F_NODAD if value.version == 6 else 0, 0, index)
    body += message.attribute(_IFA_LOCAL, packed) + message.attribute(_IFA_ADDRESS, packed)
    return RTM_NEWADDR, message.NLM_F_CREATE | message.NLM_F_EXCL, body


def moved_request(address: Address, index: int, name: str, *, detect_duplicates: bool = True) -> tuple[int, int, bytes]:
    """The request that gives another interface the same address with the same lifetimes, flags, peer and scope.

    A label ("eth0:1") follows the new interface's name.  Without `detect_duplicates` an IPv6 address works at once.
    """
    family, length, flags, scope, _index = _HEADER.unpack_from(address.raw)
    extra = 0 if detect_duplicates or family == socket.AF_INET else _IFA_F_NODAD
    body = _HEADER.pack(family, length, flags | extra, scope, index)
    for kind, payload in message.attribute_list(address.raw[_HEADER.size :]):
        if kind == _IFA_LABEL:
            _old, colon, suffix = payload.rstrip(b"\0").decode().partition(":")
            body += message.text(kind, (name + colon + suffix)[:15])
        elif kind == _IFA_FLAGS:
            body += message.number(kind, struct.unpack("=I", payload)[0] | extra)
        else:
            body += message.attribute(kind, payload)
    return RTM_NEWADDR, message.NLM_F_CREATE | message.NLM_F_REPLACE, body


def remove_request(address: Address) -> tuple[int, int, bytes]:
    """The request that takes an address away from its interface, for a batch."""
    return RTM_DELADDR, 0, address.raw


def parse(raw: bytes) -> Address:
    """The address in an RTM_NEWADDR body."""
    _family, length, _flags, _scope, index = _HEADER.unpack_from(raw)
    found = message.attributes(raw[_HEADER.size :])
    packed = found.get(_IFA_LOCAL) or found[_IFA_ADDRESS]
    return Address(index=index, value=ipaddress.ip_interface((packed, length)), raw=raw)
