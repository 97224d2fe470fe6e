"""Counters of OpenFlow flows, as ovs-ofctl shows them.

cookie=0x5f0c2a11, duration=12.3s, table=0, n_packets=5, n_bytes=490, ..., priority=150,in_port=3,dl_vlan=7 actions=...
"""

from __future__ import annotations

import asyncio
import re

import msgspec

from trunkline.kit import problems

NOT_SHOWN = problems.register("TRK-0960", "The switch does not show its flows.")

_FLOW = re.compile(
    r"cookie=0x([0-9a-f]+), duration=([0-9.]+)s, table=(\d+), n_packets=(\d+), n_bytes=(\d+), "
    r"(?:(?:idle|hard)_(?:age|timeout)=\d+, )*(?:[a-z_]+ )*(\S*) actions="
)


class Flow(msgspec.Struct, frozen=True):
    """One flow's counters; `age` is seconds since it was installed, at which its counters began."""

    cookie: int
    table: int
    match: str
    packets: int
    bytes: int
    age: float


async def dump(bridge: str, table: int) -> list[Flow]:
    """The flows of one table; `bridge` is a name or a management socket ("unix:/run/openvswitch/br-int.mgmt").

    Raises:
        RemoteError: the switch does not answer.
    """
    command = ("ovs-ofctl", "--timeout=5", "-O", "OpenFlow15", "dump-flows", bridge, f"table={table}")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:  # cancelled
            process.kill()
            await process.wait()
    if process.returncode:
        problem = problems.Problem(code=NOT_SHOWN, object=f"bridge {bridge}", found=err.decode().strip())
        raise problems.RemoteError(problems=[problem])
    return parse(out.decode())


def parse(text: str) -> list[Flow]:
    """The flows in the output of `ovs-ofctl dump-flows`."""
    return [
        Flow(int(cookie, 16), int(table), match, int(packets), int(size), float(age))
        for cookie, age, table, packets, size, match in _FLOW.findall(text)
    ]
