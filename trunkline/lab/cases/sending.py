"""The verb `send`: single frames, as they are, from a place's interface."""

from __future__ import annotations

import asyncio
import socket

from trunkline.adapters.netlink.namespace import run_inside
from trunkline.lab import frames, namespaces, targets
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Send

_ETH_P_ALL = 3


async def send(bench: Bench, wanted: Send) -> list[str]:
    """Send every frame once.

    Raises:
        StepFailed: there is no frame of that name.
    """
    unknown = [kind for kind in wanted.frames if kind not in frames.KINDS]
    if unknown:
        raise StepFailed(f"no frame is called {', '.join(unknown)}; there are {', '.join(frames.KINDS)}")
    target = bench.target(wanted.origin)
    (interface,) = targets.listening_places(target, ())
    path = str(namespaces.path(target.namespace))
    await asyncio.to_thread(run_inside, path, lambda: _send(interface, wanted.frames))
    return [f"{wanted.origin} sends {', '.join(wanted.frames)}"]


def _send(interface: str, kinds: tuple[str, ...]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as card:
        card.bind((interface, 0))
        source = card.getsockname()[4].hex(":")
        for kind in kinds:
            card.send(frames.build(kind, source))
