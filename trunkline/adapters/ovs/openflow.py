"""What a bridge is told and tells by OpenFlow beyond its tables: a packet let in, and that its flows have changed.

Spoken through `ovs-ofctl`, which ships with ovs-vswitchd and knows its management sockets.
Source: ovs-ofctl(8), ovs-actions(7).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from trunkline.kit import problems

REFUSED = problems.register("TRK-0690", "Open vSwitch refused a packet that was to be let in, or to tell of its flows.")

_SECONDS = 10
_CHUNK = 1 << 16


async def let_in(ovs: str, bridge: str, port: int, frame: bytes) -> None:
    """Treat a frame as if it had come in by the OpenFlow port of the bridge.

    Args:
        ovs: where the database of the bridge's ovs-vswitchd is ("unix:/run/openvswitch/db.sock").

    Raises:
        RemoteError: Open vSwitch refused.
    """
    target = f"unix:{Path(ovs.removeprefix('unix:')).parent / bridge}.mgmt"
    wanted = f"in_port={port} packet={frame.hex()} actions=resubmit(,0)"
    command = ("ovs-ofctl", f"--timeout={_SECONDS}", "packet-out", target, wanted)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    _, err = await process.communicate()
    if process.returncode:
        found = err.decode(errors="replace").strip()
        raise problems.RemoteError(problems=[problems.Problem(code=REFUSED, object=f"bridge {bridge}", found=found)])


async def changes(ovs: str, bridge: str) -> AsyncIterator[None]:
    """Something whenever flows of a bridge have been added, changed or removed, by whomever; ends when the bridge is gone.

    Raises:
        RemoteError: Open vSwitch does not tell.
    """
    directory = Path(ovs.removeprefix("unix:")).parent
    # It would listen for ever, also when we have been killed and nobody reads what it tells.
    command = (
        "setpriv",
        "--pdeathsig",
        "TERM",
        "ovs-ofctl",
        "monitor",
        f"unix:{directory / bridge}.mgmt",
        "watch:!initial",
    )
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "OVS_RUNDIR": str(directory)}  # it makes a socket there by which it could be asked
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=quiet, stdout=quiet, stderr=pipe)
    assert process.stderr is not None
    try:
        told = b""
        while chunk := await process.stderr.read(_CHUNK):  # where it prints everything, at once
            told = chunk
            if b"event=" in told:
                yield
        if await process.wait():
            found = told.decode(errors="replace").strip()
            raise problems.RemoteError(
                problems=[problems.Problem(code=REFUSED, object=f"bridge {bridge}", found=found)]
            )
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
