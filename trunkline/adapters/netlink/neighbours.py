"""Whether a neighbour answers now: the kernel is made to ask anew, by ARP or neighbour discovery, and its verdict is read.

Source: linux/neighbour.h, linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
import time

from trunkline.adapters.netlink import message
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit.addresses import IPAddress

_RTM_NEWNEIGH, _RTM_DELNEIGH, _RTM_GETNEIGH = 28, 29, 30
_NDA_DST = 1
_NTF_USE = 0x01
_REACHABLE, _FAILED = 0x02, 0x20
_WITHOUT_ASKING = 0x40 | 0x80  # NUD_NOARP, NUD_PERMANENT

_HEADER = struct.Struct("=BBHiHBB")
"""struct ndmsg: family, two of padding, interface, state, flags, type."""

_LOOK_SECONDS = 0.02
"""How often to look; chosen: an answer comes within a millisecond or not for a second."""


def answers(kernel: Connection, index: int, address: IPAddress, seconds: float) -> bool:
    """Whether `address` answers on the interface within the time; blocks until it has or the time is over.

    A neighbour that somebody has entered by hand counts: there is nobody to ask.

    Raises:
        OSError: there is no such interface, or the kernel refused.
    """
    if (_state(kernel, index, address) or 0) & _WITHOUT_ASKING:
        return True
    deadline = time.monotonic() + seconds
    # What was learned before the question proves nothing now.
    kernel.batch([_request(_RTM_DELNEIGH, index, address)], tolerate=frozenset({errno.ENOENT}))
    kernel.batch([_request(_RTM_NEWNEIGH, index, address, message.NLM_F_CREATE | message.NLM_F_REPLACE, _NTF_USE)])
    while time.monotonic() < deadline:
        state = _state(kernel, index, address)
        if state in (_REACHABLE, _FAILED):
            return state == _REACHABLE
        time.sleep(_LOOK_SECONDS)
    return False


def _request(
    kind: int, index: int, address: IPAddress, flags: int = 0, neighbour_flags: int = 0
) -> tuple[int, int, bytes]:
    header = _HEADER.pack(_family(address), 0, 0, index, 0, neighbour_flags, 0)
    return kind, flags, header + message.attribute(_NDA_DST, address.packed)


def _state(kernel: Connection, index: int, address: IPAddress) -> int | None:
    """What the kernel thinks of the neighbour; None when it does not know it."""
    for body in kernel.dump(_RTM_GETNEIGH, _HEADER.pack(_family(address), 0, 0, index, 0, 0, 0)):
        _, _, _, where, state, _, _ = _HEADER.unpack_from(body)
        known = message.attributes(body[_HEADER.size :]).get(_NDA_DST, b"")
        if where == index and known == address.packed:
            return int(state)
    return None


def _family(address: IPAddress) -> int:
    return socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
