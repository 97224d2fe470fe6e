"""Structural schemas at work: find unknown fields, fill defaults, find values of the wrong type.

All three walk value and schema together.  A schema is plain JSON (OpenAPI v3 with the `x-kubernetes-` extensions);
`$ref` leads to a built-in definition.  Constraints (ranges, patterns, combinations) live in `constraints`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trunkline.standin.apiserver import objects
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.schema import models

_TYPE_META = ("apiVersion", "kind", "metadata")
_OBJECT_META: Json = {"$ref": "meta_v1.ObjectMeta"}


def node(schema: Json) -> Json:
    """The schema to read: references followed, the described wrapper of a reference taken off."""
    if len(schema.get("allOf", ())) == 1 and "type" not in schema and "$ref" in schema["allOf"][0]:
        schema = schema["allOf"][0]
    return models.resolve(schema)


def rooted(schema: Json) -> Json:
    """The schema of a whole custom object: type and metadata belong to it whatever its author wrote."""
    properties = {
        **schema.get("properties", {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": _OBJECT_META,
    }
    return {**schema, "type": "object", "properties": properties}


def prune(value: Any, schema: Json, path: str = "") -> list[str]:
    """Drop, in place, every field that the schema does not know; answers their paths ("spec.foo")."""
    schema = node(schema)
    if isinstance(value, list):
        items = schema.get("items", {})
        return [gone for index, item in enumerate(value) for gone in prune(item, items, f"{path}[{index}]")]
    if not isinstance(value, dict) or schema.get(models.INT_OR_STRING):
        return []
    gone: list[str] = []
    for key in list(value):
        child = _child(schema, key)
        if child is not None:
            gone += prune(value[key], child, joined(path, key))
        elif not schema.get(models.PRESERVE):
            del value[key]
            gone.append(joined(path, key))
    return gone


def fill(value: Any, schema: Json) -> None:
    """Set, in place, the schema's defaults where fields are absent (or null where null is not allowed)."""
    schema = node(schema)
    if isinstance(value, list):
        for item in value:
            fill(item, schema.get("items", {}))
        return
    if not isinstance(value, dict):
        return
    for key, child in schema.get("properties", {}).items():
        absent = key not in value or (value[key] is None and not child.get("nullable"))
        if absent and "default" in child:
            value[key] = objects.copy(child["default"])
    for key, item in value.items():
        child = _child(schema, key)
        if child is not None:
            fill(item, child)


def drop_nulls(value: Any) -> None:
    """Remove, in place, object fields that are null: for built-in kinds null means absent."""
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
        for item in value.values():
            drop_nulls(item)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item)


def mistyped(value: Any, schema: Json, path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every value whose JSON type is not the schema's, as (path, value, wanted type)."""
    schema = node(schema)
    wanted = type_of(schema)
    if value is None:
        return
    if wanted and not fits(value, schema):
        yield path, value, wanted
        return
    if isinstance(value, dict):
        for key, item in value.items():
            child = _child(schema, key)
            if child is not None:
                yield from mistyped(item, child, joined(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistyped(item, schema.get("items", {}), f"{path}[{index}]")


def type_of(schema: Json) -> str:
    """The type's name for messages; "" when any type will do."""
    if schema.get(models.INT_OR_STRING):
        return "integer,string"
    return str(schema.get("type", ""))


def fits(value: Any, schema: Json) -> bool:
    """Whether the value has the schema's JSON type (true and false are no numbers; 2.0 is an integer)."""
    if schema.get(models.INT_OR_STRING):
        numbers = (int, float) if schema.get("format") == "quantity" else int
        return isinstance(value, (str, numbers)) and not isinstance(value, bool)
    match schema.get("type"):
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case "number":
            return not isinstance(value, bool) and isinstance(value, (int, float))
    return True


def json_type(value: Any) -> str:
    """The value's JSON type by its schema name."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def joined(path: str, key: str) -> str:
    """The path of a field below `path`."""
    return f"{path}.{key}" if path else key


def _child(schema: Json, key: str) -> Json | None:
    """The schema of one field: named, or that of all further fields; None when the field is unknown."""
    found: Json | None = schema.get("properties", {}).get(key)
    if found is None and schema.get("x-kubernetes-embedded-resource") and key in _TYPE_META:
        found = _OBJECT_META if key == "metadata" else {"type": "string"}
    if found is None:
        further = schema.get("additionalProperties")
        found = {models.PRESERVE: True} if further is True else further or None
    if found is None and not schema.get("type") and not schema.get("properties") and models.PRESERVE not in schema:
        found = {models.PRESERVE: True}
    return found
