"""Create, update and patch: one path that every change of every kind takes.

    take the shape -> place -> defaults -> what the server owns -> checks -> admission -> the kept version -> commit

A change that loses a race is computed again from the newer object, unless the client named the version it changed.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

from trunkline.adapters import store as documents
from trunkline.kit import clock
from trunkline.standin.apiserver import allocation, objects, shapes, statuses, storage
from trunkline.standin.apiserver.admission import Admission
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.custom import definitions
from trunkline.standin.apiserver.custom.conversion import Conversion
from trunkline.standin.apiserver.objects import Json

ATTEMPTS = 10
"""How often a change is computed again before the client is told of a conflict."""

_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_OWNED = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
"""Metadata that only the server sets; updates keep what the object has."""

Alter = Callable[[Json], Json]
"""From the present object (a copy, in the call's version) to the wanted one."""


class Writer:
    """Makes changes."""

    def __init__(
        self, found: storage.Objects, conversion: Conversion, admission: Admission, given: allocation.Allocation
    ) -> None:
        self._objects = found
        self._conversion = conversion
        self._admission = admission
        self._allocation = given

    async def create(self, call: Call) -> storage.Form:
        """Make the object in the call's body.

        Raises:
            StatusError: 404 no such namespace; 403 it is going away; 409 the name is taken; 400, 422 bad object.
        """
        obj = shapes.take(call, call.object())
        shapes.place(call, obj)
        self._refuse_namespace(call, obj)
        self._begin(call, obj)
        refused: list[Cause] = []
        with self._allocation.given(call.resource, obj, refused):
            self._refuse(call, [*shapes.check(call, obj, None), *refused], obj)
            await self._admission.review(call, "CREATE", obj, None)
            if call.is_dry_run:
                return storage.Form(obj)
            return await self._insert(call, obj)

    async def update(self, call: Call, alter: Alter) -> storage.Form:
        """Change the object that the call names, or its status.

        Raises:
            StatusError: 404; 409 it is not the version that the client changed; 400, 422 bad object.
        """
        for _ in range(ATTEMPTS):
            old = self._existing(call)
            present = (await self._conversion.present(call.resource, [old]))[0]
            wanted = shapes.take(call, alter(objects.copy(present.obj)))
            shapes.place(call, wanted)
            _refuse_other_version(call, wanted, present.obj)
            new = self._merged(call, wanted, present.obj)
            refused: list[Cause] = []
            with self._allocation.given(call.resource, new, refused):
                self._refuse(call, [*shapes.check(call, new, present.obj), *refused], new)
                await self._admission.review(call, "UPDATE", new, present.obj)
                if call.is_dry_run or new == present.obj:
                    return storage.Form(new)
                try:
                    return await self._replace(call, old, new)
                except documents.Conflict:
                    continue
                except documents.NotFound:
                    raise call.resource.not_found(call.name) from None
        raise statuses.conflict(call.resource.plural, call.resource.group, call.name)

    async def amend(self, call: Call, alter: Alter) -> storage.Form:
        """A change of the server's own making: no defaults, no checks, no admission.

        Raises:
            StatusError: 404; or whatever `alter` raises.
        """
        for _ in range(ATTEMPTS):
            old = self._existing(call)
            new = alter(objects.copy(old.obj))
            try:
                return await self._replace(call, old, new)
            except documents.Conflict:
                continue
            except documents.NotFound:
                break
        raise call.resource.not_found(call.name)

    def knows(self, path: str) -> bool:
        """Whether there is an object at a store path."""
        return self._objects.get(path) is not None

    def _existing(self, call: Call) -> storage.Stored:
        found = self._objects.get(call.path)
        if found is None:
            raise call.resource.not_found(call.name)
        return found

    def _refuse_namespace(self, call: Call, obj: Json) -> None:
        if not call.namespace or not call.resource.namespaced:
            return
        found = self._objects.get(f"/registry/core/namespaces/{call.namespace}")
        if found is None:
            raise statuses.not_found("namespaces", "", call.namespace)
        if found.obj["metadata"].get("deletionTimestamp"):
            message = f"namespace {call.namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
            why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
            name = obj["metadata"].get("name", "")
            raise statuses.forbidden(call.resource.plural, call.resource.group, name, why, causes=[cause])

    def _begin(self, call: Call, obj: Json) -> None:
        """What the server sets on every new object."""
        metadata, resource = obj["metadata"], call.resource
        if metadata.pop("resourceVersion", ""):
            raise statuses.bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generated(call, metadata["generateName"])
        metadata.update(uid=str(uuid.uuid4()), creationTimestamp=clock.rfc3339(clock.now()))
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(field, None)
        if resource.generation:
            metadata["generation"] = 1
        if resource.has("status"):
            obj.pop("status", None)
        resource.rules.default(obj)
        resource.rules.begin(obj)
        if resource.rules is definitions.RULES:
            call.warnings.extend(definitions.warnings(obj))

    def _generated(self, call: Call, prefix: str) -> str:
        while True:
            name = prefix[:58] + "".join(random.choices(_NAME_LETTERS, k=5))
            if self._objects.get(call.resource.path(call.namespace, name)) is None:
                return name

    @staticmethod
    def _merged(call: Call, wanted: Json, old: Json) -> Json:
        """The new object: what the client may change from `wanted`, everything else from `old`."""
        resource = call.resource
        if call.subresource == "status":
            new = {key: value for key, value in old.items() if key != "status"}
            return {**new, "status": wanted["status"]} if "status" in wanted else new
        metadata = {key: value for key, value in wanted["metadata"].items() if key not in _OWNED}
        metadata = {**{key: old["metadata"][key] for key in _OWNED if key in old["metadata"]}, **metadata}
        new = {**wanted, "metadata": {**metadata, "resourceVersion": old["metadata"]["resourceVersion"]}}
        if resource.has("status"):
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        resource.rules.default(new)
        resource.rules.carry(new, old)
        if resource.generation and _content(new) != _content(old):
            metadata = new["metadata"]
            metadata["generation"] = int(metadata.get("generation") or 0) + 1
        return new

    @staticmethod
    def _refuse(call: Call, found: list[Cause], obj: Json) -> None:
        if found:
            resource, metadata = call.resource, obj["metadata"]
            name = metadata.get("name") or metadata.get("generateName", "")
            raise statuses.invalid(resource.kind, resource.group, name, found)

    async def _insert(self, call: Call, obj: Json) -> storage.Form:
        resource, name = call.resource, obj["metadata"]["name"]
        kept = await self._conversion.to_storage(resource, obj)
        try:
            stored = await self._objects.create(resource.path(call.namespace, name), kept)
        except documents.Conflict:
            raise statuses.already_exists(resource.plural, resource.group, name) from None
        return (await self._conversion.present(resource, [stored]))[0]

    async def _replace(self, call: Call, old: storage.Stored, new: Json) -> storage.Form:
        kept = await self._conversion.to_storage(call.resource, new)
        if is_gone(kept):
            await self._objects.remove(old)
            return storage.Form(new)
        stored = await self._objects.replace(old, kept)
        return (await self._conversion.present(call.resource, [stored]))[0]


def is_gone(obj: Json) -> bool:
    """Whether deletion was asked for and nothing holds the object any more: no finalizer, no period of grace."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("deletionGracePeriodSeconds"):
        return False
    return not metadata.get("finalizers") and not (
        obj["kind"] == "Namespace" and objects.dig(obj, "spec", "finalizers")
    )


def _content(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status", "apiVersion", "kind")}


def _refuse_other_version(call: Call, wanted: Json, old: Json) -> None:
    resource, before = call.resource, old["metadata"]
    version = wanted["metadata"].get("resourceVersion")
    if version and version != before["resourceVersion"]:
        raise statuses.conflict(resource.plural, resource.group, call.name)
    uid = wanted["metadata"].get("uid")
    if uid and uid != before.get("uid"):
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before.get('uid')}"
        raise statuses.conflict(resource.plural, resource.group, call.name, why)
