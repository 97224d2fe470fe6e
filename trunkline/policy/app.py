"""The ASGI application: normalise the path, ask the gate, find the handler, and turn every failure into an error body."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.dialects.nsx import errors
from trunkline.kit import problems
from trunkline.policy.api import (
    answers,
    certificates,
    groups,
    hypervisors,
    monitoring,
    objects,
    platform,
    principals,
    searches,
    states,
    traceflows,
    trust,
)
from trunkline.policy.limits import Limits
from trunkline.policy.manager import Manager

_log = structlog.get_logger(__name__)

_POLICY, _TRUST = "/policy/api/v1", "/api/v1/trust-management"
_HYPERVISOR = "/policy/trunkline/v1/hypervisors/{name}"
_PROJECT = f"{_POLICY}/orgs/{{org}}/projects/{{project}}"
_HEALTH = "/api/v1/reverse-proxy/node/health"
_OPEN = frozenset({"/api/session/create", _HEALTH})
"""Calls that need no proof of who asks."""

_READ, _ADD, _CHANGE = ["GET"], ["POST"], ["GET", "PUT", "DELETE"]


def _realized(root: str) -> list[Route]:
    at = f"{root}/realized-state"
    return [
        Route(f"{at}/realized-entities", states.entities, methods=_READ),
        Route(f"{at}/status", states.status, methods=_READ),
        Route(f"{at}/alarms", monitoring.policy_alarms, methods=_READ),
        Route(f"{at}/realized-entity", states.entity, methods=_READ),
        Route(f"{at}/realized-entity", states.refresh, methods=_ADD),
        Route(f"{root}/segments/state", states.segments, methods=_READ),
        Route(f"{at}/enforcement-points/default/virtual-machines", groups.virtual_machines, methods=_READ),
        Route(f"{at}/enforcement-points/default/vifs", groups.interfaces, methods=_READ),
        Route(f"{at}/virtual-machines", groups.virtual_machines, methods=_READ),
        Route(f"{root}/domains/{{domain}}/groups/{{group}}/members/{{kind}}", groups.members, methods=_READ),
    ]


def _traced(root: str) -> list[Route]:
    at = f"{root}/traceflows/{{id}}"
    return [
        Route(f"{at}/status", traceflows.status, methods=_READ),
        Route(f"{at}/observations", traceflows.observations, methods=_READ),
        Route(at, traceflows.item, methods=["GET", "PUT", "PATCH", "DELETE", "POST"]),
    ]


_ROUTES = [
    Route("/api/session/create", trust.create_session, methods=_ADD),
    Route("/api/session/destroy", trust.destroy_session, methods=_ADD),
    Route(_HEALTH, platform.health, methods=_READ),
    Route("/api/v1/node", platform.node, methods=_READ),
    Route("/api/v1/node/version", platform.version, methods=_READ),
    Route("/api/v1/node/users", trust.users, methods=["GET", "POST"]),
    Route("/api/v1/node/users/{name}", trust.user, methods=_CHANGE),
    Route("/api/v1/node/aaa/auth-policy", platform.auth_policy, methods=_READ),
    Route("/api/v1/cluster", platform.cluster, methods=_READ),
    Route("/api/v1/cluster/nodes", platform.cluster_nodes, methods=_READ),
    Route("/api/v1/alarms", monitoring.alarms, methods=_READ),
    Route("/api/v1/capacity/usage", monitoring.capacity, methods=_READ),
    Route(f"{_POLICY}/capacity/usage", monitoring.capacity, methods=_READ),
    Route("/api/v1/cluster/status", platform.cluster_status, methods=_READ),
    Route("/api/v1/cluster/api-service", platform.api_service, methods=["GET", "PUT"]),
    Route("/api/v1/licenses", platform.licences, methods=["GET", "POST"]),
    Route("/api/v1/aaa/user-info", platform.user_info, methods=_READ),
    Route("/api/v1/spec/vmware/types/{type:str}", platform.tag_limits, methods=_READ),
    Route("/api/v1/spec/openapi/nsx_policy_api.json", platform.specification, methods=_READ),
    Route(f"{_TRUST}/principal-identities", principals.collection, methods=["GET", "POST"]),
    Route(f"{_TRUST}/principal-identities/with-certificate", principals.add, methods=_ADD),
    Route(f"{_TRUST}/principal-identities/{{id}}", principals.item, methods=["GET", "DELETE"]),
    Route(f"{_TRUST}/certificates", certificates.collection, methods=["GET", "POST"]),
    Route(f"{_TRUST}/certificates/{{id}}", certificates.item, methods=["GET", "DELETE"]),
    Route(f"{_POLICY}/system-config/nsx-partial-patch-config", platform.partial_patch, methods=["GET", "PATCH"]),
    Route(f"{_POLICY}/search/query", searches.query, methods=_READ),
    Route(f"{_POLICY}/search", searches.query, methods=_READ),
    Route(f"{_PROJECT}/search/query", searches.query, methods=_READ),
    *_realized(f"{_POLICY}/infra"),
    *_realized(f"{_PROJECT}/infra"),
    *_traced(f"{_POLICY}/infra"),
    *_traced(f"{_PROJECT}/infra"),
    Route(f"{_HYPERVISOR}/tasks", hypervisors.tasks, methods=_READ),
    Route(f"{_HYPERVISOR}/reports", hypervisors.reports, methods=_ADD),
    Route(f"{_HYPERVISOR}/standing", hypervisors.standing, methods=_ADD),
    Route(f"{_POLICY}/org-root", objects.org_root, methods=["PATCH"]),
]
"""Whatever else lies below `_POLICY` is a policy object, or nothing."""


def application(manager: Manager, trust_certificate: Callable[[str], None]) -> ASGIApp:
    """The application of a manager; `trust_certificate` lets TLS clients present a newly registered certificate (PEM)."""
    handlers: Any = {errors.Refused: _refused, HTTPException: _http, Exception: _unexpected}
    app = Starlette(routes=_ROUTES, exception_handlers=handlers)
    app.router.redirect_slashes = False
    app.router.default = request_response(objects.handle)
    app.state.manager, app.state.trust, app.state.free = manager, trust_certificate, _OPEN
    return _Gated(app, manager)


class _Gated:
    """Lets a request through with its caller, or answers it here."""

    def __init__(self, app: ASGIApp, manager: Manager) -> None:
        self._app, self._manager = app, manager
        self._limits = Limits(lambda: manager.gate.service.limits, time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = re.sub("/{2,}", "/", scope["path"])
        path = path.rstrip("/") or "/"
        scope = {**scope, "path": path, "raw_path": path.encode(), "state": dict(scope.get("state") or {})}
        try:
            # Probes are answered however busy the manager is.
            limited = contextlib.nullcontext() if path == _HEALTH else self._limits.request(_address(scope))
            with limited:
                await self._admitted(path, scope, receive, send)
        except errors.Refused as error:
            await answers.refusal(error)(scope, receive, send)

    async def _admitted(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if path not in _OPEN:
            try:
                scope["state"]["caller"] = await self._caller(scope)
            except errors.Refused as error:
                _record(self._manager, Request(scope), error)
                await answers.refusal(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Any:
        certificate = scope["state"].get("certificate")
        address = _address(scope)
        return await self._manager.gate.caller(Headers(scope=scope), certificate, address)


def _record(manager: Manager, request: Request, error: errors.Refused) -> None:
    """Denied calls are put on record, and so is every attempt to change something."""
    if error.status == 403 or request.method != "GET":
        address = request.client.host if request.client else ""
        caller = getattr(request.state, "caller", None)
        manager.record_refusal(caller, address, answers.deed(request), error)


def _address(scope: Scope) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.Refused)
    _record(answers.manager(request), request, error)
    return answers.refusal(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        path = request.url.path
        place = next(route.path for route in _ROUTES if route.path_regex.match(path))
        offered = {method for route in _ROUTES if route.path == place for method in route.methods or ()}
        return answers.refusal(errors.method(request.method, path, ", ".join(sorted(offered))))
    return answers.refusal(errors.not_found(request.url.path))


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    if isinstance(error, problems.RemoteError):
        return await _refused(request, errors.unavailable(str(error)))
    text = f"An internal error occurred ({type(error).__name__}); the manager's log has the details."
    return await _refused(request, errors.Refused(500, 99, text, module="common-services", trk=errors.INTERNAL))
