"""The policy objects in the store, mirrored as a tree; every change is planned on the tree and committed atomically.

One change at a time is planned and committed, and the role in the store fences every other manager, so what a plan saw still
holds when it is stored.  The claims make the unique values safe even against a writer that broke this rule.

Documents lie at `nsx` + policy path, kind = resource type, body = the object as it is answered; claims are named by the
rules and carry the path of their holder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

import msgspec

from trunkline.adapters import store as documents
from trunkline.dialects.nsx import catalogue, change, errors
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Entry
from trunkline.kit import clock, problems

_PREFIX = "nsx"
_OWNER = "policy"
_ADDRESSES = "nsx/address/"
"""Begins the claims that may rest: see `rules.pools`."""
_ATTEMPTS = 5
_SETTLED = 5.0
"""Seconds after which the claims of a store that has just opened are read; chosen: the network is in step by then."""
PATIENCE = 10.0
"""Seconds that a request waits for the store; chosen: shorter than clients' own time-outs, longer than an election."""


def plant(tree: Tree, found: Iterable[documents.Document]) -> None:
    """Put stored policy objects into a tree, but for those that it has as new or newer."""
    for document in found:
        path = document.path.removeprefix(_PREFIX)
        known = tree.entry(path)
        if document.kind in catalogue.BY_TYPE and (known is None or known.revision < document.revision):
            tree.put(Entry(path, document.kind, document.body, document.revision))


class Repository:
    """Reads from memory, writes through the store."""

    def __init__(self, store: documents.Store, tree: Tree | None = None) -> None:
        """`tree` may have been planted while the store was being opened; it is brought in step with the store."""
        self._store = store
        self._changing = asyncio.Lock()
        self.tree = Tree() if tree is None else tree
        self._knows_rests = False
        self._loaded = self._load()

    async def commit(self, plan: Callable[[Tree], change.Plan]) -> change.Plan:
        """Carry out what `plan` makes of the tree; it may be asked again if the store knew better.

        Raises:
            Refused: the plan's own refusals; a unique value is taken; the store cannot be written (503).
        """
        async with self._changing:
            if not self._knows_rests:
                # What has nothing to write need not wait for claims: a restart writes nothing.
                if (planned := plan(self.tree)).empty:
                    return planned
                await self._know_rests()
            await self._free()
            for _ in range(_ATTEMPTS):
                planned = plan(self.tree)
                if planned.empty:
                    return planned
                try:
                    async with asyncio.timeout(PATIENCE):
                        revision = await self._store.commit(*self._changes(planned))
                except (documents.Conflict, documents.NotFound):
                    self._resync(planned)
                except documents.AlreadyClaimed as error:
                    raise self._claimed(planned, error.key) from error
                except (problems.RemoteError, TimeoutError) as error:
                    # Should it have happened all the same, `follow` brings it into the tree.
                    raise errors.unavailable(str(error) or "the store does not answer") from error
                else:
                    self._apply(planned, revision)
                    return planned
        raise errors.unavailable("too many writers at once")

    async def _free(self) -> None:
        """Give up the claims that have rested long enough."""
        rested = self.tree.rested(int(clock.now().timestamp() * 1000))
        if not rested:
            return
        held = [claim for claim in rested if self._store.claim(claim)]
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.commit(*(documents.Release(claim, _OWNER) for claim in held))
        except (problems.RemoteError, TimeoutError) as error:
            raise errors.unavailable(str(error) or "the store does not answer") from error
        for claim in rested:
            self.tree.rest(claim, "")

    async def settle(self) -> None:
        """Have the claims read when what is more urgent after a start is done, so that no change has to wait for them."""
        await asyncio.sleep(_SETTLED)
        await self._store.know_claims()

    async def follow(self) -> None:
        """Keep the tree in step with what others write, for ever."""
        while True:
            try:
                async for event in self._store.watch(f"{_PREFIX}/", self._loaded):
                    self._take(event)
                return
            except documents.Compacted:
                self._loaded = self._load()

    def _load(self) -> int:
        found = {document.path.removeprefix(_PREFIX): document for document in self._store.list(f"{_PREFIX}/")}
        for path in [entry.path for entry in self.tree.everything() if entry.path not in found]:
            self.tree.remove(path)
        plant(self.tree, found.values())
        self._knows_rests = False
        return self._store.revision

    async def _know_rests(self) -> None:
        """Learn which unique values rest; claims may come long after documents, and only changes need them.

        Raises:
            Refused: they do not come (503).
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.know_claims()
        except (problems.RemoteError, TimeoutError) as error:
            raise errors.unavailable(str(error) or "the store does not answer") from error
        for claim in self._store.claims(_ADDRESSES):
            self.tree.rest(claim.key, msgspec.json.decode(claim.body, type=str))
        self._knows_rests = True

    def _take(self, event: documents.Event) -> None:
        path = event.document.path.removeprefix(_PREFIX)
        if event.type != "DELETED":
            plant(self.tree, [event.document])
        elif (known := self.tree.entry(path)) and known.revision < event.revision:
            self.tree.remove(path)

    def _apply(self, planned: change.Plan, revision: int) -> None:
        for removed in planned.removed:
            self.tree.remove(removed.path)
        for stored in planned.stored:
            self.tree.put(Entry(stored.path, stored.kind, stored.raw, revision))
        for claim, (_, after) in planned.claims.items():
            self.tree.rest(claim, after)

    def _resync(self, planned: change.Plan) -> None:
        for path in (*(one.path for one in planned.stored), *(one.path for one in planned.removed)):
            if (document := self._store.get(_PREFIX + path)) is None:
                self.tree.remove(path)
            else:
                plant(self.tree, [document])

    def _claimed(self, planned: change.Plan, claim: str) -> errors.Refused:
        taken = self._store.claim(claim)
        holder = msgspec.json.decode(taken.body, type=str) if taken else "somebody else"
        return change.claimed(claim, planned.claims[claim][1], holder)

    def _changes(self, planned: change.Plan) -> Iterator[documents.Change]:
        for removed in planned.removed:
            yield documents.Delete(_PREFIX + removed.path, expect=removed.expect)
        for stored in planned.stored:
            uid = stored.body["unique_id"]
            yield documents.Put(_PREFIX + stored.path, stored.kind, stored.raw, expect=stored.expect, uid=uid)
        for claim, (before, after) in planned.claims.items():
            # An earlier version may have stored the object without the claim.
            held = before and self._store.claim(claim)
            if held and not after:
                yield documents.Release(claim, _OWNER)
            elif held:
                yield documents.Update(claim, _OWNER, msgspec.json.encode(after))
            elif after:
                yield documents.Take(claim, _OWNER, msgspec.json.encode(after))
