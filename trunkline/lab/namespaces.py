"""Network namespaces by name: make, find, remove.  One per host of the topology, and one per pod.

Names live in /run/netns, where `ip netns` looks, so that every tool a network engineer knows works on a lab.
To work inside one, see `adapters.netlink.namespace`.
"""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path

from trunkline.kit import problems

NOT_ALLOWED = problems.register("TRK-0613", "A lab needs root.")

DIRECTORY = Path("/run/netns")

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_MS_BIND = 0x1000  # linux/mount.h
_MNT_DETACH = 0x2  # linux/fs.h

_libc = ctypes.CDLL(None, use_errno=True)


def require_root() -> None:
    """Say early, and kindly, that namespaces need privileges.

    Raises:
        IntentError: this process is not root.
    """
    if os.geteuid() != 0:
        problem = problems.Problem(
            code=NOT_ALLOWED,
            object="lab",
            found=f"user {os.geteuid()}",
            allowed="network namespaces need root",
            hint="run the command with sudo",
        )
        raise problems.IntentError(problems=[problem])


def path(name: str) -> Path:
    """The file that stands for the namespace."""
    return DIRECTORY / name


def matching(prefix: str) -> list[str]:
    """The names of all namespaces that begin with the prefix, half-made ones included."""
    if not DIRECTORY.is_dir():
        return []
    return sorted(entry.name for entry in DIRECTORY.iterdir() if entry.name.startswith(prefix))


def inode(name: str) -> int | None:
    """The namespace's identity as /proc/PID/ns/net shows it, or None if it is missing or half-made."""
    try:
        found = path(name).stat()
    except FileNotFoundError:
        return None
    return found.st_ino if found.st_dev == Path("/proc/self/ns/net").stat().st_dev else None


def ensure(name: str) -> None:
    """Make the namespace unless it is there; one that a crash left half-made is finished.

    Raises:
        OSError: the kernel refused.
    """
    if inode(name) is not None:
        return
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    path(name).touch()
    refusals: list[OSError] = []

    def work() -> None:
        # In a thread of its own, which ends there: nobody else ever runs in the new namespace by accident.
        try:
            _call(_libc.unshare(_CLONE_NEWNET))
            _call(_libc.mount(b"/proc/thread-self/ns/net", str(path(name)).encode(), None, _MS_BIND, None))
        except OSError as error:
            refusals.append(error)

    thread = threading.Thread(target=work, name="netns")
    thread.start()
    thread.join()
    if refusals:
        raise refusals[0]


def remove(name: str) -> None:
    """Remove the namespace's name; the kernel drops the rest with the last process in it.  Missing is fine."""
    if inode(name) is not None:
        _call(_libc.umount2(str(path(name)).encode(), _MNT_DETACH))
    path(name).unlink(missing_ok=True)


def _call(answer: int) -> None:
    if answer != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
