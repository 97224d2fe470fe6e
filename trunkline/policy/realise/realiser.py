"""Keeps the network what the policy objects say, and answers what became of each.

Documents are followed in the store, not in the manager's memory, so that nothing is realised that is not durable.  The
state of an object is found when somebody asks for it, from what is known at that moment: no history of states is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import structlog

from trunkline import ovn
from trunkline.adapters import ovsdb
from trunkline.adapters import store as documents
from trunkline.dialects.nsx import realisation
from trunkline.dialects.nsx.realized import Realisation
from trunkline.intent import model
from trunkline.kit import clock
from trunkline.kit.problems import Problem
from trunkline.ovn import checks
from trunkline.policy.realise.progress import Progress
from trunkline.policy.realise.southbound import Southbound
from trunkline.policy.settings import Settings
from trunkline.sync.northbound import Northbound

OWNER = "fabric"
PREFIX = "nsx"
_RETRY = 1.0
"""Seconds before a connection that broke for good is tried again (chosen)."""
_HARMLESS = frozenset({checks.OUTSIDE})
"""What the compiler remarks while it makes the rows all the same."""

_log = structlog.get_logger(__name__)


class _Stamp(msgspec.Struct, frozen=True):
    """What says how new a document is."""

    revision: int = msgspec.field(name="_revision", default=0)
    modified_ms: int = msgspec.field(name="_last_modified_time", default=0)


class _Followed(msgspec.Struct):
    """How far a document got: its `_revision`, the writer's revision that holds it, and when the network showed it."""

    revision: int
    written: int
    since_ms: int
    published_ms: int = 0


class Realiser:
    """Answers at once; `run` does the work."""

    def __init__(self, store: documents.Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._stamps = msgspec.json.Decoder(_Stamp)
        self._forget()

    def _forget(self) -> None:
        """Begin anew."""
        self._fabric = realisation.Fabric()
        self._progress = Progress()
        self._followed: dict[str, _Followed] = {}
        self._unshown: dict[str, _Followed] = {}
        self._northbound: Northbound | None = None
        self._southbound: Southbound | None = None
        self._again: asyncio.TimerHandle | None = None
        self._news: dict[str, documents.Event] = {}
        self._ring = asyncio.Event()

    def realisation(self, path: str, revision: int) -> Realisation | None:
        """What became of the object at `path` as of `_revision` `revision`; None when nothing is known of it."""
        followed = self._followed.get(path)
        if followed is None or followed.revision < revision or self._northbound is None:
            return None
        keys = [ovn.ObjectKey(*key) for key in self._fabric.keys(path)]
        refusals, remarks = self._judge(path, keys)
        places = self._places(keys)
        shown = followed.written <= self._progress.shown and not self._is_mute(places)
        silent = [f"hypervisor {name} does not answer" for name in sorted(self._progress.silent)]
        told = [str(each) for each in refusals or remarks] + (silent if followed.published_ms else [])
        return Realisation(
            state="ERROR" if refusals else "REALIZED" if shown else "UNREALIZED",
            revision=followed.revision,
            problem="; ".join(told),
            published_ms=followed.published_ms,
            took_ms=max(0, followed.published_ms - followed.since_ms) if followed.published_ms else 0,
            attributes=places,
        )

    async def run(self) -> None:
        """Follow the store and the network for ever; whatever breaks is begun anew."""
        while True:
            try:
                await self._connected()
            except Exception:
                _log.exception("realisation begins anew", again_in=_RETRY)
            self._forget()
            await asyncio.sleep(_RETRY)

    async def _connected(self) -> None:
        settings = self._settings
        async with (
            ovsdb.Client(settings.northbound, "OVN_Northbound") as north,
            ovsdb.Client(settings.southbound, "OVN_Southbound") as south,
            asyncio.TaskGroup() as group,
        ):
            northbound, southbound = Northbound(north, OWNER, numbered=True), Southbound(south)
            await northbound.start()
            await southbound.start(self._look)
            self._northbound, self._southbound = northbound, southbound
            since = self._load()
            northbound.on_number(self._look)
            group.create_task(northbound.run())
            group.create_task(self._note_written(northbound))
            group.create_task(self._pump(since))
            group.create_task(self._work())

    def _load(self) -> int:
        """Take in everything that is stored, in place of everything known; answers the store's revision."""
        assert self._northbound is not None
        found = {_path(document): document for document in self._store.list(f"{PREFIX}/")}
        gone = [path for path in self._fabric.paths() if path not in found]
        self._fabric.take(map(_written, found.values()), gone, self._facts())
        revision = self._northbound.replace(model.Intent.of(self._fabric.objects()))
        for path in gone:
            self._followed.pop(path, None)
            self._unshown.pop(path, None)
        for path, document in found.items():
            self._follow(path, self._stamps.decode(document.body), revision)
        return self._store.revision

    async def _pump(self, since: int) -> None:
        """Gather the store's events; several that come together are taken in together."""
        while True:
            try:
                async for event in self._store.watch(f"{PREFIX}/", since):
                    self._news[_path(event.document)] = event
                    self._ring.set()
                return
            except documents.Compacted:
                self._news.clear()
                since = self._load()

    async def _work(self) -> None:
        while True:
            await self._ring.wait()
            self._ring.clear()
            news, self._news = self._news, {}
            self._take(news)

    def _take(self, news: Mapping[str, documents.Event]) -> None:
        assert self._northbound is not None
        written = [_written(event.document) for event in news.values() if event.type != "DELETED"]
        gone = [path for path, event in news.items() if event.type == "DELETED"]
        change = self._fabric.take(written, gone, self._facts())
        revision = self._northbound.revision
        if change.changed or change.removed:
            removed = [ovn.ObjectKey(*key) for key in change.removed]
            revision = self._northbound.apply(change.changed, removed)
        for path in gone:
            self._followed.pop(path, None)
            self._unshown.pop(path, None)
        for path in change.documents - set(gone):
            if path in news:
                self._follow(path, self._stamps.decode(news[path].document.body), revision)
            elif (known := self._followed.get(path)) is not None:
                self._follow(path, _Stamp(known.revision, _now_ms()), revision)

    def _follow(self, path: str, stamp: _Stamp, written: int) -> None:
        self._followed[path] = self._unshown[path] = _Followed(stamp.revision, written, stamp.modified_ms)

    def _facts(self) -> dict[str, Any]:
        """What the rules must know besides the documents: physical network, and who may serve the edge clusters."""
        assert self._southbound is not None
        willing = self._southbound.gateways()
        clusters = {name: self._settings.gateways.get(name) or willing for name in self._settings.edge_clusters}
        edges = {f"{realisation.EDGES} {name}": members for name, members in clusters.items()}
        return {realisation.PHYSICAL_NETWORK: self._settings.physical_network, **edges}

    async def _note_written(self, northbound: Northbound) -> None:
        while True:
            await northbound.written(self._progress_next())
            self._progress.written(northbound.written_revision, northbound.number)
            self._noted = northbound.written_revision
            self._look()
