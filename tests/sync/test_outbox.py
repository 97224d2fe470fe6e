"""The outbox writes the latest per key, keeps order within a key, and does not give up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from trunkline.kit import problems
from trunkline.sync import outbox


@pytest.fixture
async def box(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[outbox.Outbox]:
    monkeypatch.setattr(outbox, "FIRST_DELAY", 0.001)
    box = outbox.Outbox(workers=3)
    task = asyncio.create_task(box.run())
    yield box
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_given_a_write_under_way_when_two_more_come_then_only_the_last_follows(box: outbox.Outbox) -> None:
    written: list[int] = []
    gate = asyncio.Event()

    async def first() -> None:
        await gate.wait()
        written.append(1)

    async def note(number: int) -> None:
        written.append(number)

    box.put("pod", first)
    await asyncio.sleep(0)  # the worker takes it
    await asyncio.sleep(0)
    box.put("pod", lambda: note(2))
    box.put("pod", lambda: note(3))
    gate.set()
    await box.drained()

    assert written == [1, 3]


async def test_given_a_server_that_fails_twice_when_written_then_it_is_tried_until_it_succeeds(
    box: outbox.Outbox,
) -> None:
    attempts: list[int] = []

    async def flaky() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise problems.RemoteError("away")

    box.put("pod", flaky)
    await box.drained()

    assert len(attempts) == 3


async def test_given_a_failing_write_when_it_is_dropped_then_it_is_not_tried_again(box: outbox.Outbox) -> None:
    attempts: list[int] = []

    async def failing() -> None:
        attempts.append(1)
        box.drop("pod")
        raise problems.RemoteError("away")

    box.put("pod", failing)
    await asyncio.sleep(0.05)  # several retry delays

    assert 1 <= len(attempts) <= 2
