"""The garbage collector: an object whose owners are all gone goes too, in the manner that the owner's deletion asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trunkline.standin.apiserver import deletion, objects, storage, users, watching, writes
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry


def call_for(registry: Registry, stored: storage.Stored, verb: str) -> Call | None:
    """The server's own call about a stored object; None when its kind is no longer served."""
    resource = registry.at_path(stored.path)
    if resource is None:
        return None
    metadata = stored.obj["metadata"]
    return Call(
        user=users.CLUSTER,
        resource=resource,
        verb=verb,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        warnings=[],
    )


class Collector:
    """Knows who owns whom; keys are store paths."""

    def __init__(
        self, found: storage.Objects, registry: Registry, deleter: deletion.Deleter, writer: writes.Writer
    ) -> None:
        self._objects = found
        self._registry = registry
        self._deleter = deleter
        self._writer = writer
        self._paths: dict[str, str] = {}
        self._dependents: dict[str, set[str]] = {}

    def everything(self) -> Iterable[str]:
        """Learn all owners and dependents anew; every object that owns, is owned, or waits to go is worth a look."""
        self._paths, self._dependents = {}, {}
        found = list(self._objects.list(watching.ROOT))
        for stored in found:
            self._learn(stored)
        return [each.path for each in found if _owners(each.obj) or "deletionTimestamp" in each.obj["metadata"]]

    def notice(self, change: watching.Change) -> Iterator[str]:
        """An object that goes concerns its dependents and, if they wait for it, its owners."""
        if change.after is not None:
            self._learn(change.after)
            if _owners(change.after.obj) or "deletionTimestamp" in change.after.obj["metadata"]:
                yield change.path
        if change.before is None:
            return
        uid = change.before.obj["metadata"].get("uid", "")
        if change.after is None or change.after.obj["metadata"].get("uid") != uid:
            self._paths.pop(uid, None)
            yield from self._dependents.pop(uid, ())
            for owner in _owners(change.before.obj):
                self._dependents.get(owner.get("uid", ""), set()).discard(change.path)
                if path := self._paths.get(owner.get("uid", "")):
                    yield path

    def _learn(self, stored: storage.Stored) -> None:
        self._paths[stored.obj["metadata"].get("uid", "")] = stored.path
        for owner in _owners(stored.obj):
            self._dependents.setdefault(owner.get("uid", ""), set()).add(stored.path)

    async def tend(self, key: str) -> None:
        """Carry out a deletion's policy on an owner that waits, or see whether an object has lost its owners."""
        stored = self._objects.get(key)
        if stored is None:
            return
        metadata = stored.obj["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if "deletionTimestamp" not in metadata:
            await self._look_at_owners(stored)
        elif deletion.ORPHAN in finalizers:
            for dependent in self._dependents_of(stored):
                await self._disown(dependent, {metadata["uid"]})
            await self._finish(stored, deletion.ORPHAN)
        elif deletion.FOREGROUND in finalizers:
            await self._delete_dependents(stored)

    async def _look_at_owners(self, stored: storage.Stored) -> None:
        owners = {owner.get("uid", "") for owner in _owners(stored.obj)}
        gone = {uid for uid in owners if uid not in self._paths}
        if owners and gone == owners:
            await self._delete(stored)
        elif gone:
            await self._disown(stored, gone)

    def _dependents_of(self, stored: storage.Stored) -> list[storage.Stored]:
        paths = sorted(self._dependents.get(stored.obj["metadata"].get("uid", ""), ()))
        return [found for path in paths if (found := self._objects.get(path))]

    async def _delete_dependents(self, owner: storage.Stored) -> None:
        dependents, uid = self._dependents_of(owner), owner.obj["metadata"]["uid"]
        for dependent in dependents:
            if "deletionTimestamp" not in dependent.obj["metadata"]:
                await self._delete(dependent, "Foreground" if self._dependents_of(dependent) else "Background")
        blocking = [each for each in self._dependents_of(owner) if _blocks(each.obj, uid)]
        if not blocking:
            await self._finish(owner, deletion.FOREGROUND)

    async def _delete(self, stored: storage.Stored, policy: str = "Background") -> None:
        call = call_for(self._registry, stored, "delete")
        if call is not None:
            await self._deleter.delete(call, deletion.Options(policy=policy, uid=stored.obj["metadata"].get("uid", "")))

    async def _disown(self, stored: storage.Stored, gone: set[str]) -> None:
        def change(obj: Json) -> Json:
            kept = [owner for owner in _owners(obj) if owner.get("uid") not in gone]
            return _with(obj, "ownerReferences", kept)

        await self._amend(stored, change)

    async def _finish(self, stored: storage.Stored, finalizer: str) -> None:
        def change(obj: Json) -> Json:
            kept = [each for each in obj["metadata"].get("finalizers") or () if each != finalizer]
            return _with(obj, "finalizers", kept)

        await self._amend(stored, change)

    async def _amend(self, stored: storage.Stored, change: writes.Alter) -> None:
        call = call_for(self._registry, stored, "update")
        if call is not None:
            await self._writer.amend(call, change)


def _owners(obj: Json) -> list[Json]:
    return objects.items(obj, "metadata", "ownerReferences")


def _blocks(obj: Json, uid: str) -> bool:
    return any(owner.get("uid") == uid and owner.get("blockOwnerDeletion") for owner in _owners(obj))


def _with(obj: Json, field: str, value: list[Any]) -> Json:
    """The object with a metadata list set, or without it when the list is empty."""
    metadata = {key: item for key, item in obj["metadata"].items() if key != field}
    return {**obj, "metadata": {**metadata, field: value} if value else metadata}
