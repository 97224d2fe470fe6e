"""Take a lab down: processes, namespaces, files.  Needs nothing but the lab's name, so it works after any crash."""

from __future__ import annotations

import msgspec

from trunkline.lab import namespaces, processes
from trunkline.lab.state import Lab


class Removed(msgspec.Struct, frozen=True):
    """How much there was."""

    processes: int
    namespaces: int


async def down(lab: Lab, *, keep_logs: bool = False) -> Removed:
    """Remove everything that is the lab's; nothing there is fine.

    Raises:
        IntentError: not root, or another command is at work on the lab.
        RemoteError: a process does not end.
    """
    namespaces.require_root()
    with lab.lock():
        killed = await processes.kill_all(lab)
        names = namespaces.matching(lab.prefix)
        for name in names:
            namespaces.remove(name)
        lab.forget(keep_logs=keep_logs)
    return Removed(processes=killed, namespaces=len(names))
