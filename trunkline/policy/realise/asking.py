"""Questions to OVN's databases that a request waits for: they are answered in time, or the request is told that they are not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from trunkline.kit import problems

SILENT = problems.register("TRK-0962", "OVN's databases do not answer in time.")

_Answer = TypeVar("_Answer")
_PATIENCE = 5.0
"""Seconds that a database has to answer (chosen: clients wait longer)."""


async def in_time(question: Awaitable[_Answer], about: str) -> _Answer:
    """The answer.

    Raises:
        RemoteError: there is none in time.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await question
    except TimeoutError as error:
        raise silent(about) from error


def silent(about: str) -> problems.RemoteError:
    """Nothing can be said about an object, because the network does not answer."""
    return problems.RemoteError(problems=[problems.Problem(code=SILENT, object=about)])
