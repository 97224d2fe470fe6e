"""A packet socket on all interfaces that hands out the frames which end in certain bytes.

The kernel compares the last four bytes, so nothing else is copied, however busy the machine is.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from trunkline.adapters.netlink import packet_socket
from trunkline.adapters.netlink.packet_socket import Frame, Step

_FRAME = 65536
_LOAD_LENGTH, _LOAD_WORD_AT_X, _TO_X = 0x80, 0x40, 0x07
_SUBTRACT, _EQUAL, _RETURN = 0x14, 0x15, 0x06


class Tap:
    """Frames that end in `tail` (at least four bytes) go to `take`, from now until `close`, in the running loop.

    Raises:
        OSError: the process may not open packet sockets.
    """

    def __init__(self, tail: bytes, take: Callable[[Frame], None]) -> None:
        self._take = take
        self._tail = tail
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(packet_socket.ETH_P_ALL))
        try:
            self._socket.setblocking(False)
            packet_socket.admit(self._socket, _ending(int.from_bytes(tail[-4:], "big")))
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
                frame = packet_socket.receive(self._socket, _FRAME)
            except BlockingIOError:
                return
            except OSError:
                continue  # an interface went away: said once, and of no consequence
            if frame.data.endswith(self._tail):  # the kernel compared four bytes, and nothing in the first moment
                self._take(frame)


def _ending(last: int) -> tuple[Step, ...]:
    """Lets through what ends in these four bytes."""
    return (
        (_LOAD_LENGTH, 0, 0, 0),
        (_SUBTRACT, 0, 0, 4),
        (_TO_X, 0, 0, 0),
        (_LOAD_WORD_AT_X, 0, 0, 0),
        (_EQUAL, 0, 1, last),
        (_RETURN, 0, 0, _FRAME),
        (_RETURN, 0, 0, 0),
    )
