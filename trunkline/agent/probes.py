"""The two errands of a trace: look out for a marked packet on every interface, and let one into the integration bridge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from trunkline.adapters.netlink import packet_socket, tap
from trunkline.adapters.ovs import openflow
from trunkline.adapters.ovs.switch import Switch
from trunkline.agent.settings import Settings
from trunkline.kit import problems
from trunkline.trace import frame
from trunkline.trace.errands import Report, Send, Sighting, Watch

NOT_HERE = problems.register("TRK-0692", "A packet should come in by an interface that is not on this hypervisor.")

MOST = 500
"""Sightings of one packet that are told; chosen: a flood on a hypervisor with hundreds of machines."""

_TOGETHER = 0.01
"""Seconds in which what is seen goes into one report; chosen: a packet crosses a hypervisor in less."""

Tell = Callable[[Report], Awaitable[None]]


async def watch(errand: Watch, switch: Switch, tell: Tell) -> None:
    """Tell of every sighting of a packet until the time is up.

    Raises:
        OSError: the kernel gives out no frames.
    """
    seen: list[Sighting] = []
    news = asyncio.Event()

    def take(found: packet_socket.Frame) -> None:
        if len(seen) < MOST and (known := frame.recognise(found.data, errand.mark)):
            seen.append(_sighting(found, known, switch))
            news.set()

    listening = tap.Tap(errand.mark.tail, take)
    try:
        await tell(Report(errand=errand.id, state="started"))
        async with asyncio.timeout(errand.seconds):
            told = 0
            while True:
                await news.wait()
                await asyncio.sleep(_TOGETHER)
                news.clear()
                fresh, told = tuple(seen[told:]), len(seen)
                await tell(Report(errand=errand.id, state="started", sightings=fresh))
    except TimeoutError:
        return
    finally:
        listening.close()


async def send(errand: Send, settings: Settings, switch: Switch) -> None:
    """Let a frame in by the interface of its port.

    Raises:
        RemoteError: the port is not here, or Open vSwitch refused.
    """
    await switch.caught_up()  # the manager may have seen the port before we have
    bridge = switch.bridge(settings.integration_bridge)
    plugged = [each for each in switch.interfaces({"iface-id": errand.port}) if switch.bridge_of(each) == bridge]
    number = next((each.ofport for each in plugged if each.ofport and each.ofport > 0), None)
    if number is None:
        problem = problems.Problem(code=NOT_HERE, object=f"port {errand.port}", found=f"not on {settings.node}")
        raise problems.RemoteError(problems=[problem])
    await openflow.let_in(settings.ovs, settings.integration_bridge, number, errand.frame)


def _sighting(found: packet_socket.Frame, known: frame.Seen, switch: Switch) -> Sighting:
    interface = switch.interface(found.interface)
    return Sighting(
        interface=found.interface,
        port=interface.external_ids.get("iface-id", "") if interface else "",
        outgoing=found.outgoing,
        seen=known,
        micros=time.time_ns() // 1000,
    )
