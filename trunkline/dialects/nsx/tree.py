"""All policy objects in memory, with the indexes that keep every question independent of how many there are.

The store is the truth; the tree is what was last read from it.  It is changed only by `put` and `remove`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from trunkline.dialects.nsx.view import LINGERS, Body, Entry


class Tree:
    """A `View` of what is stored."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._collections: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._kinds: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._referrers: defaultdict[str, set[str]] = defaultdict(set)
        self._claims: dict[str, str] = {}
        self._lingering: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Add or replace an object."""
        self.remove(entry.path)
        self._entries[entry.path] = entry
        self._collections[_collection(entry.path)][entry.path] = entry
        self._kinds[entry.kind][entry.path] = entry
        for reference in entry.references:
            self._referrers[reference].add(entry.path)
        for claim in entry.claims:
            self._claims[claim] = entry.path

    def remove(self, path: str) -> None:
        """Forget an object; nothing happens if there is none."""
        entry = self._entries.pop(path, None)
        if entry is None:
            return
        del self._collections[_collection(path)][path]
        del self._kinds[entry.kind][path]
        for reference in entry.references:
            self._referrers[reference].discard(path)
            if not self._referrers[reference]:
                del self._referrers[reference]
        for claim in entry.claims:
            if self._claims.get(claim) == path:
                del self._claims[claim]

    def rest(self, claim: str, holder: str) -> None:
        """Note who has a unique value that no object has: nobody, until the time that the text says; "": it is free."""
        if holder.startswith(LINGERS):
            self._lingering[claim] = int(holder.removeprefix(LINGERS))
        else:
            self._lingering.pop(claim, None)

    def rested(self, now_ms: int) -> list[str]:
        """The values that have rested long enough."""
        return [claim for claim, until_ms in self._lingering.items() if until_ms <= now_ms]

    def entry(self, path: str) -> Entry | None:
        """The stored object at the path."""
        return self._entries.get(path)

    def entries(self, collection: str) -> Iterable[Entry]:
        """The objects of one collection, in no order."""
        return self._collections[collection].values() if collection in self._collections else ()

    def of_kind(self, kind: str) -> Iterable[Entry]:
        """The objects of one type, wherever they live, in no order."""
        return self._kinds[kind].values() if kind in self._kinds else ()

    def everything(self) -> Iterator[Entry]:
        """All objects, in no order."""
        return iter(self._entries.values())

    def body(self, path: str) -> Body | None:
        entry = self._entries.get(path)
        return entry.body if entry else None

    def kind(self, path: str) -> str:
        entry = self._entries.get(path)
        return entry.kind if entry else ""

    def members(self, collection: str) -> Iterable[str]:
        return [entry.path for entry in self.entries(collection)]

    def referrers(self, path: str) -> Iterable[str]:
        return self._referrers.get(path, ())

    def claimant(self, claim: str) -> str:
        if claim in self._lingering:
            return f"{LINGERS}{self._lingering[claim]}"
        return self._claims.get(claim, "")

    def lingering(self) -> Iterable[str]:
        return self._lingering


def _collection(path: str) -> str:
    return path.rpartition("/")[0]
