"""Ask a running ovsdb-server to compact a database, through its control socket.

The control protocol is one JSON-RPC call over a Unix socket (ovs-appctl(8), "unixctl").  A server reached over
`unix:PATH` usually has its control socket in the same directory, named `*.ctl`.
"""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Iterator

import msgspec

from trunkline.adapters.ovsdb import framing
from trunkline.adapters.store import errors
from trunkline.kit import problems

_TIMEOUT = 60.0  # seconds; a database of 50 MB takes under one


async def compact(remote: str, database: str, control: str = "") -> None:
    """Compact `database` on the server with this control socket, or on the one that listens next to a `unix:` remote.

    Raises:
        RemoteError: no such socket, or the server refused.
    """
    refusals = []
    for path in [control] if control else _neighbours(remote):
        try:
            async with asyncio.timeout(_TIMEOUT):
                if database in await _call(path, "ovsdb-server/list-dbs"):
                    await _call(path, "ovsdb-server/compact", database)
                    return
        except (OSError, problems.RemoteError) as error:
            refusals.append(f"{path}: {error}")
    raise problems.RemoteError(
        problems=[
            problems.Problem(
                code=errors.NO_CONTROL,
                object=f"OVSDB {remote}",
                found="; ".join(refusals) or "no control socket",
                hint="name the server's control socket",
            )
        ]
    )


def _neighbours(remote: str) -> Iterator[str]:
    for part in remote.split(","):
        scheme, _, path = part.partition(":")
        if scheme == "unix":
            yield from map(str, sorted(pathlib.Path(path).parent.glob("*.ctl")))


async def _call(path: str, method: str, *params: str) -> str:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(msgspec.json.encode({"id": 0, "method": method, "params": params}))
        framer = framing.Framer()
        messages: list[bytes] = []
        while not messages:
            data = await reader.read(65536)
            if not data:
                raise problems.RemoteError(f"the control socket {path} was closed during {method}")
            messages = framer.feed(data)
        answer = msgspec.json.decode(messages[0])
        if answer.get("error") is not None:
            raise problems.RemoteError(f"{method}: {str(answer['error']).strip()}")
        return str(answer["result"])
    finally:
        writer.close()
