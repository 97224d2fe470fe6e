"""The verbs of the Kubernetes API, on plain dictionaries.

lightkube reads the kubeconfig and brings TLS and credentials; requests go straight over its HTTP library, because its own
client decodes into generated classes and hides bookmarks and list versions, both of which an informer needs.

Proxy variables of the environment are not followed: a node's agent must reach its API server without asking anybody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx2
import msgspec
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig

from trunkline.adapters.kube import errors, events, resources
from trunkline.adapters.kube.resources import Resource
from trunkline.kit import problems

Object = dict[str, Any]
PatchKind = Literal["merge", "json", "strategic"]

KUBECONFIG = problems.register("TRK-0252", "A kubeconfig file cannot be used.")

WATCH_SECONDS = 290  # how long one watch request lasts; chosen: below the five minutes after which proxies cut
_TIMEOUT = httpx2.Timeout(30.0, connect=5.0, pool=None)
_WATCH_TIMEOUT = httpx2.Timeout(30.0, connect=5.0, read=WATCH_SECONDS + 30)
# A burst of requests queues for a few connections: a TLS handshake costs more than the wait.  Watches keep theirs.
_LIMITS = httpx2.Limits(max_connections=8, keepalive_expiry=60.0)
_WATCH_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=2)
_PATCH_TYPES: Mapping[PatchKind, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


class Kube:
    """A connection to one API server, safe for use by many tasks of one loop.

    Every method raises `errors.ApiError` (its subclass by meaning) when the server says no, and `errors.Unreachable` when
    there is no answer.  `namespace` None means: the object's own, else "default" (all namespaces for lists and watches).
    """

    def __init__(self, http: httpx2.AsyncClient, watches: httpx2.AsyncClient, *, field_manager: str) -> None:
        self._http = http
        self._watches = watches
        self._manager = {"fieldManager": field_manager}
        self._recorder = events.Recorder(self, field_manager)

    @classmethod
    def connect(cls, kubeconfig: Path | str, *, field_manager: str) -> Kube:
        """A client for the kubeconfig's current context; no packet is sent yet.

        Raises:
            IntentError: the file is missing or is not a usable kubeconfig.
        """
        with _readable(kubeconfig):
            params = ConnectionParams(timeout=_TIMEOUT, trust_env=False).httpx_params(_current(kubeconfig))
        clients = [httpx2.AsyncClient(**params, limits=limits) for limits in (_LIMITS, _WATCH_LIMITS)]
        return cls(*clients, field_manager=field_manager)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        await self._watches.aclose()

    async def __aenter__(self) -> Kube:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """One object."""
        return await self._call("GET", resource, name, _scope(resource, namespace))

    async def read(self, path: str, *, accept: str = "application/json") -> Object:
        """Whatever the server answers at `path`: discovery documents, versions, tables."""
        try:
            response = await self._http.get(path, headers={"Accept": accept})
        except httpx2.TransportError as error:
            raise errors.unreachable(path, repr(error)) from error
        if response.status_code >= 400:
            raise errors.from_body(response.status_code, response.content, path)
        answer: Object = msgspec.json.decode(response.content)
        return answer

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> tuple[list[Object], str]:
        """All objects that match, and the resourceVersion from which a watch sees everything after them."""
        params = _selectors(label_selector, field_selector)
        answer = await self._call("GET", resource, None, namespace, params=params)
        items = [complete(item, resource) for item in answer.get("items") or ()]
        return items, answer["metadata"].get("resourceVersion", "")

    async def create(self, resource: Resource, obj: Object, namespace: str | None = None) -> Object:
        """Create an object; answers it as stored."""
        scope = _scope(resource, namespace or obj["metadata"].get("namespace"))
        name = obj["metadata"].get("name") or obj["metadata"].get("generateName")
        body = complete(dict(obj), resource)
        return await self._call("POST", resource, None, scope, params=self._manager, body=body, about=name)

    async def replace(self, resource: Resource, obj: Object, *, subresource: str | None = None) -> Object:
        """Write a whole object over the one it was read from; `metadata.resourceVersion`, if given, guards it."""
        meta = obj["metadata"]
        scope = _scope(resource, meta.get("namespace"))
        body = complete(dict(obj), resource)
        return await self._call("PUT", resource, meta["name"], scope, subresource, params=self._manager, body=body)

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        namespace: str | None = None,
        *,
        kind: PatchKind = "merge",
        subresource: str | None = None,
    ) -> Object:
        """Change part of an object; `body` is a patch of that kind.  A `metadata.uid` or `resourceVersion` in it guards it."""
        return await self._call(
            "PATCH",
            resource,
            name,
            _scope(resource, namespace),
            subresource,
            params=self._manager,
            body=body,
            content_type=_PATCH_TYPES[kind],
        )

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> None:
        """Delete an object, or begin to; with `uid` only that very one (else `Conflict`)."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid} if uid else None,
            "gracePeriodSeconds": grace_seconds,
            "propagationPolicy": propagation,
        }
        body = {key: value for key, value in options.items() if value is not None}
        await self._call("DELETE", resource, name, _scope(resource, namespace), body=body)

    async def bind(self, pod: Object, node: str) -> None:
        """Give a pod to a node (the `pods/binding` subresource); `Conflict` when it is bound or is another pod by now."""
        meta = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        path = (resources.PODS, meta["name"], meta["namespace"], "binding")
        await self._call("POST", *path, params=self._manager, body=binding)

    async def record(
        self, regarding: Object, *, reason: str, message: str, type: Literal["Normal", "Warning"], component: str
    ) -> None:
        """Tell people what happened to an object, as an Event; the same again counts up.  Never raises for an API failure."""
        await self._recorder.record(regarding, reason=reason, message=message, type=type, component=component)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> AsyncIterator[tuple[str, Object]]:
        """Every event after `resource_version`: ("ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK", object), until the request ends.

        Raises:
            Gone: the server has forgotten that version: list again.
            Unreachable: the connection broke.
        """
        params = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        where = f"watch of {resource.plural}"
        request = self._watches.build_request("GET", resource.path(namespace), params=params, timeout=_WATCH_TIMEOUT)
        try:
            response = await self._watches.send(request, stream=True)
            try:
                if response.status_code >= 400:
                    raise errors.from_body(response.status_code, await response.aread(), where)
                async for line in _lines(response):
                    event = msgspec.json.decode(line)
                    if event["type"] == "ERROR":
                        raise errors.from_status(event["object"], where)
                    yield event["type"], event["object"]
            finally:
                await response.aclose()
        except (httpx2.HTTPError, msgspec.DecodeError) as error:
            raise errors.unreachable(where, repr(error)) from error

    async def _call(
        self,
        method: str,
        resource: Resource,
        name: str | None,
        namespace: str | None,
        subresource: str | None = None,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        about: str | None = None,
    ) -> Object:
        where = resource.label(name or about, namespace)
        content, headers = None, {}
        if body is not None:
            content, headers = msgspec.json.encode(body), {"Content-Type": content_type}
        path = resource.path(namespace, name, subresource)
        try:
            response = await self._http.request(method, path, params=params, content=content, headers=headers)
            if response.status_code >= 400:
                raise errors.from_body(response.status_code, response.content, where)
            answer: Object = msgspec.json.decode(response.content)
        except (httpx2.HTTPError, msgspec.DecodeError) as error:
            raise errors.unreachable(where, repr(error)) from error
        return answer


def server(kubeconfig: Path | str) -> str:
    """The URL of the API server that the kubeconfig's current context means.

    Raises:
        IntentError: the file is missing or is not a usable kubeconfig.
    """
    with _readable(kubeconfig):
        return str(_current(kubeconfig).cluster.server)


@contextmanager
def _readable(kubeconfig: Path | str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a malformed file makes lightkube stumble over
        problem = problems.Problem(code=KUBECONFIG, object=f"kubeconfig {kubeconfig}", found=errors.cut(repr(error)))
        raise problems.IntentError(problems=[problem]) from error


def _current(kubeconfig: Path | str) -> SingleConfig:
    config = KubeConfig.from_file(str(kubeconfig)).get()
    assert config is not None
    return config


def complete(obj: Object, resource: Resource) -> Object:
    """The object with its `apiVersion` and `kind`, which items of a list come without; the dictionary itself is filled."""
    obj.setdefault("apiVersion", resource.api_version)
    obj.setdefault("kind", resource.kind)
    return obj


def _scope(resource: Resource, namespace: str | None) -> str | None:
    return (namespace or "default") if resource.namespaced else None


def _selectors(labels: str | None, fields: str | None) -> dict[str, str]:
    pairs = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in pairs.items() if value}


async def _lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The answer's lines as they come; a torn last line is dropped, the next watch brings it again."""
    rest = b""
    async for piece in response.aiter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line
