"""Do several things at the same time, and fail as if they had been done one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from trunkline.kit import problems


async def together(*steps: Coroutine[Any, Any, object]) -> None:
    """Run the steps at the same time; when one fails the others are cancelled.

    Raises:
        TrunklineError: the first one that a step raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as errors:
        first: BaseException | None = errors.subgroup(problems.TrunklineError)
        if first is None:
            raise
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
