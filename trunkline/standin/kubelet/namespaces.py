"""Network namespaces by name, as `ip netns` keeps them: a bind mount under /run/netns.

A thread that has entered a namespace must not serve anything else afterwards, so every visit has a thread of its own.
Nothing forks: making a namespace takes about 1 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trunkline.kit import ids

T = TypeVar("T")

DIRECTORY = Path("/run/netns")

# Source: linux/sched.h, linux/mount.h, linux/sockios.h, linux/if.h.
CLONE_FS, CLONE_NEWUTS, CLONE_NEWNET = 0x200, 0x04000000, 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED, _MNT_DETACH = 0x1000, 0x4000, 1 << 20, 2
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


def name_of(prefix: str, namespace: str, pod: str, uid: str) -> str:
    """The name of a pod's network namespace (a file name: at most 255 bytes)."""
    return f"{ids.fitted(f'{prefix}-{namespace}-{pod}', 246)}-{uid[:8]}"


def path_of(name: str) -> str:
    """Where the namespace of that name is mounted."""
    return str(DIRECTORY / name)


async def create(name: str) -> str:
    """Make a namespace with its loopback up, anew if one of that name is there; answers its path."""
    remove(name)
    await _in_thread(lambda: _create(path_of(name)))
    return path_of(name)


def remove(name: str) -> None:
    """Unmount and forget a namespace; it ends with its last process.  Nothing happens when it is not there."""
    path = path_of(name)
    if not os.path.exists(path):
        return
    with contextlib.suppress(OSError):  # a file without a mount is what a crash between two steps leaves
        check("umount2", path.encode(), _MNT_DETACH)
    os.unlink(path)


async def inside(path: str, call: Callable[[], T]) -> T:
    """What `call()` answers in the namespace at `path`, made in a thread; a cancelled visit is waited for."""

    def visit() -> T:
        enter(path)
        return call()

    return await _in_thread(visit)


def enter(path: str) -> None:
    """Move the calling thread into the network namespace at `path`, for good."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        check("setns", descriptor, CLONE_NEWNET)
    finally:
        os.close(descriptor)


def check(function: str, *arguments: Any) -> None:
    """Call a libc function that answers -1 on failure.

    Raises:
        OSError: it did.
    """
    if getattr(_libc, function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _create(path: str) -> None:
    _share_directory()
    check("unshare", CLONE_NEWNET)
    with socket.socket() as probe:
        request = struct.pack("16sH22x", b"lo", 0)
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    check("mount", b"/proc/thread-self/ns/net", path.encode(), None, _MS_BIND, None)


def _share_directory() -> None:
    """Let mounts under the directory reach other mount namespaces; the lock is the one `ip netns` takes."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(DIRECTORY, os.O_RDONLY | os.O_DIRECTORY)
    path = str(DIRECTORY).encode()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            check("mount", b"", path, b"none", _MS_SHARED | _MS_REC, None)
        except OSError:  # not a mount point yet
            check("mount", path, path, b"none", _MS_BIND | _MS_REC, None)
            check("mount", b"", path, b"none", _MS_SHARED | _MS_REC, None)
    finally:
        os.close(descriptor)


async def _in_thread(call: Callable[[], T]) -> T:
    """`call()` in a thread that ends with it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, result)

    threading.Thread(target=run, daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise
