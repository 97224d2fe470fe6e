"""Listen on an interface with tcpdump: start, know that it listens, send, then read what was seen.

The pcap file is kept beside the lab's logs, so that a failed case can be looked at with any tool.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from trunkline.kit import problems
from trunkline.lab import packets, targets
from trunkline.lab.packets import Packet
from trunkline.lab.targets import Target

CANNOT_LISTEN = problems.register("TRK-0623", "A capture could not be started.")

_LISTENING = re.compile(rb"listening on ")
_START_SECONDS = 10.0  # chosen: a loaded machine; tcpdump needs some 50 ms
_SETTLE_SECONDS = 0.2  # chosen: how long a capture that expects silence goes on listening


def tcpdump(
    interface: str, expression: str, *, count: int = 0, write: Path | None = None, verbose: bool = True
) -> tuple[str, ...]:
    """The tcpdump command line for people: link headers (the VLAN tags), no names, line by line."""
    words = ["tcpdump", "-n", "-l", "-i", interface, *(["-e"] if verbose else [])]
    words += ["-c", str(count)] if count else []
    words += ["-U", "-w", str(write)] if write else []
    return (*words, *([expression] if expression else []))


class Capture:
    """One running capture: `async with Capture(...) as capture`, then `seen()`.

    Raises:
        RemoteError: tcpdump refused (a filter it does not understand, an interface that is gone).
    """

    def __init__(self, target: Target, interface: str, expression: str, file: Path) -> None:
        self.target = target
        self.interface = interface
        self.file = file
        self._expression = expression
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Capture:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        # Immediate mode: every frame is in the file as soon as it was seen, so counts can be waited for.
        expression = (self._expression,) if self._expression else ()
        options = ("-n", "--immediate-mode", "-Z", "root", "-U", "-i", self.interface, "-w", str(self.file))
        words = ("tcpdump", *options, *expression)
        self._process = await asyncio.create_subprocess_exec(
            *targets.command(self.target, words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await asyncio.wait_for(self._until_listening(), _START_SECONDS)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

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

    async def _until_listening(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        said = b""
        async for line in self._process.stderr:
            said += line
            if _LISTENING.search(line):
                return
        problem = problems.Problem(
            code=CANNOT_LISTEN,
            object=f"capture at {self.target.name}/{self.interface}",
            found=said.decode(errors="replace").strip() or "tcpdump ended",
        )
        raise problems.RemoteError(problems=[problem])

    async def _stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self._process.communicate(), 2)
        except TimeoutError:
            self._process.kill()
            await self._process.communicate()
