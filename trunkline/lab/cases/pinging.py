"""The verb `ping`: ping without a pause while something happens, and count what was lost."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable

import msgspec

from trunkline.lab import targets
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Ping, Step

RunSteps = Callable[[tuple[Step, ...]], Awaitable[None]]

_ANSWER = re.compile(r"icmp_seq=(\d+) ttl")
_SUMMARY = re.compile(r"(\d+) packets transmitted")
_LEAD_SECONDS = 1.0  # so long before the steps and after them, to know what is usual


class Losses(msgspec.Struct, frozen=True):
    """How many were sent, how many of them got no answer, and the longest run of those."""

    sent: int
    lost: int
    longest: int


async def ping(bench: Bench, wanted: Ping, run_steps: RunSteps) -> list[str]:
    """Ping while steps run.

    Raises:
        StepFailed: too many answers are missing, or there was none at all.
    """
    address = await bench.address(wanted.to)
    words = ("ping", "-n", "-i", str(wanted.every), str(address))
    process = await asyncio.create_subprocess_exec(
        *targets.command(bench.target(wanted.origin), words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    reading = asyncio.create_task(process.communicate())
    try:
        await asyncio.sleep(_LEAD_SECONDS)
        await run_steps(wanted.steps)
        await asyncio.sleep(_LEAD_SECONDS)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        output, _ = await reading
    return _judge(wanted, output.decode(errors="replace"))


def losses(output: str) -> Losses:
    """What ping's own lines say; the answer to the last request may still have been on its way, so that one counts not."""
    answered = {int(number) for number in _ANSWER.findall(output)}
    summary = _SUMMARY.search(output)
    sent = int(summary[1]) if summary else max(answered, default=0)
    run = lost = longest = 0
    for number in range(1, sent):
        run = 0 if number in answered else run + 1
        lost += number not in answered
        longest = max(longest, run)
    return Losses(sent, lost, longest)


def _judge(wanted: Ping, output: str) -> list[str]:
    found = losses(output)
    gap = found.longest * wanted.every
    seen = f"{wanted.origin} to {wanted.to}: {found.sent} sent, {found.lost} lost, longest gap {gap:.2f} s"
    if found.sent < 2 or found.lost > wanted.lost:
        raise StepFailed("\n".join([f"{seen}; at most {wanted.lost} may be lost", *output.splitlines()[-3:]]))
    return [seen]
