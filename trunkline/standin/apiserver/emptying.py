"""Containers that must be empty before they go: namespaces, and definitions with the objects of their kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trunkline.standin.apiserver import collector, deletion, objects, statuses, storage, users, watching, writes
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.custom import definitions
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry

NAMESPACES = "/registry/core/namespaces/"
_CONTAINERS = (NAMESPACES, definitions.DIRECTORY)


class Emptying:
    """Deletes what is inside a container whose deletion was asked for, then lets the container go.

    Keys are the store paths of containers.  Active namespaces get their `default` ServiceAccount on the way.
    """

    def __init__(
        self, found: storage.Objects, registry: Registry, deleter: deletion.Deleter, writer: writes.Writer
    ) -> None:
        self._objects = found
        self._registry = registry
        self._deleter = deleter
        self._writer = writer

    def everything(self) -> Iterable[str]:
        """Every container."""
        return [stored.path for prefix in _CONTAINERS for stored in self._objects.list(prefix)]

    def notice(self, change: watching.Change) -> Iterator[str]:
        """A container's change concerns itself; an object that is gone concerns what contained it."""
        if change.path.startswith(_CONTAINERS):
            yield change.path
        elif change.after is None and change.before is not None:
            obj = change.before.obj
            yield NAMESPACES + obj["metadata"].get("namespace", "")
            group, _, _ = obj["apiVersion"].rpartition("/")
            yield f"{definitions.DIRECTORY}{change.path.split('/')[3]}.{group}"

    async def tend(self, key: str) -> None:
        """Empty the container if it is to go; release it once it is empty."""
        container = self._objects.get(key)
        if container is None:
            return
        if "deletionTimestamp" not in container.obj["metadata"]:
            await self._furnish(container)
            return
        for stored in self._contents(container):
            if "deletionTimestamp" not in stored.obj["metadata"]:
                await self._delete(stored)
        if not self._contents(container):
            await self._release(container)

    def _contents(self, container: storage.Stored) -> list[storage.Stored]:
        name = container.obj["metadata"]["name"]
        if container.obj["kind"] == "Namespace":
            prefixes = [each.prefix(name) for each in self._registry.stored() if each.namespaced]
        else:
            spec = container.obj["spec"]
            prefixes = [f"/registry/{spec['group']}/{spec['names']['plural']}/"]
        return [stored for prefix in prefixes for stored in self._objects.list(prefix)]

    async def _delete(self, stored: storage.Stored) -> None:
        call = collector.call_for(self._registry, stored, "delete")
        if call is not None:
            await self._deleter.delete(call, deletion.Options())

    async def _release(self, container: storage.Stored) -> None:
        call = collector.call_for(self._registry, container, "update")
        if call is not None:
            await self._writer.amend(call, _released)

    async def _furnish(self, container: storage.Stored) -> None:
        if container.obj["kind"] == "Namespace":
            namespace = container.obj["metadata"]["name"]
            await ensure(self._writer, self._registry, "serviceaccounts", {"metadata": {"name": "default"}}, namespace)


def _released(obj: Json) -> Json:
    if obj["kind"] == "Namespace":
        spec = obj.get("spec", {})
        return {
            **obj,
            "spec": {**spec, "finalizers": [each for each in spec.get("finalizers") or () if each != "kubernetes"]},
        }
    kept = [each for each in obj["metadata"].get("finalizers") or () if each != definitions.CLEANUP]
    return {**obj, "metadata": {**obj["metadata"], "finalizers": kept}}


async def ensure(writer: writes.Writer, registry: Registry, plural: str, obj: Json, namespace: str = "") -> None:
    """Make a core object unless one of that name is there."""
    call = Call(
        user=users.CLUSTER,
        resource=registry.find("", "v1", plural),
        verb="create",
        namespace=namespace,
        body=objects.encode(obj),
        warnings=[],
    )
    path = call.resource.path(namespace, obj["metadata"]["name"])
    if writer.knows(path):
        return
    try:
        await writer.create(call)
    except statuses.StatusError as error:
        if error.reason not in ("AlreadyExists", "Forbidden", "NotFound"):
            raise
