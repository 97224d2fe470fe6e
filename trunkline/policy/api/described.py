"""The OpenAPI document of everything served: the policy objects' own, and every route beside them.

Routes describe themselves, by their path, their methods and the first line of their handler's docstring, so none is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Route

from trunkline.dialects.nsx import openapi

_ANY = {"type": "object"}
_QUERIES = {
    "realized-entities": ("intent_path",),
    "status": ("intent_path",),
    "query": ("query",),
}
"""Query parameters that calls cannot do without, by the last word of their path."""

_EMPTY = frozenset({"create_session", "destroy_session", "refresh"})
_FORM = frozenset({"create_session"})


def document(routes: Iterable[BaseRoute], version: str) -> dict[str, Any]:
    """OpenAPI 3.0; `version` is the NSX version that the manager speaks."""
    made = openapi.document(version)
    known = {_anonymous(path): path for path in made["paths"]}
    for route in routes:
        if isinstance(route, Route) and not route.path.endswith("{path:path}"):
            template = re.sub(r":\w+}", "}", route.path)
            at = made["paths"].setdefault(known.get(_anonymous(template), template), {"parameters": _named(template)})
            for method in sorted(route.methods or ()):
                if method != "HEAD":
                    at[method.lower()] = _operation(route, method)
    return made


def _operation(route: Route, method: str) -> dict[str, Any]:
    name = route.endpoint.__name__
    unique = re.sub(r"\W+", "_", f"{method.lower()}{route.path}").strip("_")
    done: dict[str, Any] = {"description": "Done"}
    if name not in _EMPTY:
        done["content"] = _json(_ANY)
    operation: dict[str, Any] = {
        "operationId": unique,
        "summary": (route.endpoint.__doc__ or "").split("\n")[0],
        "responses": {"200": done, "201": done, **openapi.REFUSALS},
    }
    if wanted := _QUERIES.get(route.path.rpartition("/")[2]):
        text = {"type": "string"}
        operation["parameters"] = [{"name": each, "in": "query", "required": True, "schema": text} for each in wanted]
    if name in _FORM:
        form = {"type": "object", "properties": {"j_username": {"type": "string"}, "j_password": {"type": "string"}}}
        operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
        operation["security"] = []
    elif method in ("POST", "PUT", "PATCH"):
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
