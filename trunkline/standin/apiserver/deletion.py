"""Deletion: at once, after a period of grace, or after finalizers; with or without what the object owns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from trunkline.adapters import store as documents
from trunkline.kit import clock
from trunkline.standin.apiserver import objects, statuses, storage, writes
from trunkline.standin.apiserver.admission import Admission
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.custom.conversion import Conversion
from trunkline.standin.apiserver.objects import Json

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
DEFAULT_GRACE_S = 30


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked of a deletion (`metav1.DeleteOptions`)."""

    grace_s: int | None = None
    policy: str = "Background"
    uid: str = ""
    resource_version: str = ""

    @property
    def finalizer(self) -> str:
        """The finalizer through which the garbage collector carries out the policy, "" for Background."""
        return {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(self.policy, "")


def options(call: Call) -> Options:
    """The options in the call's body and query.

    Raises:
        StatusError: 400 for a body that is no DeleteOptions; 422 for a policy that does not exist.
    """
    body: Any = call.json() if call.body else {}
    if not isinstance(body, dict):
        raise statuses.bad_request("the body of a deletion is a DeleteOptions object")
    grace = body.get("gracePeriodSeconds", call.number("gracePeriodSeconds"))
    orphan = body.get("orphanDependents")
    policy = (
        body.get("propagationPolicy") or call.query.get("propagationPolicy") or ("Orphan" if orphan else "Background")
    )
    if policy not in ("Background", "Foreground", "Orphan"):
        raise statuses.bad_request(f'propagationPolicy: Unsupported value: "{policy}"')
    if grace is not None and not isinstance(grace, int):
        raise statuses.bad_request("gracePeriodSeconds must be a whole number")
    conditions = body.get("preconditions") or {}
    if body.get("dryRun"):
        call.query = {**call.query, "dryRun": ",".join(body["dryRun"])}
    return Options(
        grace_s=grace,
        policy=policy,
        uid=conditions.get("uid", ""),
        resource_version=conditions.get("resourceVersion", ""),
    )


class Deleter:
    """Deletes objects."""

    def __init__(self, found: storage.Objects, conversion: Conversion, admission: Admission) -> None:
        self._objects = found
        self._conversion = conversion
        self._admission = admission

    async def delete(self, call: Call, wanted: Options) -> storage.Form | None:
        """Delete the object that the call names; answers what is left of it for now, None when it is gone.

        Raises:
            StatusError: 404; 409 when a precondition does not hold; what admission says.
        """
        for _ in range(writes.ATTEMPTS):
            old = self._objects.get(call.path)
            if old is None:
                raise call.resource.not_found(call.name)
            _check_preconditions(call, wanted, old)
            present = (await self._conversion.present(call.resource, [old]))[0]
            await self._admission.review(call, "DELETE", None, present.obj)
            marked = _marked(old.obj, wanted)
            if call.is_dry_run:
                return storage.Form(marked)
            try:
                return await self._write(call, old, marked)
            except documents.NotFound:
                raise call.resource.not_found(call.name) from None
            except documents.Conflict:
                continue
        raise statuses.conflict(call.resource.plural, call.resource.group, call.name)

    async def _write(self, call: Call, old: storage.Stored, marked: Json) -> storage.Form | None:
        if writes.is_gone(marked):
            await self._objects.remove(old)
            return None
        stored = old if marked == old.obj else await self._objects.replace(old, marked)
        return (await self._conversion.present(call.resource, [stored]))[0]


def _check_preconditions(call: Call, wanted: Options, old: storage.Stored) -> None:
    metadata = old.obj["metadata"]
    for name, expected, found in (
        ("UID", wanted.uid, metadata.get("uid")),
        ("ResourceVersion", wanted.resource_version, metadata["resourceVersion"]),
    ):
        if expected and expected != found:
            why = f"Precondition failed: {name} in precondition: {expected}, {name} in object meta: {found}"
            raise statuses.conflict(call.resource.plural, call.resource.group, call.name, why)


def _marked(old: Json, wanted: Options) -> Json:
    """The object with its deletion asked for; asking again can only shorten the period of grace."""
    obj: Json = objects.copy(old)
    metadata = obj["metadata"]
    grace = _grace_s(obj, wanted)
    if "deletionTimestamp" not in metadata:
        metadata["deletionTimestamp"] = clock.rfc3339(clock.now() + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if "generation" in metadata:
            metadata["generation"] += 1
    elif grace < metadata.get("deletionGracePeriodSeconds", 0):
        metadata["deletionGracePeriodSeconds"] = grace
    finalizers = [each for each in metadata.get("finalizers") or () if each not in (ORPHAN, FOREGROUND)]
    if wanted.finalizer or "deletionTimestamp" in old["metadata"]:
        kept = [each for each in metadata.get("finalizers") or () if each in (ORPHAN, FOREGROUND)]
        finalizers += [wanted.finalizer] if wanted.finalizer else kept
    metadata["finalizers"] = finalizers
    if not finalizers:
        del metadata["finalizers"]
    if obj["kind"] == "Namespace":
        obj.setdefault("status", {})["phase"] = "Terminating"
    return obj


def _grace_s(obj: Json, wanted: Options) -> int:
    """Seconds that the object may stay: only a pod that runs somewhere needs time to end."""
    if obj["kind"] != "Pod" or not objects.dig(obj, "spec", "nodeName"):
        return 0
    if objects.dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    if wanted.grace_s is not None:
        return max(wanted.grace_s, 0)
    return int(objects.dig(obj, "spec", "terminationGracePeriodSeconds", default=DEFAULT_GRACE_S))
