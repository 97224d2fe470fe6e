"""The OpenAPI document, generated from the resource table: what is served is what is described."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trunkline.dialects.nsx import answered, compose, paths
from trunkline.dialects.nsx.catalogue import BY_TYPE
from trunkline.dialects.nsx.resource import COMMON, Resource
from trunkline.dialects.nsx.shapes import Boolean, Field, Integer, Object

PARTIAL_PATCH = Object((Field("enable_partial_patch", Boolean(from_text=True), required=True),))

API_SERVICE = Object(
    (
        Field("session_timeout", Integer(1, 2**31 - 1)),
        Field("client_api_rate_limit", Integer(0, 2**31 - 1)),
        Field("client_api_concurrency_limit", Integer(0, 2**31 - 1)),
        Field("global_api_concurrency_limit", Integer(0, 2**31 - 1)),
        Field("basic_authentication_enabled", Boolean()),
        Field("cookie_based_authentication_enabled", Boolean()),
    )
)
"""How the API is served; seconds, requests a second, requests at once (0: no limit)."""

_BASE = "/policy/api/v1"
_ERROR = {"$ref": "#/components/responses/Error"}
REFUSALS = dict.fromkeys(("400", "403", "404", "405", "412", "413", "429", "500", "503"), _ERROR)
"""What every call may answer instead."""

_INTEGERS = ("_revision", "_create_time", "_last_modified_time")
_BOOLEANS = ("marked_for_delete", "overridden", "_system_owned")
_TEXT = {"type": "string"}
_SWITCH = {"type": "boolean"}
LIST_PARAMETERS: dict[str, dict[str, Any]] = {
    "cursor": _TEXT,
    "include_mark_for_delete_objects": _SWITCH,
    "included_fields": _TEXT,
    "page_size": {"type": "integer", "minimum": 0, "maximum": 1000},
    "sort_ascending": _SWITCH,
    "sort_by": _TEXT,
}
"""What every list may be asked."""

_LISTED = "Listed"

Json = dict[str, Any]


def document(version: str) -> Json:
    """OpenAPI 3.0 of the policy objects; `version` is the NSX version that the manager speaks."""
    described: Json = {}
    for place in paths.places():
        if place.collection:
            described[_BASE + place.collection] = _collection(place)
        described[_BASE + place.item] = _item(place)
        for word in place.resource.operations:
            described[f"{_BASE}{place.item}/{word}"] = _asked(place, word)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Trunkline policy API", "version": version},
        "paths": described,
        "security": [{"basic": []}],
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "responses": {"Error": {"description": "Refused", "content": _json(_ref("Error"))}},
            "schemas": {"Error": _error(), **_schemas()},
        },
    }


def _collection(place: paths.Place) -> Json:
    answer = answered.page(_ref(f"{_LISTED}{place.resource.type}"))
    listing = _operation("list", place, answer, parameters=[*queries(LIST_PARAMETERS)])
    return {"parameters": identifiers(place.collection), "get": listing}


def _item(place: paths.Place) -> Json:
    item = _ref(place.resource.type)
    body: Json = {"requestBody": {"required": True, "content": _json(item)}}
    verbs: Json = {"parameters": identifiers(place.item), "get": _operation("read", place, item)}
    if not place.resource.read_only:
        verbs |= {"put": _operation("replace", place, item, **body), "patch": _operation("patch", place, None, **body)}
        if not place.resource.singleton:
            verbs["delete"] = _operation("delete", place, None)
    return verbs


def _asked(place: paths.Place, word: str) -> Json:
    """An operation that is asked by a word after the object's id."""
    answer = answered.OPERATIONS[place.resource.type, word]
    return {"parameters": identifiers(place.item), "get": _operation(word, place, answer)}


def _operation(
    verb: str, place: paths.Place, answer: Json | None, *, parameters: Iterable[Json] = (), **more: Any
) -> Json:
    done: Json = {"description": "Done"}
    if answer is not None:
        done["content"] = _json(answer)
    name = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", re.sub(r"{.*?}", "", place.item)))
    asked = {"operationId": f"{verb}{name}", "parameters": list(parameters)}
    return {**asked, "responses": {"200": done, **REFUSALS}, **more}


def identifiers(template: str) -> list[Json]:
    """The parameters in a path template."""
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    names = re.findall(r"{(.*?)}", template)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def queries(named: Mapping[str, Json], *required: str) -> Iterator[Json]:
    """Query parameters; those that are `required` cannot be left out."""
    for name, schema in named.items():
        yield {"name": name, "in": "query", "required": name in required, "schema": schema}


def _schemas() -> Json:
    """Every type, and as it is listed: a list may be asked for some fields only."""
    whole = {name: _object(resource) for name, resource in BY_TYPE.items()}
    listed = {
        f"{_LISTED}{name}": {"oneOf": [_ref(f"{_LISTED}{each.type}") for each in BY_TYPE[name].variants]}
        if BY_TYPE[name].variants
        else {key: value for key, value in schema.items() if key != "required"}
        for name, schema in whole.items()
    }
    return {**whole, **listed}


def _object(resource: Resource) -> Json:
    if resource.variants:
        variants = [_ref(variant.type) for variant in resource.variants]
        return {"oneOf": variants, "discriminator": {"propertyName": "resource_type"}}
    schema = resource.shape.schema()
    read_only: Json = {}
    for name in compose.SERVER_FIELDS:
        kind = "integer" if name in _INTEGERS else "boolean" if name in _BOOLEANS else "string"
        if name not in ("children", "_self", "_links", "_schema"):
            read_only[name] = (
                {"type": kind, "nullable": True} if name == "_revision" else {"type": kind, "readOnly": True}
            )
    kinds = {"type": "string", "enum": [resource.type, None], "nullable": True}
    identity = {"resource_type": kinds, "id": {"type": "string", "nullable": True}}
    properties = {**schema["properties"], **identity, **COMMON.schema()["properties"], **read_only}
    return {**schema, "properties": properties}


def _error() -> Json:
    text = {"type": "string"}
    properties = dict.fromkeys(("httpStatus", "module_name", "error_message", "details"), text)
    error: Json = {"type": "object", "properties": {**properties, "error_code": {"type": "integer"}}}
    nested = {"related_errors": {"type": "array", "items": error}, "error_data": {"type": "object"}}
    required = ["httpStatus", "error_code", "error_message", "related_errors"]
    return {**error, "properties": {**error["properties"], **nested}, "required": required}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
