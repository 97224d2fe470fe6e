"""Namespaces for benchmarks, and a prober that knows to the tenth of a millisecond when an address first answers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def path(name: str) -> str:
    """Where iproute2 keeps the named namespace."""
    return f"/run/netns/{name}"


@contextlib.contextmanager
def namespace(name: str) -> Iterator[str]:
    """A namespace for the length of a block, loopback up."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def inside(name: str, work: Callable[[], T]) -> T:
    """Run `work` in a thread that stands in the namespace; processes and sockets made there belong to it."""
    answer: list[T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            descriptor = os.open(path(name), os.O_RDONLY)
            try:
                if _libc.setns(descriptor, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {name}")
            finally:
                os.close(descriptor)
            answer.append(work())
        except BaseException as error:  # handed to the caller, whatever it is
            failure.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return answer[0]


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Prober:
    """An ICMP socket inside a namespace, opened before the interface exists, so that opening it costs nothing later."""

    def __init__(self, name: str) -> None:
        self._socket = inside(name, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        self._ident = os.getpid() & 0xFFFF

    def until_answered(self, address: str, deadline: float = 10.0, again: float = 0.001) -> float:
        """Ping `address` every `again` seconds until it answers; the monotonic time of the first answer.

        Raises:
            TimeoutError: no answer within `deadline` seconds.
        """
        end = time.perf_counter() + deadline
        sequence = 0
        self._socket.settimeout(again)
        while time.perf_counter() < end:
            header = struct.pack("!BBHHH", 8, 0, 0, self._ident, sequence & 0xFFFF)
            packet = struct.pack("!BBHHH", 8, 0, _checksum(header), self._ident, sequence & 0xFFFF)
            sequence += 1
            with contextlib.suppress(OSError):  # no route yet, no neighbour yet: that is what is being measured
                self._socket.sendto(packet, (address, 0))
            with contextlib.suppress(TimeoutError):
                answer = self._socket.recv(1500)
                if answer[20] == 0 and answer[24:26] == struct.pack("!H", self._ident):
                    return time.perf_counter()
        raise TimeoutError(f"{address} did not answer within {deadline} s")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
