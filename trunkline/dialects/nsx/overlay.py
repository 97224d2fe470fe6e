"""A running request laid over the stored tree: the state that rules judge, with indexes of its own.

A hierarchical body may hold thousands of objects, so no question here walks all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Body, Draft, Entry


class Overlay:
    """A `View` of what would be stored."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.drafts: dict[str, Draft] = {}
        self.erased: dict[str, Entry] = {}
        self._collections: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._references: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._claims: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def draft(self, draft: Draft) -> None:
        """Stage what an object will be; it no longer counts as erased."""
        self.erased.pop(draft.path, None)
        self.drafts[draft.path] = draft
        self._collections[draft.path.rpartition("/")[0]][draft.path] = None

    def index(self, draft: Draft) -> None:
        """Note the references and claims of a draft.  Both only grow when the server completes a body."""
        for reference, _ in draft.resource.shape.references(draft.body):
            self._references[reference][draft.path] = None
        for claim in draft.resource.rules.claims(draft.path, draft.body):
            self._claims[claim][draft.path] = None

    def erase(self, entry: Entry) -> None:
        """Stage the end of an object."""
        self.erased[entry.path] = entry
        if self.drafts.pop(entry.path, None):
            del self._collections[entry.path.rpartition("/")[0]][entry.path]

    def body(self, path: str) -> Body | None:
        if path in self.drafts:
            return self.drafts[path].body
        return None if path in self.erased else self.tree.body(path)

    def kind(self, path: str) -> str:
        if path in self.drafts:
            return self.drafts[path].resource.type
        return "" if path in self.erased else self.tree.kind(path)

    def members(self, collection: str) -> Iterator[str]:
        yield from self._collections.get(collection, ())
        yield from (path for path in self.tree.members(collection) if self._untouched(path))

    def referrers(self, path: str) -> Iterator[str]:
        yield from self._references.get(path, ())
        yield from (referrer for referrer in self.tree.referrers(path) if self._untouched(referrer))

    def claimant(self, claim: str) -> str:
        for path in self._claims.get(claim, ()):
            return path
        holder = self.tree.claimant(claim)
        return holder if self._untouched(holder) else ""

    def lingering(self) -> Iterable[str]:
        return self.tree.lingering()

    def rival(self, claim: str, path: str) -> str:
        """Another object than the one at `path` that wants or has the claim, "" if none."""
        rivals = [other for other in self._claims.get(claim, ()) if other != path]
        holder = self.tree.claimant(claim)
        return next(iter(rivals), holder if self._untouched(holder) else "")

    def _untouched(self, path: str) -> bool:
        return path not in self.drafts and path not in self.erased
