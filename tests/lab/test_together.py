"""Steps at the same time fail like one step."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.kit.problems import RemoteError
from trunkline.lab.together import together


async def fails(error: Exception) -> None:
    raise error


async def test_the_error_of_a_step_comes_out_as_itself_and_stops_the_others() -> None:
    endless = asyncio.Event()

    with pytest.raises(RemoteError, match="this one"):
        await together(endless.wait(), together(fails(RemoteError("this one")), endless.wait()))


async def test_an_error_that_is_nobodys_report_is_not_hidden() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await together(fails(OSError("no space")))

    assert isinstance(caught.value.exceptions[0], OSError)
