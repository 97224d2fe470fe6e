"""The OpenAPI document of everything served: the policy objects' own, and every route beside them.

Routes describe themselves, by their path, their methods and the first line of their handler's docstring, so none is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

from starlette.routing import BaseRoute, Route

from trunkline.dialects.nsx import openapi

_ANY = {"type": "object"}
_QUERIES = {
    "/realized-state/realized-entities": ("intent_path", True),
    "/realized-state/status": ("intent_path", True),
    "/search/query": ("query", False),
    "/search": ("query", False),
}
"""The query parameter of a call, and whether it cannot do without, by the end of the call's path."""

_NO_BODY = frozenset({"destroy_session", "refresh", "restart"})
"""Handlers of POST that read no body."""


def document(routes: Iterable[BaseRoute], free: Container[str], version: str) -> dict[str, Any]:
    """OpenAPI 3.0; `version` is the NSX version that the manager speaks, `free` the calls that need no credentials."""
    made = openapi.document(version)
    known = {_anonymous(path): path for path in made["paths"]}
    for route in routes:
        if isinstance(route, Route) and not route.path.endswith("{path:path}"):
            template = re.sub(r":\w+}", "}", route.path)
            at = made["paths"].setdefault(known.get(_anonymous(template), template), {"parameters": _named(template)})
            for method in sorted(route.methods or ()):
                if method != "HEAD":
                    at[method.lower()] = _operation(route, method, route.path in free)
    return made


def _operation(route: Route, method: str, free: bool) -> dict[str, Any]:
    unique = re.sub(r"\W+", "_", f"{method.lower()}{route.path}").strip("_")
    done: dict[str, Any] = {"description": "Done"}
    if method == "GET":
        done["content"] = _json(_ANY)
    operation: dict[str, Any] = {
        "operationId": unique,
        "summary": (route.endpoint.__doc__ or "").split("\n")[0],
        "responses": {"200": done, "201": done, **openapi.REFUSALS},
    }
    for end, (name, required) in _QUERIES.items():
        if route.path.endswith(end):
            named = {"name": name, "in": "query", "required": required, "schema": {"type": "string"}}
            operation["parameters"] = [named]
    if free:
        operation["security"] = []
    if route.path.endswith("/session/create"):
        form = {"type": "object", "properties": {"j_username": {"type": "string"}, "j_password": {"type": "string"}}}
        operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
    elif method in ("POST", "PUT", "PATCH") and route.endpoint.__name__ not in _NO_BODY:
        operation["requestBody"] = {"content": _json(_ANY)}
    return operation


def _named(template: str) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    names = re.findall(r"{(\w+)}", template)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _anonymous(template: str) -> str:
    return re.sub(r"{[^}]*}", "{}", template)


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
