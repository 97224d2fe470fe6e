"""The OpenAPI document of everything served: the policy objects' own, and every route beside them.

Routes describe themselves, by their path, their methods and the first line of their handler's docstring, so none is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

from starlette.routing import BaseRoute, Route

from trunkline.dialects.nsx import answered, openapi
from trunkline.dialects.nsx.answered import COUNT, FLAG, TEXT, page, structure

_VERSIONS = {"node_version": TEXT, "product_version": TEXT}
_CERTIFICATE = structure({"id": TEXT, "pem_encoded": TEXT})
_PRINCIPAL = structure({"id": TEXT, "name": TEXT, "node_id": TEXT, "certificate_id": TEXT, "is_protected": FLAG})
_USER = structure({"username": TEXT, "roles": answered.array(TEXT)})
_SEARCHED = page({"type": "object"})
_USAGE = structure({"usage_type": TEXT, "current_usage_count": COUNT, "severity": TEXT})

_ANSWERS: dict[str, dict[str, Any]] = {
    "states.entities": page(answered.ENTITY),
    "states.entity": answered.ENTITY,
    "states.status": answered.STATUS,
    "states.segments": page(answered.CONFIGURATION_STATE),
    "monitoring.policy_alarms": page(answered.POLICY_ALARM),
    "monitoring.alarms": page(answered.ALARM),
    "monitoring.capacity": structure({"capacity_usage": answered.array(_USAGE)}),
    "groups.virtual_machines": page(answered.MEMBER),
    "groups.interfaces": page(answered.MEMBER),
    "groups.members": page({}),
    "traceflows.status": answered.TRACE,
    "traceflows.observations": page(answered.OBSERVATION),
    "searches.query": _SEARCHED,
    "platform.health": structure({"healthy": FLAG, "components_health": TEXT}),
    "platform.node": structure({**_VERSIONS, "node_uuid": TEXT}),
    "platform.version": structure(_VERSIONS),
    "platform.cluster": structure({"cluster_id": TEXT, "nodes": answered.array({"type": "object"})}),
    "platform.cluster_nodes": page({"type": "object"}),
    "platform.cluster_status": structure({"cluster_id": TEXT, "overall_status": TEXT}),
    "platform.api_service": openapi.API_SERVICE.schema(),
    "platform.auth_policy": structure({"api_max_auth_failures": COUNT, "minimum_password_length": COUNT}),
    "platform.licences": page({"type": "object"}),
    "platform.user_info": structure({"user_name": TEXT, "roles": answered.array(structure({"role": TEXT}))}),
    "platform.tag_limits": structure({"id": TEXT, "properties": {"type": "object"}}),
    "platform.partial_patch": structure({"enable_partial_patch": FLAG}),
    "platform.specification": structure({"openapi": TEXT, "paths": {"type": "object"}}),
    "principals.collection": page(_PRINCIPAL),
    "principals.item": _PRINCIPAL,
    "certificates.collection": page(_CERTIFICATE),
    "certificates.item": _CERTIFICATE,
    "trust.users": page(_USER),
    "trust.user": _USER,
    "hypervisors.tasks": {"type": "object"},
}
"""What GET answers, by module and name of the handler."""

_BODIES: dict[str, dict[str, Any]] = {
    "platform.partial_patch": openapi.PARTIAL_PATCH.schema(),
    "platform.api_service": openapi.API_SERVICE.schema(),
    "platform.licences": {"type": "object"},
    "principals.collection": {"type": "object"},
    "principals.add": {"type": "object"},
    "certificates.collection": {"type": "object"},
    "trust.users": {"type": "object"},
    "trust.user": {"type": "object"},
    "hypervisors.reports": {"type": "object"},
    "objects.org_root": {"type": "object"},
}
"""What POST, PUT and PATCH read, by module and name of the handler; others read nothing."""

_PATH = {"type": "string", "pattern": "^/"}
_PARTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "states.entities": ({"intent_path": _PATH}, ("intent_path",)),
    "states.entity": ({"realized_path": _PATH}, ("realized_path",)),
    "states.status": ({"intent_path": _PATH, "include_enforced_status": FLAG}, ("intent_path",)),
    "states.refresh": ({"intent_path": _PATH, "action": TEXT}, ("intent_path",)),
    "states.segments": ({"configuration_state": TEXT}, ()),
    "searches.query": ({"query": TEXT, **openapi.LIST_PARAMETERS}, ()),
    "traceflows.item": ({"action": answered.words("restart")}, ("action",)),
    "objects.org_root": ({"enforce_revision_check": FLAG}, ()),
}
"""Query parameters, and which of them are required, by module and name of the handler."""


def document(routes: Iterable[BaseRoute], free: Container[str], version: str) -> dict[str, Any]:
    """OpenAPI 3.0; `version` is the NSX version that the manager speaks, `free` the calls that need no credentials."""
    made = openapi.document(version)
    known = {_anonymous(path): path for path in made["paths"]}
    for route in routes:
        if isinstance(route, Route):
            template = re.sub(r":\w+}", "}", route.path)
            at = made["paths"].setdefault(
                known.get(_anonymous(template), template), {"parameters": openapi.identifiers(template)}
            )
            for method in sorted(route.methods or ()):
                if method != "HEAD" and method.lower() not in at:
                    at[method.lower()] = _operation(route, method, route.path in free)
    return made


def _operation(route: Route, method: str, free: bool) -> dict[str, Any]:
    unique = re.sub(r"\W+", "_", f"{method.lower()}{route.path}").strip("_")
    handler = f"{route.endpoint.__module__.rpartition('.')[2]}.{route.endpoint.__name__}"
    done: dict[str, Any] = {"description": "Done"}
    if method == "GET":
        done["content"] = _json(_ANSWERS[handler])
    parameters, required = _PARTS.get(handler, ({}, ()))
    operation: dict[str, Any] = {
        "operationId": unique,
        "summary": (route.endpoint.__doc__ or "").split("\n")[0],
        "parameters": [*openapi.queries(parameters, *required)],
        "responses": {"200": done, **({"201": done} if method == "POST" else {}), **openapi.REFUSALS},
    }
    if free:
        operation["security"] = []
    if route.path.endswith("/session/create"):
        form = structure({"j_username": TEXT, "j_password": TEXT})
        operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
    elif method != "GET" and method != "DELETE" and handler in _BODIES:
        operation["requestBody"] = {"required": True, "content": _json(_BODIES[handler])}
    return operation


def _anonymous(template: str) -> str:
    return re.sub(r"{[^}]*}", "{}", template)


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
