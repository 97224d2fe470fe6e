"""The agent as a process of its own, with attachments from a file instead of the Kubernetes API.

agent_process.py SETTINGS.json ATTACHMENTS.json [restore]
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from trunkline.adapters.netlink import outfit
from trunkline.agent import main, spec, trial, uplinks
from trunkline.agent.attachments import Bound, PodRef, decided, of_living
from trunkline.agent.settings import Settings
from trunkline.agent.witnesses import Gateway
from trunkline.intent import attachment

TraceFunction = Callable[[FrameType, str, Any], Any]


class FileAttachments:
    """Reads the file whenever it is asked; only a test may poll."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _objects(self) -> dict[str, dict[str, str]]:
        return json.loads(self._path.read_text())

    async def wait(self, pod: PodRef, timeout: float) -> attachment.Attachment:
        try:
            async with asyncio.timeout(timeout):
                while not (found := self._decided(pod)):  # noqa: ASYNC110 - there is no event for a file
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise spec.Failure(spec.TRY_AGAIN_LATER, f"{pod}: nothing after {timeout:g} s") from None
        if found.problem:
            raise spec.Failure.of(spec.NO_ADDRESS, found.problem)
        return found

    def _decided(self, pod: PodRef) -> attachment.Attachment | None:
        found = self._objects().get(pod.key)
        if not found:
            return None
        meta = {"uid": found["uid"], "annotations": {attachment.ANNOTATION: found["note"]}}
        return decided({"metadata": meta}, pod)

    async def bound(self) -> AsyncIterator[list[Bound]]:
        seen: dict[str, Bound] = {}
        first = True
        while True:
            objects = {
                key: found for key, found in self._objects().items() if not key.startswith("/")
            }  # that is the node
            now = {each.pod.uid: each for each in itertools.starmap(_bound, objects.items())}
            gone = [Bound(seen[uid].pod, None) for uid in seen.keys() - now.keys()]
            batch = [*gone, *(each for uid, each in now.items() if seen.get(uid) != each)]
            if batch or first:
                yield batch
            seen, first = now, False
            await asyncio.sleep(0.05)

    async def of_node(self) -> AsyncIterator[attachment.Attachment]:
        last = None
        while True:
            note = self._objects().get("/node", {}).get("note")
            if note and note != last:
                last = note
                yield attachment.decode(note)
            await asyncio.sleep(0.05)

    async def synced(self) -> None:
        pass

    def uids(self) -> frozenset[str]:
        return frozenset(found["uid"] for found in self._objects().values())

    def lasting(self) -> frozenset[str]:
        return self.uids()


def _bound(key: str, found: dict[str, str]) -> Bound:
    namespace, _, name = key.partition("/")
    meta = {"namespace": namespace, "name": name, "uid": found["uid"]}
    note = {attachment.ANNOTATION: found["note"]}
    return Bound(PodRef(**meta), of_living({"metadata": {**meta, "annotations": note}}))


def die_at_line(number: int) -> None:
    """Kill this process with the n-th line that runs in the code that moves a network card."""
    lines = itertools.count(1)

    def local(frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == "line" and next(lines) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return local

    def trace(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return local if frame.f_code.co_filename in (uplinks.__file__, outfit.__file__, trial.__file__) else None

    threading.settrace(trace)
    sys.settrace(trace)


def hold_the_move(gate: Path) -> None:
    """Let a card move only once the test has made `gate`; the trial has begun then, and `gate`.reached says so."""
    begin = trial.Trial.begin

    async def held(self: trial.Trial, gateways: Iterable[Gateway]) -> None:
        await begin(self, gateways)
        gate.with_suffix(".reached").touch()
        while not gate.exists():  # noqa: ASYNC110 - there is no event for a file
            await asyncio.sleep(0.01)

    trial.Trial.begin = held  # type: ignore[method-assign]


if __name__ == "__main__":
    if moment := os.environ.get("DIE_AT_LINE"):
        die_at_line(int(moment))
    if gate := os.environ.get("HOLD_THE_MOVE"):
        hold_the_move(Path(gate))
    chosen = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Settings)
    work = (
        main.restore(chosen) if sys.argv[3:] == ["restore"] else main.serve(chosen, FileAttachments(Path(sys.argv[2])))
    )
    asyncio.run(work)
