"""Keeps the network what the policy objects say, and answers what became of each.

Documents are followed in the store, not in the manager's memory, so that nothing is realised that is not durable.  The
state of an object is found when somebody asks, from what is known at that moment: no history of states is kept.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from trunkline import ovn
from trunkline.adapters import ovsdb
from trunkline.adapters import store as documents
from trunkline.dialects.nsx import realisation
from trunkline.dialects.nsx.realisation import Carried, made
from trunkline.dialects.nsx.realized import Realisation
from trunkline.dialects.nsx.routing import Routed
from trunkline.dialects.nsx.tables import Wire
from trunkline.intent import model
from trunkline.kit import clock
from trunkline.kit.problems import Problem
from trunkline.ovn import checks
from trunkline.policy import collector
from trunkline.policy.agendas import Agendas
from trunkline.policy.realise import asking, intake, routers, watching, wires
from trunkline.policy.realise.intake import PREFIX, Intake
from trunkline.policy.realise.ledger import Ledger, Stamp
from trunkline.policy.realise.overlooked import Overlooked
from trunkline.policy.realise.progress import Progress
from trunkline.policy.realise.southbound import Southbound
from trunkline.policy.realise.succession import Succession
from trunkline.policy.settings import Settings
from trunkline.sync.northbound import Northbound

OWNER = "fabric"

_REMARKS = frozenset({checks.OUTSIDE})
"""What the compiler says of rows that it makes all the same."""

_PIECE = 500
"""Documents or objects taken in without a pause when everything is loaded; chosen: some ten milliseconds."""
_T = TypeVar("_T")
_LAST = frozenset({"SegmentPort", "SegmentConnectionBindingMap"})


class Realiser:
    """One connection's life: from `start` until something breaks; another one begins anew."""

    def __init__(
        self,
        store: documents.Store,
        settings: Settings,
        north: ovsdb.Client,
        south: ovsdb.Client,
        agendas: Agendas,
        taken: Intake,
        succeed: Callable[[int, int], None],
    ) -> None:
        """`succeed` is told the cookie of a port and that of the port which goes on in its place."""
        self._store, self._settings, self._agendas = store, settings, agendas
        self._northbound = Northbound(north, OWNER, numbered=True)
        self._north = north
        self._south, self._southbound = south, Southbound(south)
        self._intake, self._fabric = taken, taken.fabric
        self._progress, self._ledger = Progress(), Ledger()
        self._succession, self._succeed = Succession(), succeed
        self._facts: dict[str, Any] = {}
        self._news: dict[str, documents.Event] = {}
        self._ring = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stamps = msgspec.json.Decoder(Stamp)

    async def run(self) -> None:
        """Bring the network in line with the store, and keep it so.

        Raises:
            ExceptionGroup: a connection is gone for good, or a part met a case that it was not made for.
        """
        await self._northbound.start()
        await self._southbound.start(self._see)
        await self._store.opened()
        self._facts = self._known()
        since = await self._load()
        async with asyncio.TaskGroup() as group:
            overlooked = Overlooked(self._southbound, self._agendas).run()
            for task in (self._northbound.run(), self._confirm(), self._listen(since), self._work(), overlooked):
                group.create_task(task)

    def realisation(self, path: str, revision: int) -> Realisation | None:
        """What became of the object at `path` as of `_revision` `revision`; None when nothing is known of it."""
        standing = self._ledger.get(path)
        if standing is None or standing.revision < revision:
            return None
        keys = [ovn.ObjectKey(*key) for key in sorted(self._fabric.keys(path))]
        refusals, remarks = self._judged(path, keys)
        watch = self._watching(path)
        refusals += watch.troubles
        attributes = self._places(keys)
        silent = self._progress.silent & (standing.missed | set(attributes.get("transport_node_ids", ())))
        shown = bool(standing.published_ms) and not silent & set(attributes.get("transport_node_ids", ()))
        mute = sorted(silent | set(watch.late))
        told = [*map(str, refusals or remarks), *(f"hypervisor {name} does not answer" for name in mute)]
        return Realisation(
            state="ERROR" if refusals else "REALIZED" if shown and not watch.late else "UNREALIZED",
            revision=standing.revision,
            problem="; ".join(told),
            published_ms=standing.published_ms,
            took_ms=max(standing.published_ms - standing.since_ms, 0),
            attributes=attributes,
        )

    def edges(self) -> dict[str, tuple[str, ...]]:
        """By edge cluster, the hypervisors that may serve its gateways, best first."""
        start = f"{realisation.EDGES} "
        return {name.removeprefix(start): members for name, members in self._facts.items() if name.startswith(start)}

    def carried(self, path: str) -> list[tuple[Carried, int | None]]:
        """The network ports that follow from a segment port or a binding map, each with the cookie of its flows."""
        return [(each, self._southbound.cookie(each.id)) for each in self._fabric.carried(path)]

    async def wire(self, path: str) -> Wire:
        """What OVN knows of the segment at a path.

        Raises:
            RemoteError: the southbound database does not answer.
        """
        return await asking.in_time(wires.look(self._south, made.identity(path)), path)

    async def routed(self, path: str) -> list[Routed]:
        """The networks of the gateway at a path.

        Raises:
            RemoteError: the northbound database does not answer.
        """
        return await asking.in_time(routers.look(self._north, made.identity(path)), path)

    def _watching(self, path: str) -> watching.Watching:
        """What hypervisors do about the monitors that a document asks for."""
        return watching.of(self._fabric.watched_by(path), self._southbound, self._agendas)

    def _judged(self, path: str, keys: Iterable[ovn.ObjectKey]) -> tuple[list[Problem], list[Problem]]:
        """Why the document at a path is not honoured, and what is odd about it."""
        found = [problem for key in keys for problem in self._northbound.problems_of(key)]
        refusals = [problem for problem in found if problem.code not in _REMARKS]
        remarks = [problem for problem in found if problem.code in _REMARKS]
        return self._fabric.problems(path) + refusals, self._fabric.remarks(path) + remarks

    def _places(self, keys: Iterable[ovn.ObjectKey]) -> dict[str, list[str]]:
        """The hypervisors on which ports of an object are, and whether all of its ports work there."""
        ports = [key.id for key in keys if key.kind == model.Port.__name__]
        found = [self._southbound.place(port) for port in ports]
        if not any(found):
            return {}
        up = all(place is not None and place.up for place in found)
        return {
            "transport_node_ids": sorted({place.chassis for place in found if place}),
            "operational_status": ["UP" if up else "DOWN"],
        }

    async def _load(self) -> int:
        """Take in everything that is stored, in place of everything known; answers the store's revision.

        Done in pieces, so that requests are answered meanwhile; nothing is written before all of it is known.
        """
        since = self._store.revision
        found = {intake.path(document): document for document in self._store.list(f"{PREFIX}/")}
        gone = [path for path in self._fabric.paths() if path not in found]
        with collector.paused():
            self._fabric.take(removed=gone, facts=self._facts)
            for piece in _pieces(_in_order(self._intake.late(found.values()))):
                self._fabric.take(map(intake.written, piece))
                await asyncio.sleep(0)
            for objects in _pieces(model.Intent.of(self._fabric.objects()).objects()):
                self._northbound.apply(objects)
                await asyncio.sleep(0)
        self._agendas.watch(self._fabric.watched())
        revision = self._northbound.replace(model.Intent.of(self._fabric.objects()))
        self._ledger.drop(gone)
        for path, document in found.items():
            self._ledger.enter(path, self._stamps.decode(document.body), revision)
        return since

    async def _listen(self, since: int) -> None:
        """Gather the store's events; those that come together are taken in together."""
        while True:
            try:
                async for event in self._store.watch(f"{PREFIX}/", since):
                    self._news[intake.path(event.document)] = event
                    self._ring.set()
                return
            except documents.Compacted:
                self._news.clear()
                since = await self._load()

    async def _work(self) -> None:
        while True:
            await self._ring.wait()
            self._ring.clear()
            news, self._news = self._news, {}
            self._take(news)

    def _take(self, news: Mapping[str, documents.Event]) -> None:
        gone = [path for path, event in news.items() if event.type == "DELETED"]
        written = {path: event.document for path, event in news.items() if event.type != "DELETED"}
        maps = [path for path, document in written.items() if document.kind == "SegmentConnectionBindingMap"]
        carried = [each for path in maps for each in self._fabric.carried(path)]
        change = self._fabric.take(map(intake.written, written.values()), gone, self._facts)
        self._succession.take(
            carried, (each for path in maps for each in self._fabric.carried(path)), self._southbound.cookie
        )
        if change.watched:
            self._agendas.watch(self._fabric.watched())
        revision = self._northbound.revision
        if change.changed or change.removed:
            revision = self._northbound.apply(change.changed, [ovn.ObjectKey(*key) for key in change.removed])
        self._ledger.drop(gone)
        for path, document in written.items():
            self._ledger.enter(path, self._stamps.decode(document.body), revision)
        for path in change.documents - news.keys():
            self._ledger.touch(path, _now_ms(), revision)
        self._look()

    async def _confirm(self) -> None:
        """Note what is in the database, and under which number."""
        revision = 0
        while True:
            await self._northbound.written(revision + 1)
            revision = self._northbound.written_revision
            self._progress.written(revision, self._northbound.number)
            self._look()

    def _see(self) -> None:
        """The southbound database has changed."""
        if (facts := self._known()) != self._facts:
            self._facts = facts
            self._ring.set()
        for former, present in self._succession.made(self._southbound.cookie):
            self._succeed(former, present)
        self._look()

    def _look(self) -> None:
        """See how far the network has followed."""
        loop = asyncio.get_running_loop()
        again = self._progress.look(self._southbound.northd, self._southbound.followed(), loop.time())
        self._ledger.show(self._progress.shown, self._progress.silent, _now_ms())
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(again, self._look) if again is not None else None

    def _known(self) -> dict[str, Any]:
        """The facts that rules must know besides the documents."""
        willing = self._southbound.gateways()
        clusters = {name: tuple(self._settings.gateways.get(name, willing)) for name in self._settings.edge_clusters}
        edges = {f"{realisation.EDGES} {name}": members for name, members in clusters.items()}
        return {realisation.PHYSICAL_NETWORK: self._settings.physical_network, **edges}


def _in_order(found: Iterable[documents.Document]) -> list[documents.Document]:
    """Documents in an order in which few of them change what follows from those before."""
    return sorted(found, key=lambda document: (document.kind in _LAST, document.path))


def _pieces(found: Iterable[_T]) -> Iterator[tuple[_T, ...]]:
    rest = iter(found)
    while piece := tuple(itertools.islice(rest, _PIECE)):
        yield piece


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)
