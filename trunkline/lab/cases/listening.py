"""The verb `capture`: frames as evidence.  Listen first, then let steps run, then count by decoded fields."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable

import msgspec

from trunkline.kit.addresses import IPAddress
from trunkline.lab import targets
from trunkline.lab.capture import Capture
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Expectation, Listen, Match, Step
from trunkline.lab.packets import Packet
from trunkline.lab.targets import Target

RunSteps = Callable[[tuple[Step, ...]], Awaitable[None]]

_SAMPLES = 2  # how many frames are shown for each thing expected


class Meant(msgspec.Struct, frozen=True):
    """A `Match` whose names have become addresses; None admits everything."""

    match: Match
    sources: frozenset[IPAddress] | None
    destinations: frozenset[IPAddress] | None
    inner: Meant | None

    def admits(self, packet: Packet) -> bool:
        """Whether the packet is such a frame."""
        match = self.match
        return (
            match.vlan in (None, packet.vlan if packet.vlan is not None else "none")
            and match.protocol in ("", packet.protocol)
            and match.kind in ("", packet.kind)
            and match.destination_port in (None, packet.destination_port)
            and match.key in (None, packet.key)
            and (self.sources is None or packet.source in self.sources)
            and (self.destinations is None or packet.destination in self.destinations)
            and (self.inner is None or (packet.inner is not None and self.inner.admits(packet.inner)))
        )


Expected = list[tuple[Expectation, list[tuple[str, Meant]]]]
Seen = list[tuple[str, Packet]]


async def capture(bench: Bench, wanted: Listen, case: str, run_steps: RunSteps) -> list[str]:
    """Capture while steps run.

    Raises:
        StepFailed: something expected was not seen, or seen too often, until time is up.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wanted.again
    while True:
        seen, expected, files = await _listen(bench, wanted, case, run_steps)
        try:
            return _judge(seen, expected, files)
        except StepFailed:
            if loop.time() > deadline:
                raise


async def _listen(bench: Bench, wanted: Listen, case: str, run_steps: RunSteps) -> tuple[Seen, Expected, list[str]]:
    """What was seen, what of it is expected, and the files that keep it."""
    async with contextlib.AsyncExitStack() as stack:
        captures = []
        for target, interface in _places(bench, wanted):
            file = bench.capture_file(case, f"{target.name}-{interface}")
            captures.append(await stack.enter_async_context(Capture(target, interface, wanted.filter, file)))
        await run_steps(wanted.steps)
        expected = [(each, await _per_source(bench, each)) for each in wanted.expect]
        seen = await _collect(captures, expected, wanted.within)
    return seen, expected, [str(capture.file) for capture in captures]


def _places(bench: Bench, wanted: Listen) -> list[tuple[Target, str]]:
    """Every interface to listen on."""
    chosen = (wanted.interface,) if isinstance(wanted.interface, str) else wanted.interface
    chosen = tuple(name for name in chosen if name)
    found = [bench.target(name) for name in ((wanted.at,) if isinstance(wanted.at, str) else wanted.at)]
    return [(target, interface) for target in found for interface in targets.listening_places(target, chosen)]


async def _per_source(bench: Bench, wanted: Expectation) -> list[tuple[str, Meant]]:
    """One `Meant` for each source that the expectation names, so that every one of them has to be seen."""
    meant = await _meant(bench, wanted)
    if not wanted.source:
        return [("", meant)]
    names = await bench.addresses(wanted.source)
    return [
        (f"{name} ({address})", msgspec.structs.replace(meant, sources=frozenset({address})))
        for address, name in names.items()
    ]


async def _meant(bench: Bench, match: Match) -> Meant:
    sources = frozenset(await bench.addresses(match.source)) if match.source else None
    destinations = frozenset(await bench.addresses(match.destination)) if match.destination else None
    return Meant(match, sources, destinations, await _meant(bench, match.inner) if match.inner else None)


async def _collect(captures: list[Capture], expected: Expected, seconds: float) -> Seen:
    """The frames of all captures, as soon as every minimum is reached."""

    def gathered() -> Seen:
        return [(capture.interface, packet) for capture in captures for packet in capture.seen()]

    def enough(_: list[Packet]) -> bool:
        seen = gathered()
        return all(
            sum(meant.admits(packet) for _, packet in seen) >= bounds(wanted.count)[0]
            for wanted, sources in expected
            for _, meant in sources
        )

    await captures[0].until(enough, seconds)
    return gathered()


def bounds(count: str | int) -> tuple[int, int | None]:
    """Least and most that a count allows: "1+" is (1, None), 0 is (0, 0), "3-5" is (3, 5).

    Raises:
        StepFailed: it is not written like any of these.
    """
    found = re.fullmatch(r"(\d+)(\+|-(\d+))?", str(count))
    if not found:
        raise StepFailed(f"count: {count!r} is neither a number, nor a number with '+', nor two with '-' between")
    least = int(found[1])
    return least, int(found[3]) if found[3] else None if found[2] else least


def _judge(seen: Seen, expected: Expected, files: list[str]) -> list[str]:
    lines: list[str] = []
    wrong: list[str] = []
    for wanted, sources in expected:
        for name, meant in sources:
            found = [(interface, packet) for interface, packet in seen if meant.admits(packet)]
            least, most = bounds(wanted.count)
            title = f"{len(found)} x {describe(wanted)}" + (f" from {name}" if name else "")
            if len(found) < least or (most is not None and len(found) > most):
                wrong.append(f"{title}; expected {wanted.count}")
            lines += [title, *(f"  {interface}: {packet}" for interface, packet in found[:_SAMPLES])]
    if wrong:
        raise StepFailed("\n".join([*wrong, f"{len(seen)} frames seen in all, kept in {', '.join(files)}", *lines]))
    return lines


def describe(match: Match) -> str:
    """A match in words."""
    tag = "" if match.vlan is None else "untagged" if match.vlan == "none" else f"VLAN {match.vlan}"
    words = [tag, match.protocol, match.kind, f"to {match.destination}" if match.destination else ""]
    text = " ".join(word for word in words if word) or "frame"
    return f"{text} carrying {describe(match.inner)}" if match.inner else text
