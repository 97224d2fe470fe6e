"""One run of a traceflow, from the port to the story.

Hypervisors on the logical way are asked to look out for the packet before it is sent.  It is sent again when it should have
arrived and did not: the first packet through a new tunnel may be lost while the other end's address is resolved.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.dialects.nsx import scopes
from trunkline.dialects.nsx.rules import traceflows
from trunkline.dialects.nsx.traceflow import packets, story
from trunkline.dialects.nsx.traceflow.observed import Remark
from trunkline.dialects.nsx.traceflow.outcome import Outcome, Request
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Entry
from trunkline.kit import addresses, clock, problems
from trunkline.policy.agendas import Agendas
from trunkline.policy.tracing import network, walker
from trunkline.trace import frame
from trunkline.trace.errands import Report, Send, Sighting, Watch
from trunkline.trace.packet import Packet
from trunkline.trace.walk import Walk

_AGAIN = 1.0
"""Seconds before the packet is sent again, and how long a drop is watched; chosen: packets take milliseconds."""
_TIMES = 3
_CROSSINGS = 1.0
"""Seconds for the news of those on the way after the last one has it; chosen: reports take some ten milliseconds."""
_UNFORESEEN = 0.1
"""Seconds for the news of those who should not have it; nobody knows whether there will be any."""
_READY = 2.0
"""Seconds that hypervisors other than the source's have to begin to look."""


class Failed(Exception):
    """The run ends without a story."""

    def __init__(self, request: Request, why: str) -> None:
        super().__init__(why)
        self.request = request


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the packet comes in: the segment port, the logical port and its network, and the tag it wears."""

    entry: Entry
    port: str
    segment: str
    tag: int = 0

    @property
    def interface(self) -> str:
        """The `iface-id` of the machine's interface."""
        return network.interface(self.port)[0]


async def run(body: Mapping[str, Any], tree: Tree, southbound: str, agendas: Agendas) -> Outcome:
    """What became of the packet of a traceflow."""
    lport = ""
    try:
        source = find(body, tree)
        lport = source.entry.body["realization_id"]
        packet = _routed(packets.read("", body["packet"]), bool(body["packet"].get("routed")), source, tree)
        return await _traced(source, packet, tree, southbound, agendas, float(body["timeout"]))
    except Failed as error:
        return Outcome(operation="FAILED", request=error.request, lport=lport, analysis=(Remark(str(error)),))
    except problems.RemoteError as error:
        return Outcome(operation="FAILED", request="DATA_PATH_NOT_READY", lport=lport, analysis=(Remark(str(error)),))


def find(body: Mapping[str, Any], tree: Tree) -> Source:
    """Where a traceflow's packet comes in.

    Raises:
        Failed: the port is gone, has no interface, or the child segment is no longer bound.
    """
    wanted = traceflows.source(body)
    entry = tree.entry(wanted) if wanted.startswith("/") else _by_uuid(wanted, tree, scopes.scope(body["path"]))
    if entry is None:
        raise Failed("SOURCE_PORT_NOT_FOUND", f"there is no segment port {wanted}")
    attachment = entry.body.get("attachment", {}).get("id")
    if not attachment:
        raise Failed("SOURCE_PORT_NOT_FOUND", f"nothing is attached to path=[{entry.path}]")
    parent = entry.path.rpartition("/ports/")[0]
    child = traceflows.child(body)
    if not child:
        return Source(entry=entry, port=attachment, segment=parent)
    tag = traceflows.tag(child, parent, tree)
    if not tag:
        raise Failed("SOURCE_PORT_NOT_FOUND", f"path=[{child}] is not bound to path=[{parent}]")
    return Source(entry=entry, port=f"{attachment}/{tag}", segment=child, tag=tag)


def _by_uuid(uuid: str, tree: Tree, project: str) -> Entry | None:
    wanted = uuid.lower().encode()
    entries = (entry for entry in tree.of_kind("SegmentPort") if wanted in entry.raw)
    found = next((entry for entry in entries if entry.body["unique_id"] == uuid.lower()), None)
    return found if found and scopes.scope(found.path) == project else None


def _routed(packet: Packet, routed: bool, source: Source, tree: Tree) -> Packet:
    """The packet towards the gateway of its segment, if that is asked for and there is one."""
    subnets = (tree.body(source.segment) or {}).get("subnets", ()) if routed else ()
    gateways = [ipaddress.ip_interface(subnet["gateway_address"]).ip for subnet in subnets]
    if not gateways:
        return packet
    return msgspec.structs.replace(packet, destination=addresses.mac_of(gateways[0]))


async def _traced(
    source: Source, packet: Packet, tree: Tree, southbound: str, agendas: Agendas, timeout: float
) -> Outcome:
    if not southbound:
        raise Failed("DATA_PATH_NOT_READY", "this manager has no network")
    deadline = time.monotonic() + timeout
    at = (await network.look(southbound, tree, [source.port])).place(source.port)
    if not at:
        why = f"the interface of path=[{source.entry.path}] is on no hypervisor, or the port is switched off"
        raise Failed("SOURCE_PORT_NOT_FOUND", why)
    walk = await walker.walked(southbound, source.segment.removeprefix("/"), source.port, packet)
    scene = await network.look(southbound, tree, _ports(source, walk))
    built, mark = frame.build(packet, secrets.token_bytes(frame.MARK_BYTES), secrets.randbelow(0xFFFF) + 1)
    probe = _Probe(agendas, source, at, frame.tagged(built, source.tag), mark, deadline)
    try:
        probe.watch({at, *story.expected(walk, scene)})
        await probe.sent(walk, scene)
    finally:
        probe.withdraw()
    told = story.tell(walk, scene, probe.evidence)
    return Outcome(
        operation="FINISHED" if told.complete else "FAILED",
        request="SUCCESS" if told.complete else "TIMEOUT",
        lport=source.entry.body["realization_id"],
        observations=told.observations,
        analysis=told.analysis,
    )


def _ports(source: Source, walk: Walk) -> list[str]:
    named = (port for one in walk.own for port in (one.inport, one.outport, one.redirect))
    return [source.port, *(port for port in named if port), *(output.port for output in walk.deliveries)]


class _Probe:
    """The real packet: who was asked what, and what they told."""

    def __init__(
        self, agendas: Agendas, source: Source, at: str, packet: bytes, mark: frame.Mark, deadline: float
    ) -> None:
        self._agendas, self._source, self._at = agendas, source, at
        self._packet, self._mark, self._deadline = packet, mark, deadline
        self._asked: list[tuple[str, str]] = []
        self._states: dict[str, Report] = {}  # by errand
        self._seen: dict[str, list[Sighting]] = {}
        self._blind: dict[str, str] = {}  # who cannot look, and why
        self._news = asyncio.Event()
        self._sent_ms = 0

    @property
    def _answered(self) -> set[str]:
        return self._seen.keys() | self._blind.keys()

    @property
    def evidence(self) -> story.Evidence:
        """What is known by now."""
        return story.Evidence(port=self._source.port, hypervisor=self._at, sent_ms=self._sent_ms, seen=self._seen)

    def watch(self, hypervisors: set[str]) -> None:
        """Ask hypervisors to look out for the packet until the run is over."""
        seconds = self._deadline - time.monotonic()
        for hypervisor in hypervisors:
            self._ask(hypervisor, Watch(id=secrets.token_hex(8), mark=self._mark, seconds=seconds))

    def withdraw(self) -> None:
        """Nothing is wanted of anybody any more."""
        for hypervisor, errand in self._asked:
            self._agendas.withdraw(hypervisor, errand)

    async def sent(self, walk: Walk, scene: network.Network) -> None:
        """Send the packet, and again if it should have arrived and did not; return when no more is to be learned.

        Raises:
            Failed: the source's hypervisor did not send it.
        """
        watchers = {hypervisor for hypervisor, _ in self._asked}
        await self._until(lambda: watchers <= self._answered, time.monotonic() + _READY)
        await self._until(lambda: self._at in self._answered, self._deadline)
        if problem := self._blind.get(self._at):
            raise Failed("CONNECTION_ERROR", f"hypervisor {self._at}, which has the source port: {problem}")
        if self._at not in self._answered:
            lately = "" if self._agendas.present(self._at) else "; its agent has not been heard of lately"
            raise Failed("TIMEOUT", f"hypervisor {self._at}, which has the source port, does not answer{lately}")
        for _ in range(_TIMES if walk.deliveries else 1):
            await self._send()
            settled = await self._until(lambda: story.settled(walk, scene, self.evidence), time.monotonic() + _AGAIN)
            if settled:
                await self._until(lambda: story.whole(walk, scene, self.evidence), time.monotonic() + _CROSSINGS)
                await asyncio.sleep(_UNFORESEEN)
            if settled or time.monotonic() >= self._deadline:
                return
        if not watchers <= self._answered:
            await self._late(watchers, walk, scene)

    async def _late(self, watchers: set[str], walk: Walk, scene: network.Network) -> None:
        """Somebody who would know was not there; should they come before the time is up, they are shown the packet."""
        if await self._until(lambda: watchers <= self._answered, self._deadline):
            await self._send()
            again = time.monotonic() + _AGAIN
            await self._until(lambda: story.settled(walk, scene, self.evidence), again)

    async def _send(self) -> None:
        errand = Send(id=secrets.token_hex(8), port=self._source.interface, frame=self._packet)
        self._sent_ms = self._sent_ms or int(clock.now().timestamp() * 1000)
        self._ask(self._at, errand)
        ended = await self._until(lambda: errand.id in self._states, self._deadline)
        self._agendas.withdraw(self._at, errand.id)
        if not ended:
            raise Failed("TIMEOUT", f"hypervisor {self._at} did not send the packet in time")
        if self._states[errand.id].state == "failed":
            raise Failed("CONNECTION_ERROR", f"hypervisor {self._at}: {self._states[errand.id].problem}")

    def _ask(self, hypervisor: str, errand: Watch | Send) -> None:
        def hear(report: Report) -> None:
            if isinstance(errand, Watch) and report.state == "failed":
                self._blind[hypervisor] = report.problem
            elif isinstance(errand, Watch):
                self._seen.setdefault(hypervisor, []).extend(report.sightings)
            self._states[errand.id] = report
            self._news.set()

        self._asked.append((hypervisor, errand.id))
        self._agendas.ask(hypervisor, errand, hear)

    async def _until(self, fact: Any, moment: float) -> bool:
        """Whether the fact comes true before a moment, or the run's own end if that is earlier."""
        while not fact():
            self._news.clear()
            left = min(moment, self._deadline) - time.monotonic()
            try:
                async with asyncio.timeout(max(left, 0)):
                    await self._news.wait()
            except TimeoutError:
                return bool(fact())
        return True
