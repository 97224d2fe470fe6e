"""Objects in the version that was asked for, whatever version they are kept in."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from trunkline.standin.apiserver import objects, statuses, storage, webhooks
from trunkline.standin.apiserver.kinds import events
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry
from trunkline.standin.apiserver.resources import Resource
from trunkline.standin.apiserver.schema import structural

TIMEOUT_S = 30.0
"""The Kubernetes API server waits as long for a conversion."""


class Conversion:
    """Converts between the versions of a resource: by renaming, or by asking the definition's webhook."""

    def __init__(self, registry: Registry, hooks: webhooks.Webhooks) -> None:
        self._registry = registry
        self._hooks = hooks

    async def present(self, resource: Resource, found: Sequence[storage.Stored]) -> list[storage.Form]:
        """The objects in the resource's version; what had to be converted is remembered with each object."""
        wanted = resource.api_version
        missing = [stored for stored in found if wanted not in stored.forms]
        if missing:
            converted = await self.convert(resource, [stored.obj for stored in missing], wanted)
            for stored, obj in zip(missing, converted, strict=True):
                if resource.schema is not None:
                    structural.fill(obj, resource.schema)
                stored.forms[wanted] = storage.Form(obj)
        return [stored.forms[wanted] for stored in found]

    async def to_storage(self, resource: Resource, obj: Json) -> Json:
        """The object in the version that is kept."""
        group = resource.stored[0] if resource.stored else resource.group
        wanted = f"{group}/{resource.stored_version}" if group else resource.stored_version
        return (await self.convert(resource, [obj], wanted))[0]

    async def convert(self, resource: Resource, found: list[Json], wanted: str) -> list[Json]:
        """Copies of the objects in the API version `wanted` ("crd.antrea.io/v1beta1").

        Raises:
            StatusError: 500 when the webhook cannot be asked or refuses.
        """
        if all(obj["apiVersion"] == wanted for obj in found):
            return found
        if resource.group == "events.k8s.io":
            rename = events.to_core if wanted == "v1" else events.from_core
            return [rename(obj) for obj in found]
        conversion = self._registry.definition(resource)["spec"]["conversion"]
        if conversion.get("strategy") != "Webhook":
            return [{**objects.copy(obj), "apiVersion": wanted} for obj in found]
        return await self._ask(resource, conversion["webhook"], found, wanted)

    async def _ask(self, resource: Resource, hook: Json, found: list[Json], wanted: str) -> list[Json]:
        sent = [obj for obj in found if obj["apiVersion"] != wanted]
        request = {"uid": str(uuid.uuid4()), "desiredAPIVersion": wanted, "objects": sent}
        review = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
        try:
            answer = await self._hooks.review(hook.get("clientConfig", {}), review, timeout_s=TIMEOUT_S)
            converted = iter(_accepted(answer, sent, wanted))
        except webhooks.WebhookError as error:
            about = f"{sent[0]['apiVersion']}, Kind={resource.kind}"
            raise statuses.internal(f"conversion webhook for {about} failed: {error}") from error
        return [obj if obj["apiVersion"] == wanted else next(converted) for obj in found]


def _accepted(answer: Json, sent: list[Json], wanted: str) -> list[Json]:
    """The converted objects; a webhook may change labels and annotations, but no other metadata."""
    if objects.dig(answer, "result", "status") != "Success":
        raise webhooks.WebhookError(objects.dig(answer, "result", "message", default="it reported no success"))
    received: list[Any] = answer.get("convertedObjects") or []
    if len(received) != len(sent):
        raise webhooks.WebhookError(f"expected {len(sent)} converted objects, got {len(received)}")
    converted = []
    for before, after in zip(sent, received, strict=True):
        if not isinstance(after, dict) or after.get("apiVersion") != wanted or after.get("kind") != before.get("kind"):
            raise webhooks.WebhookError(f"a converted object is not {wanted} {before.get('kind')}")
        metadata = dict(before["metadata"])
        for key in ("labels", "annotations"):
            metadata.pop(key, None)
            if key in objects.meta(after):
                metadata[key] = after["metadata"][key]
        converted.append({**after, "metadata": metadata})
    return converted
