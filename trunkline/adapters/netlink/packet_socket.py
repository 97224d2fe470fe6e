"""What packet sockets have in common: a filter in the kernel, and frames as they were on the wire.

Source: packet(7), the kernel's networking/filter.rst (classic BPF), if_packet.h.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

import msgspec

ETH_P_ALL = 3
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_PACKET_OUTGOING = 4
_VLAN_VALID = 0x10

Step = tuple[int, int, int, int]
"""One instruction: code, how far to jump if true and if false, operand."""


class Frame(msgspec.Struct, frozen=True):
    """One frame on one interface, as it was on the wire."""

    interface: str
    outgoing: bool
    data: bytes


def admit(wire: socket.socket, program: Sequence[Step]) -> None:
    """Let the kernel hand out what `program` says, with the tags that it takes off beside it.

    Raises:
        OSError: the kernel refuses the program.
    """
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(code)
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(held)))


def receive(wire: socket.socket, most: int) -> Frame:
    """The next frame, cut to `most` bytes, with the VLAN tag that the kernel has taken off put back.

    Raises:
        BlockingIOError: there is none.
        OSError: an interface went down or away: said once.
    """
    data, extra, _, (name, _, kind, *_) = wire.recvmsg(most, socket.CMSG_SPACE(20))
    return Frame(name, kind == _PACKET_OUTGOING, _with_tag(data, extra))


def _with_tag(data: bytes, extra: list[tuple[int, int, bytes]]) -> bytes:
    for level, kind, content in extra:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _, _, _, _, tag, protocol = struct.unpack_from("=IIIHHHH", content)
            if status & _VLAN_VALID:
                return data[:12] + struct.pack("!HH", protocol or 0x8100, tag) + data[12:]
    return data
