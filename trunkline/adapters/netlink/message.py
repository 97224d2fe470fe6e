"""Netlink messages as bytes: headers and attributes, nothing that opens a socket.

Why not a library: one pod costs about ten messages, and the general libraries spend half a millisecond of Python on each
(and eight on a socket in another namespace).  The subset needed here is small and its layout never changes.  Messages
read from the kernel keep their bytes, so that an address or a route can be put back with attributes we do not know.

Source: linux/netlink.h and linux/rtnetlink.h; all integers are in host byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

NLMSG_ERROR, NLMSG_DONE = 2, 3

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x4, 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400

NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One request, padded to four bytes."""
    return HEADER.pack(HEADER.size + len(body), kind, flags | NLM_F_REQUEST, sequence, 0) + body + _padding(len(body))


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind) + payload + _padding(len(payload))


def text(kind: int, value: str) -> bytes:
    """An attribute that holds a NUL-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An attribute that holds an unsigned 32-bit integer."""
    return attribute(kind, struct.pack("=I", value))


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The (type, flags, sequence, body) of each message in one datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += length + -length % 4


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by type, without the nested flag; the last one wins where a type repeats."""
    return dict(attribute_list(data))


def attribute_list(data: bytes) -> list[tuple[int, bytes]]:
    """Attributes in order, without the nested flag."""
    found = []
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        found.append((kind & NLA_TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]))
        offset += length + -length % 4
    return found


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
