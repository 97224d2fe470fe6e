"""Listen on an interface with tcpdump: start, know that it listens, send, then read what was seen.

The pcap file is kept beside the lab's logs, so that a failed case can be looked at with any tool.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType

from trunkline.kit import problems
from trunkline.lab import packets, targets
from trunkline.lab.packets import Packet
from trunkline.lab.targets import Target

CANNOT_LISTEN = problems.register("TRK-0623", "A capture could not be started.")

Say = Callable[[str], None]

_LISTENING = re.compile(rb"listening on ")
_START_SECONDS = 10.0  # chosen: a loaded machine; tcpdump needs some 50 ms
_SETTLE_SECONDS = 0.2  # chosen: how long a capture that expects silence goes on listening


def tcpdump(interface: str, expression: str, *, count: int = 0, write: Path | None = None) -> tuple[str, ...]:
    """The tcpdump command line for people: link headers (the VLAN tags), no names, line by line."""
    words = ["tcpdump", "-n", "-l", "-e", "-i", interface]
    words += ["-c", str(count)] if count else []
    words += ["-Z", "root", "-U", "-w", str(write)] if write else []
    return (*words, *through_tags(expression))


def through_tags(expression: str) -> tuple[str, ...]:
    """The filter, and the same behind an 802.1Q tag: "icmp" means pings on a trunk, too."""
    return (f"({expression}) or (vlan and ({expression}))",) if expression else ()


async def show(target: Target, interfaces: tuple[str, ...], expression: str, count: int, say: Say) -> None:
    """Tell `say` what is seen on several interfaces, each line with its interface, until cancelled or `count` lines.

    Raises:
        RemoteError: tcpdump cannot listen on one of them.
    """
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as stack:
        for interface in interfaces:
            process = await stack.enter_async_context(_listening(target, interface, tcpdump(interface, expression)))
            stack.push_async_callback(_finished, asyncio.create_task(_pass_on(process, interface, lines)))
        for seen in itertools.count(1):
            say(str(await lines.get()))
            if seen == count:
                return


async def _pass_on(process: asyncio.subprocess.Process, interface: str, lines: asyncio.Queue[str | None]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        lines.put_nowait(f"{interface}: {line.decode(errors='replace').rstrip()}")


async def _finished(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def _listening(
    target: Target, interface: str, words: tuple[str, ...]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A tcpdump that listens; it is stopped, and has written everything, when the context ends.

    Raises:
        RemoteError: it refused (a filter it does not understand, an interface that is gone).
    """
    process = await asyncio.create_subprocess_exec(
        *targets.command(target, words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await asyncio.wait_for(_until_listening(process, f"{target.name}/{interface}"), _START_SECONDS)
        yield process
    finally:
        await _stop(process)


async def _until_listening(process: asyncio.subprocess.Process, place: str) -> None:
    assert process.stderr is not None
    said = b""
    async for line in process.stderr:
        said += line
        if _LISTENING.search(line):
            return
    found = said.decode(errors="replace").strip() or "tcpdump ended"
    problem = problems.Problem(code=CANNOT_LISTEN, object=f"capture at {place}", found=found)
    raise problems.RemoteError(problems=[problem])


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), 2)
    except TimeoutError:
        process.kill()
        await process.wait()


class Capture:
    """One running capture into a file: `async with Capture(...) as capture`, then `seen()`."""

    def __init__(self, target: Target, interface: str, expression: str, file: Path) -> None:
        self.interface = interface
        self.file = file
        # Immediate mode: every frame is in the file as soon as it was seen, so counts can be waited for.
        options = ("-n", "--immediate-mode", "-Z", "root", "-U", "-i", interface, "-w", str(file))
        self._listening = _listening(target, interface, ("tcpdump", *options, *through_tags(expression)))

    async def __aenter__(self) -> Capture:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        await self._listening.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listening.__aexit__(kind, error, trace)

    def seen(self) -> list[Packet]:
        """The packets so far."""
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return []
        return packets.read(data) if len(data) >= 24 else []

    async def until(self, enough: Callable[[list[Packet]], bool], seconds: float) -> list[Packet]:
        """The packets as soon as they are enough, or when time is up; a moment more is given to surplus ones."""
        try:
            async with asyncio.timeout(seconds):
                while not enough(self.seen()):  # noqa: ASYNC110 (tcpdump writes a file; nothing else tells)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        await asyncio.sleep(_SETTLE_SECONDS)  # "and no more than that" can only be said after a silence
        return self.seen()
