"""Let a packet into a bridge as if it had come in by one of its ports.

Spoken through `ovs-ofctl`, which ships with ovs-vswitchd and knows its management sockets.
Source: ovs-ofctl(8), ovs-actions(7).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trunkline.kit import problems

REFUSED = problems.register("TRK-0690", "Open vSwitch refused a packet that was to be let in.")

_SECONDS = 10


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
