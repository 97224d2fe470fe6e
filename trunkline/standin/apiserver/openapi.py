"""The OpenAPI documents that kubectl reads: v3 with every schema, v2 only so far that old clients go on without it.

kubectl (1.27 and newer) asks v3 whether a PATCH takes `fieldValidation`, and `kubectl explain` reads its schemas; kubectl
1.20 fetches v2 before it applies and skips its own validation of kinds that v2 does not describe.
"""

from __future__ import annotations

import hashlib
from typing import Any

from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry
from trunkline.standin.apiserver.resources import Resource
from trunkline.standin.apiserver.schema import models

V2_ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""How the protobuf form is called in answers: Go's parser of media types refuses the "@" that clients ask with."""

_INFO = {"title": "Kubernetes", "version": "v1.32.0"}
_GVK = "x-kubernetes-group-version-kind"


def v2() -> Json:
    """The v2 document without a definition."""
    return {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": {}}


def v2_protobuf() -> bytes:
    """The same as `openapi.v2.Document` in protobuf: swagger = 1, info = 2 (title = 1, version = 2), paths = 8."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    info = field(1, _INFO["title"].encode()) + field(2, _INFO["version"].encode())
    return field(1, b"2.0") + field(2, info) + field(8, b"")


def index(registry: Registry) -> Json:
    """The answer to /openapi/v3: one document per group and version; the hash lets clients keep what they have."""
    paths: dict[str, hashlib._Hash] = {}
    for resource in registry.all():
        path = _path(resource)
        paths.setdefault(path, hashlib.sha256()).update(repr((resource.plural, resource.schema)).encode())
    return {
        "paths": {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest.hexdigest()[:32].upper()}"}
            for path, digest in paths.items()
        }
    }


def document(registry: Registry, path: str) -> Json | None:
    """The answer to /openapi/v3/PATH ("apis/apps/v1"); None when nothing is served there."""
    found = [resource for resource in registry.all() if _path(resource) == path]
    if not found:
        return None
    schemas: Json = {}
    paths: Json = {}
    for resource in found:
        schemas[_schema_name(resource)] = {**_own_schema(resource, schemas), _GVK: [_gvk(resource)]}
        paths.update(_paths(resource, path))
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def _path(resource: Resource) -> str:
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


def _gvk(resource: Resource) -> Json:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema_name(resource: Resource) -> str:
    return resource.model or f"{'.'.join(reversed(resource.group.split('.')))}.{resource.version}.{resource.kind}"


def _own_schema(resource: Resource, schemas: Json) -> Json:
    schema = models.definition(resource.model) if resource.model else resource.schema or {"type": "object"}
    return _referring(schema, schemas)  # type: ignore[no-any-return]


def _referring(schema: Any, schemas: Json) -> Any:
    """The schema with references as OpenAPI writes them; everything referred to joins `schemas`."""
    if isinstance(schema, list):
        return [_referring(each, schemas) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(name := schema.get("$ref"), str):
        if name not in schemas:
            schemas[name] = {}
            schemas[name].update(_referring(models.definition(name), schemas))
        return {"$ref": f"#/components/schemas/{name}"}
    return {key: _referring(value, schemas) for key, value in schema.items()}


def _paths(resource: Resource, path: str) -> Json:
    space = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"/{path}{space}/{resource.plural}"
    body = {"schema": {"$ref": f"#/components/schemas/{_schema_name(resource)}"}}

    def operation(action: str, *parameters: str) -> Json:
        return {
            "x-kubernetes-action": action,
            _GVK: _gvk(resource),
            "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in parameters],
            "responses": {"200": {"description": "OK", "content": {"application/json": body}}},
        }

    write = ("dryRun", "fieldManager", "fieldValidation")
    return {
        collection: {"get": operation("list"), "post": operation("post", *write)},
        f"{collection}/{{name}}": {
            "get": operation("get"),
            "put": operation("put", *write),
            "patch": operation("patch", *write),
            "delete": operation("delete", "dryRun", "gracePeriodSeconds", "propagationPolicy"),
        },
    }
