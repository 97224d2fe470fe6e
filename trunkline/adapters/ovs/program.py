"""What a bridge does with frames, where it is told by OpenFlow: groups and flows, replaced as a whole.

Spoken through `ovs-ofctl`, which ships with ovs-vswitchd and knows its management sockets.  Flows and groups are gone when
ovs-vswitchd starts again, so whoever writes them looks from time to time whether they are there.
Source: ovs-ofctl(8), ovs-fields(7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from trunkline.kit import problems

REFUSED = problems.register("TRK-0650", "Open vSwitch refused the flows of a bridge.")

_COMMON = ("ovs-ofctl", "--timeout=10", "--protocols=OpenFlow14")


async def replace(ovs: str, bridge: str, lines: Sequence[str]) -> None:
    """Carry out the lines of a bundle ("flow add ...", "group delete") in one step.

    Args:
        ovs: where the database of the bridge's ovs-vswitchd is ("unix:/run/openvswitch/db.sock").

    Raises:
        RemoteError: Open vSwitch refused; then nothing has changed.
    """
    await _run(bridge, (*_COMMON, "bundle", _target(ovs, bridge), "-"), "\n".join([*lines, ""]))


async def count(ovs: str, bridge: str, cookie: int) -> int:
    """How many flows with this cookie the bridge has.

    Raises:
        RemoteError: Open vSwitch does not answer.
    """
    shown = await _run(bridge, (*_COMMON, "dump-flows", _target(ovs, bridge), f"cookie={cookie:#x}/-1"), "")
    return sum("cookie=" in line for line in shown.splitlines())


def _target(ovs: str, bridge: str) -> str:
    return f"unix:{Path(ovs.removeprefix('unix:')).parent / bridge}.mgmt"


async def _run(bridge: str, command: Sequence[str], text: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(text.encode())
    if process.returncode:
        found = err.decode(errors="replace").strip()
        raise problems.RemoteError(problems=[problems.Problem(code=REFUSED, object=f"bridge {bridge}", found=found)])
    return out.decode(errors="replace")
