"""How far each document got on its way into the network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec


class Stamp(msgspec.Struct, frozen=True):
    """What says how new a stored document is: its `_revision`, and milliseconds since the epoch."""

    revision: int = msgspec.field(name="_revision", default=0)
    modified_ms: int = msgspec.field(name="_last_modified_time", default=0)


class Standing(msgspec.Struct):
    """One document: its `_revision`, the writer's revision that holds its rows, since when, and when it was shown.

    `missed` are the hypervisors that did not answer when the others showed it.
    """

    revision: int
    written: int
    since_ms: int
    published_ms: int = 0
    missed: frozenset[str] = frozenset()


class Ledger:
    """The standing of every document."""

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}
        self._unshown: defaultdict[int, list[Standing]] = defaultdict(list)  # by the writer's revision

    def get(self, path: str) -> Standing | None:
        """The standing of the document at a path."""
        return self._standings.get(path)

    def enter(self, path: str, stamp: Stamp, written: int) -> None:
        """A document's rows are as of the writer's revision."""
        standing = Standing(stamp.revision, written, stamp.modified_ms)
        self._standings[path] = standing
        self._unshown[written].append(standing)

    def touch(self, path: str, now_ms: int, written: int) -> None:
        """A document is as it was, but its rows changed with another one."""
        if (known := self._standings.get(path)) is not None:
            self.enter(path, Stamp(known.revision, now_ms), written)

    def drop(self, paths: Iterable[str]) -> None:
        """Documents that are gone."""
        for path in paths:
            self._standings.pop(path, None)

    def show(self, revision: int, silent: frozenset[str], now_ms: int) -> None:
        """The network shows everything up to the writer's revision, but for hypervisors that do not answer."""
        for written in [written for written in self._unshown if written <= revision]:
            for standing in self._unshown.pop(written):
                standing.published_ms, standing.missed = now_ms, silent
