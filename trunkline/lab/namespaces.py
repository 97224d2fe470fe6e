"""Network namespaces by name: make, find, remove.  One per host of the topology, and one per pod.

Names live in /run/netns, where `ip netns` looks, so that every tool a network engineer knows works on a lab.
To work inside one, see `adapters.netlink.namespace`.
"""

from __future__ import annotations

import os
from pathlib import Path

from trunkline.kit import problems
from trunkline.standin.kubelet import namespaces as pod_namespaces

NOT_ALLOWED = problems.register("TRK-0613", "A lab needs root.")

DIRECTORY = pod_namespaces.DIRECTORY


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


async def ensure(name: str) -> None:
    """Make the namespace, its loopback up, unless it is there; one that a crash left half-made is made anew.

    Raises:
        OSError: the kernel refused.
    """
    if inode(name) is None:
        await pod_namespaces.create(name)


def remove(name: str) -> None:
    """Remove the namespace's name; the kernel drops the rest with the last process in it.  Missing is fine."""
    pod_namespaces.remove(name)
