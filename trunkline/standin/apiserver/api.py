"""The API behind its transport: an understood request in, bytes out.  Wires the parts together, decides nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trunkline.adapters import store as documents
from trunkline.standin.apiserver import (
    admission,
    allocation,
    answers,
    collector,
    deletion,
    emptying,
    janitors,
    patching,
    reads,
    statuses,
    storage,
    subresources,
    watching,
    webhooks,
    writes,
)
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.custom import conversion
from trunkline.standin.apiserver.registry import Registry

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
TARGET_PORT = 6443
"""The Kubernetes default of --secure-port."""

_NOT_HERE = {"attach", "eviction", "exec", "log", "portforward", "proxy", "token", "ephemeralcontainers", "resize"}


class Answer(msgspec.Struct, frozen=True):
    """A finished response."""

    code: int
    body: bytes


class Api:
    """All resources over one store."""

    def __init__(
        self,
        store: documents.Store,
        *,
        service_cidr: str,
        bookmark_s: float = reads.BOOKMARK_S,
        history: int = watching.HISTORY,
    ) -> None:
        self.objects = storage.Objects(store)
        self.hub = watching.Hub(store, self.objects, history=history)
        self.registry = Registry(self.objects)
        self.hooks = webhooks.Webhooks()
        converter = conversion.Conversion(self.registry, self.hooks)
        judge = admission.Admission(self.objects, self.registry, converter, self.hooks)
        self._given = allocation.Allocation(self.objects, service_cidr)
        self.reader = reads.Reader(self.objects, self.hub, converter, bookmark_s=bookmark_s)
        self.writer = writes.Writer(self.objects, converter, judge, self._given)
        self.deleter = deletion.Deleter(self.objects, converter, judge)

    async def prepare(self) -> None:
        """Take the present state, and make the namespaces and the Service that every cluster has."""
        self.hub.load()
        for name in SYSTEM_NAMESPACES:
            await emptying.ensure(self.writer, self.registry, "namespaces", {"metadata": {"name": name}})
        await emptying.ensure(self.writer, self.registry, "services", _own_service(self._given.own_address), "default")

    def janitors(self) -> list[janitors.Janitor]:
        """The housekeeping to run beside the server."""
        parts = (self.objects, self.registry, self.deleter, self.writer)
        return [collector.Collector(*parts), emptying.Emptying(*parts)]

    def watch(self, call: Call) -> AsyncIterator[bytes]:
        """The lines of a watch; refuses bad selectors before the first line.

        Raises:
            StatusError: 400.
        """
        call.selection(), call.number("resourceVersion"), call.number("timeoutSeconds")
        return self.reader.watch(call)

    async def handle(self, call: Call) -> Answer:
        """Carry out any request but a watch.

        Raises:
            StatusError: the request fails.
        """
        if call.subresource:
            return await self._subresource(call)
        match call.verb:
            case "get":
                return Answer(200, answers.one(call, await self.reader.get(call)))
            case "list":
                page = await self.reader.page(call)
                return Answer(200, answers.many(call, page.forms, page.metadata))
            case "create":
                return Answer(201, answers.one(call, await self.writer.create(call)))
            case "update" | "patch":
                return Answer(200, answers.one(call, await self.writer.update(call, self._alteration(call))))
            case "delete":
                return await self._delete(call)
            case "deletecollection":
                return await self._delete_all(call)
        raise statuses.method_not_allowed(call.resource.plural, call.resource.group)

    @staticmethod
    def _alteration(call: Call) -> writes.Alter:
        if call.verb == "update":
            return lambda _: call.object()
        return patching.alteration(call, model=call.resource.model)

    async def _subresource(self, call: Call) -> Answer:
        resource = call.resource
        if not resource.has(call.subresource):
            if resource.plural in ("pods", "services", "nodes", "serviceaccounts") and call.subresource in _NOT_HERE:
                raise statuses.not_implemented(f"{resource.plural}/{call.subresource}")
            raise statuses.no_such_path()
        match call.subresource, call.verb:
            case "status", "get":
                return Answer(200, answers.one(call, await self.reader.get(call)))
            case "status", "update" | "patch":
                return Answer(200, answers.one(call, await self.writer.update(call, self._alteration(call))))
            case "scale", "get" | "update" | "patch":
                return await self._scale(call)
            case "binding", "create":
                await self.writer.amend(call, subresources.binding(call, call.object()))
                return Answer(201, msgspec.json.encode(statuses.success({})))
            case "finalize", "update":
                return Answer(200, (await self.writer.amend(call, subresources.finalize(call.object()))).raw)
        raise statuses.method_not_allowed(resource.plural, resource.group)

    async def _scale(self, call: Call) -> Answer:
        paths = subresources.scale_paths(self.registry, call)
        whole = msgspec.structs.replace(call, subresource="")
        if call.verb == "get":
            form = await self.reader.get(whole)
        else:
            if call.verb == "update":
                alter: writes.Alter = lambda _: call.object()  # noqa: E731
            else:
                alter = patching.alteration(call, model=subresources.SCALE_MODEL)
            form = await self.writer.update(whole, subresources.scaling(paths, alter))
        return Answer(200, answers.one(call, storage.Form(subresources.scale(form.obj, paths))))

    async def _delete(self, call: Call) -> Answer:
        wanted = deletion.options(call)
        uid = self.reader.stored(call).obj["metadata"].get("uid", "")
        left = await self.deleter.delete(call, wanted)
        if left is not None:
            return Answer(200, answers.one(call, left))
        gone = statuses.details(call.resource.plural, call.resource.group, call.name, uid=uid)
        return Answer(200, msgspec.json.encode(statuses.success(gone)))

    async def _delete_all(self, call: Call) -> Answer:
        wanted = deletion.options(call)
        page = await self.reader.page(call)
        for form in page.forms:
            metadata = form.obj["metadata"]
            place = {"namespace": metadata.get("namespace", ""), "name": metadata["name"]}
            try:
                await self.deleter.delete(msgspec.structs.replace(call, **place), wanted)
            except statuses.StatusError as error:
                if error.code != 404:
                    raise
        return Answer(200, answers.many(call, page.forms, page.metadata))


def _own_service(address: str) -> dict[str, Any]:
    """The Service by which pods find the API server."""
    labels = {"component": "apiserver", "provider": "kubernetes"}
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": TARGET_PORT}
    return {
        "metadata": {"name": "kubernetes", "labels": labels},
        "spec": {"type": "ClusterIP", "clusterIP": address, "ports": [port]},
    }


def refusal(error: statuses.StatusError) -> Answer:
    """The response that tells of a failure."""
    return Answer(error.code, msgspec.json.encode(error.body()))
