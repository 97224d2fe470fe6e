"""The verbs `reach` and `exec`: what works from one place to another."""

from __future__ import annotations

import asyncio

import msgspec

from trunkline.kit.addresses import IPAddress
from trunkline.lab import shell, targets
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Execute, Reach

_PATIENCE = 2  # seconds that one attempt may take
_SILENT_ATTEMPTS = 2  # how often "no" is asked for before it is believed; chosen: a first ARP may get lost
_PAUSE = 0.1  # seconds between two runs of a command
_PARALLEL = 8  # chosen: two cores


class Pair(msgspec.Struct, frozen=True):
    """One cell of a reachability matrix."""

    origin: str
    to: str
    address: IPAddress


async def reach(bench: Bench, wanted: Reach) -> list[str]:
    """Probe every pair at the same time; each is tried again until it is as wanted or time is up.

    Raises:
        StepFailed: some pairs are not as wanted; shows all of them, expected and seen.
    """
    destinations = await bench.addresses(wanted.to)
    origins = await bench.places(wanted.origin)
    pairs = [Pair(origin, to, address) for origin in origins for address, to in destinations.items() if origin != to]
    gate = asyncio.Semaphore(_PARALLEL)
    answers = await asyncio.gather(*(_probe(bench, wanted, pair, gate) for pair in pairs))
    if all(answer == _meant(wanted) for answer, _ in answers):
        return _summary(pairs, wanted)
    lines = [_line(pair, wanted, answer) for pair, (answer, _) in zip(pairs, answers, strict=True)]
    said = sorted({text for answer, text in answers if answer != _meant(wanted) and text})
    raise StepFailed("\n".join([*lines, *said]))


async def execute(bench: Bench, wanted: Execute) -> list[str]:
    """Run a command in a place.

    Raises:
        StepFailed: its exit code or what it printed is not as wanted, until time is up.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wanted.within
    while True:
        try:
            return await _execute(bench, wanted)
        except StepFailed:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(_PAUSE)


async def _execute(bench: Bench, wanted: Execute) -> list[str]:
    target = bench.target(wanted.at)
    environment = targets.environment(bench.lab, bench.drawn, target)
    code, output, said = await shell.attempt(targets.command(target, wanted.run), environment=environment)
    seen = [f"{wanted.at}: {' '.join(wanted.run)}", *(output + said).strip().splitlines()]
    missing = [text for text in wanted.contains if text not in output]
    if code == wanted.exit_code and not missing:
        return seen
    wrong = [f"exit code {code}, {wanted.exit_code} wanted"] if code != wanted.exit_code else []
    raise StepFailed("\n".join([*wrong, *(f"{text!r} is missing" for text in missing), *seen]))


async def _probe(bench: Bench, wanted: Reach, pair: Pair, gate: asyncio.Semaphore) -> tuple[bool, str]:
    """Whether the pair answers, and what the tool said."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wanted.within
    silent = 0
    while True:
        async with gate:
            answers, said = await _attempt(bench, wanted, pair)
        silent = 0 if answers else silent + 1
        enough = silent >= _SILENT_ATTEMPTS if not _meant(wanted) else answers
        if enough or (answers and wanted.expect is False) or loop.time() > deadline:
            return answers, said


def _meant(wanted: Reach) -> bool:
    """Whether there is to be an answer in the end."""
    return wanted.expect is True


async def _attempt(bench: Bench, wanted: Reach, pair: Pair) -> tuple[bool, str]:
    words: tuple[str, ...]
    if wanted.by == "ping":
        words = ("ping", "-n", "-c", "1", "-W", str(_PATIENCE), "-s", str(wanted.size), "-M", "do", str(pair.address))
    else:
        url = f"http://{pair.address}:{wanted.port}/"
        words = ("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", str(_PATIENCE), url)
    code, output, said = await shell.attempt(targets.command(bench.target(pair.origin), words))
    return code == 0, (said or output).strip()


def _summary(pairs: list[Pair], wanted: Reach) -> list[str]:
    """One line for each origin: everything was as wanted."""
    verb = "reaches" if _meant(wanted) else "does not reach"
    found: dict[str, list[str]] = {}
    for pair in pairs:
        found.setdefault(pair.origin, []).append(str(pair.address))
    return [f"{origin} {verb} {', '.join(addresses)} by {wanted.by}" for origin, addresses in found.items()]


def _line(pair: Pair, wanted: Reach, answer: bool) -> str:
    """One pair, as part of a matrix in which something is not as wanted."""
    mark = "  " if answer == _meant(wanted) else "✗ "
    seen, expected = ("answers" if each else "silent" for each in (answer, _meant(wanted)))
    return f"{mark}{wanted.by} {pair.origin} -> {pair.to} ({pair.address}): {seen}, expected: {expected}"
