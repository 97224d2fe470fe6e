"""Listens on interfaces for who says which address is whose: ARP and neighbour discovery, and nothing else.

One packet socket for each interface, because then a machine that floods drowns only its own words, and frames of other
interfaces cost nothing at all.  A filter in the kernel looks at a few bytes of what comes in by the interface; what goes out is
not even looked at.  Between two calls of `heard` the kernel keeps as many frames as its small buffer holds and drops the rest,
so the price is bounded whatever machines send.

Packets are taken before any bridge or datapath of the kernel sees them, with an 802.1Q tag or without.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Collection, Iterator

from trunkline.adapters.netlink import packet_socket
from trunkline.adapters.netlink.packet_socket import Step

MOST_BYTES = 160
"""How much of a frame is handed out: Ethernet, a tag, IPv6 and a neighbour advertisement with its options have room."""

_BUFFER = 32 * 1024  # chosen: some eighty frames, each of which the kernel counts with its overhead
_MOST = 256  # frames of one interface in one call, should the kernel's accounting be more generous
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23

_SET_X, _LOAD_HALF, _LOAD_BYTE_AT_X, _EQUAL, _RETURN = 0x01, 0x28, 0x50, 0x15, 0x06
_ANNOUNCEMENTS: tuple[Step, ...] = (
    (_SET_X, 0, 0, 0),
    (_LOAD_HALF, 0, 0, 12),
    (_EQUAL, 0, 2, 0x8100),  # one tag may stand before everything else
    (_SET_X, 0, 0, 4),
    (_LOAD_HALF, 0, 0, 16),
    (_EQUAL, 7, 0, 0x0806),  # ARP: yes
    (_EQUAL, 0, 5, 0x86DD),
    (_LOAD_BYTE_AT_X, 0, 0, 20),
    (_EQUAL, 0, 3, 58),  # ICMPv6
    (_LOAD_BYTE_AT_X, 0, 0, 54),
    (_EQUAL, 2, 0, 135),  # neighbour solicitation: yes
    (_EQUAL, 1, 0, 136),  # neighbour advertisement: yes
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, MOST_BYTES),
)


class Ears:
    """Listens on the interfaces that it was last told."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._poll = select.epoll()

    def listen_on(self, interfaces: Collection[str]) -> None:
        """Listen on these and on no others; one that is not there is tried again with the next call.

        Raises:
            OSError: the process may not open packet sockets, or the kernel cannot filter them.
        """
        for name in self._sockets.keys() - set(interfaces):
            self._forget(name)
        for name in interfaces:
            if name not in self._sockets and (opened := _opened(name)):
                self._sockets[name] = opened
                self._poll.register(opened, select.EPOLLIN)

    def heard(self) -> Iterator[tuple[str, bytes]]:
        """The frames since the last call, each with the interface, by the name it was told by."""
        if not self._sockets:
            return
        ready = {number for number, _ in self._poll.poll(0, len(self._sockets))}
        for name, wire in list(self._sockets.items()):
            if wire.fileno() in ready:
                yield from self._read(name, wire)

    def close(self) -> None:
        """Hear no more."""
        for name in list(self._sockets):
            self._forget(name)
        self._poll.close()

    def _read(self, name: str, wire: socket.socket) -> Iterator[tuple[str, bytes]]:
        for _ in range(_MOST):
            try:
                yield name, packet_socket.receive(wire, MOST_BYTES).data
            except BlockingIOError:
                return
            except OSError:
                # The interface is down and may come up again, or is gone: another one may have its name one day.
                if not wire.getsockname()[0]:
                    self._forget(name)
                return

    def _forget(self, name: str) -> None:
        wire = self._sockets.pop(name)
        self._poll.unregister(wire)
        wire.close()


def _opened(interface: str) -> socket.socket | None:
    """A socket on the interface; None if the kernel has no such interface (DPDK has its own)."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # of no protocol: deaf until the filter is there
    try:
        wire.setblocking(False)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        packet_socket.admit(wire, _ANNOUNCEMENTS)
        wire.bind((interface, packet_socket.ETH_P_ALL))
    except OSError as error:
        wire.close()
        if error.errno == errno.ENODEV:
            return None
        raise
    return wire
