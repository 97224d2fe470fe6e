"""Work inside another network namespace.

A thread that has entered a foreign namespace is never used again: it runs one function and ends.  So nothing has to be
restored, and no error can leave a worker of some pool in the wrong namespace.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_CLONE_NEWNET = 0x40000000  # linux/sched.h

_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


async def inside(path: str, function: Callable[[], T]) -> T:
    """What `function` answers when it runs in the network namespace at `path`.

    Raises:
        OSError: there is no namespace at `path`; besides that, whatever `function` raises.
    """
    return await asyncio.wrap_future(_start(path, function))


def run_inside(path: str, function: Callable[[], T]) -> T:
    """As `inside`, for callers without an event loop."""
    return _start(path, function).result()


def is_own(path: str) -> bool:
    """Whether the namespace at `path` is the one this process runs in.

    Raises:
        OSError: there is nothing at `path`.
    """
    theirs, ours = os.stat(path), os.stat("/proc/self/ns/net")
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def enter(path: str) -> None:
    """Move the calling thread into the network namespace at `path`, for good.

    Raises:
        OSError: there is no namespace at `path`.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(handle, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(handle)


def _start(path: str, function: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def work() -> None:
        future.set_running_or_notify_cancel()
        try:
            enter(path)
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="netns", daemon=True).start()
    return future
