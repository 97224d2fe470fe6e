"""A packet socket on all interfaces that hands out the frames which end in certain bytes.

The kernel compares the last four bytes, so nothing else is copied, however busy the machine is.  A VLAN tag that the kernel
has taken off a frame is put back.

Source: packet(7), the kernel's networking/filter.rst (classic BPF), if_packet.h.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
from collections.abc import Callable

import msgspec

_ETH_P_ALL = 3
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_PACKET_OUTGOING = 4
_VLAN_VALID = 0x10
_FRAME = 65536
_LOAD_LENGTH, _LOAD_WORD_AT_X, _TO_X = 0x80, 0x40, 0x07
_SUBTRACT, _EQUAL, _RETURN = 0x14, 0x15, 0x06


class Frame(msgspec.Struct, frozen=True):
    """One frame on one interface, as it was on the wire."""

    interface: str
    outgoing: bool
    data: bytes


class Tap:
    """Frames that end in `tail` (at least four bytes) go to `take`, from now until `close`, in the running loop.

    Raises:
        OSError: the process may not open packet sockets.
    """

    def __init__(self, tail: bytes, take: Callable[[Frame], None]) -> None:
        self._take = take
        self._tail = tail
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            _attach(self._socket, int.from_bytes(tail[-4:], "big"))
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Hear no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data, extra, _, (name, _, kind, *_) = self._socket.recvmsg(_FRAME, socket.CMSG_SPACE(20))
            except BlockingIOError:
                return
            except OSError:
                continue  # an interface went away: said once, and of no consequence
            if data.endswith(self._tail):  # the kernel compared four bytes, and nothing in the first moment
                self._take(Frame(name, kind == _PACKET_OUTGOING, _with_tag(data, extra)))


def _with_tag(data: bytes, extra: list[tuple[int, int, bytes]]) -> bytes:
    for level, kind, content in extra:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _, _, _, _, tag, protocol = struct.unpack_from("=IIIHHHH", content)
            if status & _VLAN_VALID:
                return data[:12] + struct.pack("!HH", protocol or 0x8100, tag) + data[12:]
    return data


def _attach(wire: socket.socket, last: int) -> None:
    """Let through what ends in these four bytes."""
    program = (
        (_LOAD_LENGTH, 0, 0, 0),
        (_SUBTRACT, 0, 0, 4),
        (_TO_X, 0, 0, 0),
        (_LOAD_WORD_AT_X, 0, 0, 0),
        (_EQUAL, 0, 1, last),
        (_RETURN, 0, 0, _FRAME),
        (_RETURN, 0, 0, 0),
    )
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(code)
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(held)))
