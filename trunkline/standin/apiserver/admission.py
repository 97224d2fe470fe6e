"""Validating admission webhooks: who is asked about a change, and what their answers mean."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

from trunkline.standin.apiserver import objects, selectors, statuses, storage, webhooks
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.custom.conversion import Conversion
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry
from trunkline.standin.apiserver.resources import Resource

CONFIGURATIONS = "/registry/admissionregistration.k8s.io/validatingwebhookconfigurations/"
DEFAULT_TIMEOUT_S = 10.0
"""The Kubernetes default of `timeoutSeconds`."""

_EXEMPT = "admissionregistration.k8s.io"
"""Configurations themselves are never sent to webhooks, or one could forbid its own removal."""


class Admission:
    """Asks the configured webhooks before a change is made."""

    def __init__(
        self, found: storage.Objects, registry: Registry, conversion: Conversion, hooks: webhooks.Webhooks
    ) -> None:
        self._objects = found
        self._registry = registry
        self._conversion = conversion
        self._hooks = hooks

    async def review(self, call: Call, operation: str, new: Json | None, old: Json | None) -> None:
        """Let the change pass, or refuse it; warnings of webhooks join the call's.

        `operation` is CREATE, UPDATE or DELETE; objects are in the call's version.
        Raises:
            StatusError: what the refusing webhook said, or 500 when a webhook that must be asked cannot be.
        """
        if call.resource.group == _EXEMPT:
            return
        asked = [
            self._ask(call, hook, seen_as, operation, new, old)
            for hook, seen_as in self._concerned(call, operation, new, old)
        ]
        if asked:
            await asyncio.gather(*asked)

    def _concerned(
        self, call: Call, operation: str, new: Json | None, old: Json | None
    ) -> Iterator[tuple[Json, Resource]]:
        for configuration in self._objects.list(CONFIGURATIONS):
            for hook in objects.items(configuration.obj, "webhooks"):
                seen_as = self._seen_as(call, hook, operation)
                if seen_as is not None and self._selects(call, hook, new, old):
                    yield hook, seen_as

    def _seen_as(self, call: Call, hook: Json, operation: str) -> Resource | None:
        """The version in which the webhook wants to see the change; None when it does not."""
        versions = [call.resource]
        if hook.get("matchPolicy", "Equivalent") == "Equivalent":
            versions += [each for each in self._registry.siblings(call.resource) if each is not call.resource]
        rules = objects.items(hook, "rules")
        return next(
            (each for each in versions if any(_matches(rule, each, call.subresource, operation) for rule in rules)),
            None,
        )

    def _selects(self, call: Call, hook: Json, new: Json | None, old: Json | None) -> bool:
        wanted = selectors.from_selector(hook.get("objectSelector") or {})
        if not any(
            selectors.matches(wanted, objects.dig(obj, "metadata", "labels", default={})) for obj in (new, old) if obj
        ):
            return False
        namespace = call.namespace or (call.name if call.resource.plural == "namespaces" else "")
        if not namespace or not hook.get("namespaceSelector"):
            return True
        found = self._objects.get(f"/registry/core/namespaces/{namespace}")
        labels = objects.dig(found.obj, "metadata", "labels", default={}) if found else {}
        return selectors.matches(selectors.from_selector(hook["namespaceSelector"]), labels)

    async def _ask(
        self, call: Call, hook: Json, seen_as: Resource, operation: str, new: Json | None, old: Json | None
    ) -> None:
        name = hook.get("name", "")
        shown = [await self._in_version(seen_as, obj) for obj in (new, old)]
        review = _review(call, seen_as, operation, *shown)
        timeout_s = float(hook.get("timeoutSeconds") or DEFAULT_TIMEOUT_S)
        try:
            answer = await self._hooks.review(hook.get("clientConfig", {}), review, timeout_s=timeout_s)
        except webhooks.WebhookError as error:
            if hook.get("failurePolicy", "Fail") == "Ignore":
                return
            raise statuses.internal(f'failed calling webhook "{name}": failed to call webhook: {error}') from error
        call.warnings.extend(str(text) for text in answer.get("warnings") or ())
        if not answer.get("allowed"):
            raise _denied(name, answer)

    async def _in_version(self, resource: Resource, obj: Json | None) -> Json | None:
        return None if obj is None else (await self._conversion.convert(resource, [obj], resource.api_version))[0]


def _matches(rule: Json, resource: Resource, subresource: str, operation: str) -> bool:
    def among(field: str, value: str) -> bool:
        return bool({"*", value} & set(rule.get(field) or ()))

    scope = rule.get("scope", "*")
    if scope != "*" and (scope == "Namespaced") is not resource.namespaced:
        return False
    if not (
        among("operations", operation) and among("apiGroups", resource.group) and among("apiVersions", resource.version)
    ):
        return False
    exact = f"{resource.plural}/{subresource}" if subresource else resource.plural
    choices = {exact, "*/*", f"{resource.plural}/*", f"*/{subresource}"} if subresource else {exact, "*", "*/*"}
    return bool(choices & set(rule.get("resources") or ()))


def _review(call: Call, seen_as: Resource, operation: str, new: Json | None, old: Json | None) -> Json:
    def names(resource: Resource, last: str, value: str) -> Json:
        return {"group": resource.group, "version": resource.version, last: value}

    request: Json = {
        "uid": str(uuid.uuid4()),
        "kind": names(seen_as, "kind", seen_as.kind),
        "resource": names(seen_as, "resource", seen_as.plural),
        "requestKind": names(call.resource, "kind", call.resource.kind),
        "requestResource": names(call.resource, "resource", call.resource.plural),
        "name": call.name or objects.dig(new or {}, "metadata", "name", default=""),
        "operation": operation,
        "userInfo": {"username": call.user.name, "groups": [*call.user.groups, "system:authenticated"]},
        "object": new,
        "oldObject": old,
        "dryRun": call.is_dry_run,
    }
    if call.namespace:
        request["namespace"] = call.namespace
    if call.subresource:
        request["subResource"] = request["requestSubResource"] = call.subresource
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def _denied(name: str, answer: Json) -> statuses.StatusError:
    status = answer.get("status") or {}
    message = status.get("message") or status.get("reason")
    told = f"denied the request: {message}" if message else "denied the request without explanation"
    code = int(status.get("code") or 403)
    reason = status.get("reason") or ("Forbidden" if code == 403 else "")
    return statuses.StatusError(code, str(reason), f'admission webhook "{name}" {told}', status.get("details"))
