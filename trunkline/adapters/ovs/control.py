"""Words to a running ovs-vswitchd: where it would send a tunnel, and that it should forget its cached flows.

Spoken through `ovs-appctl`, which ships with it.
Source: ovs-vswitchd(8), ovs-appctl(8).
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from trunkline.kit import problems

REFUSED = problems.register("TRK-0525", "ovs-vswitchd refused a command, or does not answer")


async def tunnel_device(ovs: str, address: str) -> str:
    """The device by which the userspace datapath sends to an address in a tunnel, "" if there is no way.

    Args:
        ovs: where the database of the ovs-vswitchd is ("unix:/run/openvswitch/db.sock").

    Raises:
        RemoteError: it does not answer.
    """
    try:
        found = re.search(r"^dev (\S+)", await _call(ovs, "ovs/route/lookup", address), re.M)
    except problems.RemoteError as error:
        if "Not found" in str(error):
            return ""
        raise
    return found[1] if found else ""


async def forget_cached_flows(ovs: str) -> None:
    """Let every packet be looked up in the tables again.

    Raises:
        RemoteError: ovs-vswitchd does not answer.
    """
    await _call(ovs, "revalidator/purge")


async def _call(ovs: str, *words: str) -> str:
    pipe = asyncio.subprocess.PIPE
    directory = str(Path(ovs.removeprefix("unix:")).parent)
    command = ("ovs-appctl", "--timeout=10", "-t", "ovs-vswitchd", *words)
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "OVS_RUNDIR": directory}, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    if process.returncode:
        found = (err or out).decode(errors="replace").strip()
        raise problems.RemoteError(problems=[problems.Problem(code=REFUSED, object=" ".join(words), found=found)])
    return out.decode(errors="replace")
