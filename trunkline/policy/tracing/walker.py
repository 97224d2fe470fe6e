"""Asks ovn-trace where the logical network takes a packet."""

from __future__ import annotations

import asyncio

from trunkline.kit import problems
from trunkline.trace import packet as packets
from trunkline.trace import walk

NO_WALK = problems.register("TRK-0684", "The logical walk of a packet is not known.")

_SECONDS = 30.0
"""chosen: it reads the whole southbound database, which takes seconds where there are ten thousands of ports."""
_CONNECTIONS = 8
"""How often a packet is taken for the first of a connection: more often than connections are tracked on any way."""


async def walked(southbound: str, network: str, port: str, packet: packets.Packet) -> walk.Walk:
    """Where a packet goes that comes in by a port of a network.

    Raises:
        RemoteError: ovn-trace knows neither, or does not answer.
    """
    new = ["--ct=new"] * _CONNECTIONS
    options = (f"--db={southbound}", "--detailed", "--no-friendly-names", *new)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "ovn-trace", *options, network, packets.microflow(packet, port), stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise _unknown(port, f"ovn-trace takes longer than {_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
    found = walk.parse(out.decode(errors="replace"))
    if process.returncode or not found.passes:
        raise _unknown(port, err.decode(errors="replace").strip() or "ovn-trace says nothing")
    return found


def _unknown(port: str, why: str) -> problems.RemoteError:
    return problems.RemoteError(problems=[problems.Problem(code=NO_WALK, object=f"port {port}", found=why)])
