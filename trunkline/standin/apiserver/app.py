"""The ASGI application: who asks, what for, and the answer's headers; every failure leaves as a Status.

`scope["state"]["user"]` is where the transport puts the authenticated user.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from trunkline.kit import problems
from trunkline.standin.apiserver import api, calls, discovery, openapi, statuses, users
from trunkline.standin.apiserver.objects import Json

_JSON = "application/json"
_OPEN = ("/healthz", "/livez", "/readyz", "/version")
"""Paths that need no certificate, as in a Kubernetes cluster."""

_log = structlog.get_logger(__name__)


class App:
    """Serves one API."""

    def __init__(self, served: api.Api) -> None:
        self._api = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        warnings: list[str] = []
        try:
            response = await self._respond(request, warnings)
        except ClientDisconnect:
            return
        except Exception as error:
            response = _failed(request, error)
        for text in dict.fromkeys(warnings):
            response.headers.append("Warning", _warning(text))
        await response(scope, receive, send)

    async def _respond(self, request: Request, warnings: list[str]) -> Response:
        path = request.url.path.rstrip("/") or "/"
        user: users.User | None = request.scope.get("state", {}).get("user")
        if user is None and not path.startswith(_OPEN):
            raise statuses.unauthorized()
        fixed = self._fixed(path, request.headers.get("accept", ""))
        if fixed is not None:
            if request.method not in ("GET", "HEAD"):
                raise statuses.method_not_allowed(path, "")
            return fixed
        if user is None:
            raise statuses.unauthorized()
        call = await self._call(request, user, path, warnings)
        if call.verb == "watch":
            return StreamingResponse(_logged(self._api.watch(call)), media_type=_JSON)
        answer = await self._api.handle(call)
        return Response(answer.body, answer.code, media_type=_JSON)

    async def _call(self, request: Request, user: users.User, path: str, warnings: list[str]) -> calls.Call:
        target = calls.target(path, self._api.registry)
        query = _single(request)
        watching = query.get("watch", "false").lower() in ("", "1", "true")
        verb = calls.verb(request.method, target, watching=watching)
        resource = target.resource
        users.authorize(user, verb, resource.group, resource.plural, subresource=target.subresource, name=target.name)
        return calls.Call(
            user=user,
            resource=resource,
            verb=verb,
            namespace=target.namespace,
            name=target.name,
            subresource=target.subresource,
            query=query,
            form=calls.form(request.headers.get("accept", "")),
            content_type=request.headers.get("content-type", "").partition(";")[0].strip(),
            body=await _body(request),
            warnings=warnings,
        )

    def _fixed(self, path: str, accept: str) -> Response | None:
        """The answer to a path that names no resource; None for all others."""
        registry = self._api.registry
        if path.startswith(_OPEN):
            return _json(discovery.VERSION) if path == "/version" else Response("ok", media_type="text/plain")
        match path.strip("/").split("/"):
            case ["api"] | ["apis"]:
                return self._groups(path, accept)
            case ["api", version]:
                return _found(discovery.resource_list(registry, "", version))
            case ["apis", group]:
                known = discovery.groups(registry).get(group)
                return _found(discovery.group(group, known) if known else None)
            case ["apis", group, version]:
                return _found(discovery.resource_list(registry, group, version))
            case ["openapi", "v2"]:
                wants_protobuf = openapi.V2_ASKED in accept or openapi.V2_PROTOBUF in accept
                return (
                    Response(openapi.v2_protobuf(), media_type=openapi.V2_PROTOBUF)
                    if wants_protobuf
                    else _json(openapi.v2())
                )
            case ["openapi", "v3"]:
                return _json(openapi.index(registry))
            case ["openapi", "v3", *rest]:
                return _found(openapi.document(registry, "/".join(rest)))
            case [""]:
                return _json({"paths": ["/api", "/apis", *_OPEN, "/openapi/v2", "/openapi/v3"]})
        return None

    def _groups(self, path: str, accept: str) -> Response:
        registry, core = self._api.registry, path == "/api"
        for version in ("v2", "v2beta1"):
            if f"v={version};as=APIGroupDiscoveryList" in accept or f"as=APIGroupDiscoveryList;v={version}" in accept:
                body = discovery.aggregated(registry, core=core, version=version)
                return _json(body, discovery.AGGREGATED.format(version=version))
        return _json(discovery.versions() if core else discovery.group_list(registry))


def _single(request: Request) -> Mapping[str, str]:
    """Query parameters by name; of a repeated one the first counts, as in Go."""
    found: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        found.setdefault(key, value)
    return found


async def _body(request: Request) -> bytes:
    """The request's body.

    Raises:
        StatusError: 413 when it is longer than the server reads; the rest is not read.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > calls.MAX_BODY_BYTES:
            raise statuses.too_large(calls.MAX_BODY_BYTES)
        chunks.append(chunk)
    return b"".join(chunks)


def _json(body: Json, media_type: str = _JSON) -> Response:
    return Response(msgspec.json.encode(body), media_type=media_type)


def _found(body: Json | None) -> Response:
    if body is None:
        raise statuses.no_such_path()
    return _json(body)


def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, problems.RemoteError):
        error = statuses.StatusError(503, "ServiceUnavailable", f"the store does not take writes now: {error}")
    if not isinstance(error, statuses.StatusError):
        _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
        error = statuses.internal(f"{type(error).__name__}: {error}")
    answer = api.refusal(error)
    return Response(answer.body, answer.code, media_type=_JSON)


def _warning(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'299 - "{quoted.encode("ascii", "replace").decode()}"'


async def _logged(lines: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """The lines of a watch; a failure in the midst ends the stream, and the client comes back."""
    async with contextlib.aclosing(lines) as closing:  # type: ignore[type-var]
        try:
            async for line in closing:
                yield line
        except Exception:
            _log.exception("watch failed")
