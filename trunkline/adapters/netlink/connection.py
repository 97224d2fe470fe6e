"""A conversation with the kernel's routing netlink, in the network namespace of the thread that opens it.

Blocking and quick (a request takes tens of microseconds, unless another namespace is being torn down): call it from a
worker thread where milliseconds matter.  Errors are plain `OSError` with the kernel's errno.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from types import TracebackType

from trunkline.adapters.netlink import message

_RECEIVE_BYTES = 1 << 18
"""chosen: the kernel never sends more than 32 KiB in one datagram of a dump."""

_DUMP_ATTEMPTS = 10
"""chosen: a dump is interrupted only by a change during its few microseconds."""


class Connection:
    """One NETLINK_ROUTE socket."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(self, kind: int, flags: int, body: bytes) -> None:
        """Ask for one change and wait for the kernel's word.

        Raises:
            OSError: the kernel refused; errno is its answer.
        """
        self.batch([(kind, flags, body)])

    def batch(self, requests: list[tuple[int, int, bytes]], *, tolerate: frozenset[int] = frozenset()) -> None:
        """Ask for several changes in one system call; the kernel tries each in order, whatever became of the one before.

        Raises:
            OSError: the first refusal whose errno is not in `tolerate`.
        """
        if not requests:
            return
        first = self._sequence + 1
        self._sequence += len(requests)
        numbered = enumerate(requests, first)
        self._socket.send(
            b"".join(message.message(kind, flags | message.NLM_F_ACK, n, body) for n, (kind, flags, body) in numbered)
        )
        refusals = [code for code in self._acknowledgements(first) if code not in tolerate]
        if refusals:
            raise OSError(refusals[0], os.strerror(refusals[0]))

    def get(self, kind: int, body: bytes) -> bytes:
        """The body of the one object asked for.

        Raises:
            OSError: there is none (usually ENODEV).
        """
        self._sequence += 1
        self._socket.send(message.message(kind, 0, self._sequence, body))
        while True:
            for answer, _flags, sequence, payload in message.messages(self._socket.recv(_RECEIVE_BYTES)):
                if sequence == self._sequence:
                    if answer == message.NLMSG_ERROR:
                        code = _error(payload)
                        raise OSError(code, os.strerror(code))
                    return payload

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """The bodies of all objects of a kind, as of one moment.

        The kernel flags a dump during which something changed; it is then taken again.

        Raises:
            OSError: the kernel refused, or EINTR when the table never stood still.
        """
        for _ in range(_DUMP_ATTEMPTS):
            found = self._dump_once(kind, body)
            if found is not None:
                return found
        raise OSError(errno.EINTR, "the table changed during every attempt to read it")

    def _dump_once(self, kind: int, body: bytes) -> list[bytes] | None:
        self._sequence += 1
        self._socket.send(message.message(kind, message.NLM_F_DUMP, self._sequence, body))
        found: list[bytes] = []
        interrupted = False
        while True:
            for answer, flags, sequence, payload in message.messages(self._socket.recv(_RECEIVE_BYTES)):
                if sequence != self._sequence:
                    continue
                interrupted |= bool(flags & message.NLM_F_DUMP_INTR)
                if answer == message.NLMSG_DONE:
                    return None if interrupted else found
                if answer == message.NLMSG_ERROR:
                    code = _error(payload)
                    raise OSError(code, os.strerror(code))
                found.append(payload)

    def _acknowledgements(self, first: int) -> list[int]:
        waiting = set(range(first, self._sequence + 1))
        codes = []
        while waiting:
            for answer, _flags, sequence, payload in message.messages(self._socket.recv(_RECEIVE_BYTES)):
                if answer == message.NLMSG_ERROR and sequence in waiting:
                    waiting.discard(sequence)
                    if code := _error(payload):
                        codes.append(code)
        return codes


def _error(payload: bytes) -> int:
    """The positive errno of an NLMSG_ERROR body; 0 is an acknowledgement."""
    (code,) = struct.unpack_from("=i", payload)
    return -int(code)
