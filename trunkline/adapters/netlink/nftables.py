"""Rules of the kernel's packet filter: the one place that starts `nft`."""

from __future__ import annotations

import asyncio
import errno

TABLE = "trunkline"
"""What our tables are called, in every family; other tables are never touched."""


async def load(rules: str) -> None:
    """Carry out a script, all of it or nothing.

    Raises:
        OSError: nft is missing or refused the rules.
    """
    process = await asyncio.create_subprocess_exec(
        "nft", "-f", "-", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, trouble = await process.communicate(rules.encode())
    if process.returncode:
        raise OSError(errno.EIO, f"nft: {trouble.decode().strip()}")


def removed(family: str, table: str) -> str:
    """The script that removes a table, whether it is there or not."""
    return f"table {family} {table}\ndelete table {family} {table}\n"
