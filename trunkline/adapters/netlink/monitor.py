"""The kernel's word on changes of interfaces and addresses, for an event loop."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Collection
from types import TracebackType

from trunkline.adapters.netlink import addresses, links, message

_GROUPS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR of linux/rtnetlink.h


class Watch:
    """Calls `changed` when one of the named interfaces, or its addresses, may have changed.  A context manager."""

    def __init__(self, names: Collection[str], changed: Callable[[], None]) -> None:
        self._names = names
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)

    def __enter__(self) -> Watch:
        self._socket.bind((0, _GROUPS))
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except OSError:
            # More happened than the socket's buffer holds: what is lost may have concerned us.
            self._changed()
            return
        if any(self._concerns(kind, body) for kind, _flags, _sequence, body in message.messages(data)):
            self._changed()

    def _concerns(self, kind: int, body: bytes) -> bool:
        if kind in (links.RTM_NEWLINK, links.RTM_DELLINK):
            return links.parse(body).name in self._names
        if kind in (addresses.RTM_NEWADDR, addresses.RTM_DELADDR):
            return _name(body) in self._names
        return False


def _name(body: bytes) -> str:
    (index,) = struct.unpack_from("=i", body, 4)
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""
