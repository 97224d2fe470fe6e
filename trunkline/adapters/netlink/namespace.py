"""Work inside another network namespace, and keep one.

A thread that has entered a foreign namespace is never used again: it runs one function and ends.  So nothing has to be
restored, and no error can leave a worker of some pool in the wrong namespace.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from trunkline.kit import problems

SHORT_LIVED = problems.register("TRK-0515", "A network namespace would not outlive the process that keeps it")

# Source: linux/sched.h, linux/mount.h.
_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


async def inside(path: str, function: Callable[[], T]) -> T:
    """What `function` answers when it runs in the network namespace at `path`.

    Raises:
        OSError: there is no namespace at `path`; besides that, whatever `function` raises.
    """
    return await apart(lambda: _enter_and(path, function))


async def apart(function: Callable[[], T]) -> T:
    """What `function` answers in a thread of its own, which may enter whatever namespaces it likes."""
    return await asyncio.wrap_future(_apart(function))


def run_inside(path: str, function: Callable[[], T]) -> T:
    """As `inside`, for callers without an event loop."""
    return _apart(lambda: _enter_and(path, function)).result()


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


async def keep(path: str) -> None:
    """Let there be a namespace at `path`, held by a mount, so that it outlives this process; nothing is up in it.

    Raises:
        IntentError: a supervisor has given this process a mount namespace of its own, and mounts there end with it.
        OSError: the kernel refused.
    """
    if not _is_namespace(path):
        await apart(lambda: _make(path))


def _is_namespace(path: str) -> bool:
    try:
        return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev
    except FileNotFoundError:
        return False


def _make(path: str) -> None:
    _call("unshare", _CLONE_NEWNET)
    # What is up in it some day must not speak of its own accord.
    for scope in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1\n")
    _share(Path(path).parent)
    Path(path).touch(mode=0o444)
    _call("mount", b"/proc/thread-self/ns/net", path.encode(), None, _MS_BIND, None)


def _share(directory: Path) -> None:
    """Let mounts below the directory reach other mount namespaces, as `ip netns` does it, and under its lock."""
    directory.mkdir(parents=True, exist_ok=True)
    if _is_received(directory):
        raise problems.IntentError(problems=[_short_lived(directory)])
    path = str(directory).encode()
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            _call("mount", b"", path, b"none", _MS_SHARED | _MS_REC, None)
        except OSError:  # it is no mount point yet
            _call("mount", path, path, b"none", _MS_BIND | _MS_REC, None)
            _call("mount", b"", path, b"none", _MS_SHARED | _MS_REC, None)
    finally:
        os.close(handle)


def _is_received(directory: Path) -> bool:
    """Whether mounts below come from another mount namespace ("master:"), and those made here do not go there.

    Source: proc_pid_mountinfo(5).
    """
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    holders = [fields for fields in mounts if directory.is_relative_to(fields[4])]
    options = max(holders, key=lambda fields: len(fields[4]))[6:]
    return any(option.startswith("master:") for option in options[: options.index("-")])


def _short_lived(directory: Path) -> problems.Problem:
    return problems.Problem(
        code=SHORT_LIVED,
        object=f"directory {directory}",
        found="mounts made here end with this process",
        hint="start it without a mount namespace of its own, or in a container with bidirectional mount propagation",
    )


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")


def _enter_and(path: str, function: Callable[[], T]) -> T:
    enter(path)
    return function()


def _apart(function: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def work() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="netns", daemon=True).start()
    return future
