"""Validation of custom objects against their schema; every violation is gathered, worded as Kubernetes words it."""

from __future__ import annotations

import base64
import binascii
import functools
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import msgspec

from trunkline.standin.apiserver import causes
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.schema import models, structural


def validate(value: Any, schema: Json, path: str = "") -> list[Cause]:
    """Everything that is wrong with `value`; empty when nothing is."""
    return list(_value(value, schema, path))


def _value(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    schema = structural.node(schema)
    if value is None and schema.get("nullable"):
        return
    if not structural.fits(value, schema):
        found = structural.json_type(value)
        detail = f'{path or "<root>"} in body must be of type {structural.type_of(schema)}: "{found}"'
        yield causes.wrong_type(path, found, detail)
        return
    if "enum" in schema and value not in schema["enum"]:
        yield causes.unsupported(path, value, schema["enum"])
    if isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, schema, path)
    elif isinstance(value, list):
        yield from _list(value, schema, path)
    elif isinstance(value, dict):
        yield from _object(value, schema, path)
    yield from _combinations(value, schema, path)


def _object(value: Json, schema: Json, path: str) -> Iterator[Cause]:
    for key in schema.get("required", ()):
        if key not in value:
            yield causes.required(structural.joined(path, key))
    yield from _size(len(value), schema, path, "Properties", "properties")
    properties = schema.get("properties", {})
    further = schema.get("additionalProperties")
    for key, item in value.items():
        child = properties.get(key, further if isinstance(further, dict) else None)
        if child is not None:
            yield from _value(item, child, structural.joined(path, key))


def _list(value: list[Any], schema: Json, path: str) -> Iterator[Cause]:
    yield from _size(len(value), schema, path, "Items", "items")
    for index, item in enumerate(value):
        yield from _value(item, schema.get("items", {}), f"{path}[{index}]")
    kind = schema.get("x-kubernetes-list-type", "atomic")
    if kind == "map":
        keys = schema.get("x-kubernetes-list-map-keys", ())
        yield from _distinct(
            [{key: dict(item).get(key) for key in keys} for item in value if isinstance(item, dict)], path
        )
    elif kind == "set" or schema.get("uniqueItems"):
        yield from _distinct(value, path)


def _distinct(values: list[Any], path: str) -> Iterator[Cause]:
    seen: set[bytes] = set()
    for index, value in enumerate(values):
        key = msgspec.json.encode(value, order="deterministic")
        if key in seen:
            yield causes.duplicate(f"{path}[{index}]", value)
        seen.add(key)


def _size(size: int, schema: Json, path: str, suffix: str, noun: str) -> Iterator[Cause]:
    low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    if low is not None and size < low:
        yield causes.invalid(path, size, f"{path} in body should have at least {low} {noun}")
    if high is not None and size > high:
        yield Cause("FieldValueTooMany", f"Too many: {size}: must have at most {high} {noun}", path)


def _number(value: float, schema: Json, path: str) -> Iterator[Cause]:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if high is not None and (value >= high if schema.get("exclusiveMaximum") else value > high):
        relation = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield causes.invalid(path, value, f"{path} in body should be {relation} {high}")
    if low is not None and (value <= low if schema.get("exclusiveMinimum") else value < low):
        relation = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield causes.invalid(path, value, f"{path} in body should be {relation} {low}")
    if step and (value / step) % 1:
        yield causes.invalid(path, value, f"{path} in body should be a multiple of {step}")


def _text(value: str, schema: Json, path: str) -> Iterator[Cause]:
    low, high, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    if low is not None and len(value) < low:
        yield causes.invalid(path, value, f"{path} in body should be at least {low} chars long")
    if high is not None and len(value) > high:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {high} bytes", path)
    if pattern is not None and not expression(pattern).search(value):
        yield causes.invalid(path, value, f"{path} in body should match '{pattern}'")
    check = FORMATS.get(schema.get("format", ""))
    if check is not None and not schema.get(models.INT_OR_STRING) and not _accepts(check, value):
        yield causes.invalid(path, value, f"{path} in body must be of type {schema['format']}: {causes.shown(value)}")


@functools.lru_cache(maxsize=512)
def expression(pattern: str) -> re.Pattern[str]:
    """The compiled pattern; `$` means the very end, as in Go, not "before a last newline".

    Raises:
        re.error: the pattern uses what Python's expressions do not have; definitions are refused for that.
    """
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"
    return re.compile(pattern)


FORMATS: dict[str, Callable[[str], object]] = {
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "cidr": lambda text: ipaddress.ip_network(text, strict=False),
    "mac": lambda text: re.fullmatch(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", text) or _refuse(),
    "uuid": uuid.UUID,
    "byte": lambda text: base64.b64decode(text, validate=True),
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
}
"""The formats that are checked; others are documentation, as in Kubernetes."""


def _refuse() -> object:
    raise ValueError


def _accepts(check: Callable[[str], object], value: str) -> bool:
    try:
        check(value)
    except (ValueError, binascii.Error):
        return False
    return True


def _combinations(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    if schema.get(models.INT_OR_STRING):
        return
    about = f'"{path}"' if path else '""'
    any_of, one_of, unless = schema.get("anyOf", ()), schema.get("oneOf", ()), schema.get("not")
    for part in schema.get("allOf", ()):
        yield from _value(value, part, path)
    if any_of and all(validate(value, part, path) for part in any_of):
        yield causes.invalid(path, value, f"{about} must validate at least one schema (anyOf)")
    if one_of:
        valid = sum(not validate(value, part, path) for part in one_of)
        if valid != 1:
            found = "Found none valid" if not valid else f"Found {valid} valid alternatives"
            yield causes.invalid(path, value, f"{about} must validate one and only one schema (oneOf). {found}")
    if unless is not None and not validate(value, unless, path):
        yield causes.invalid(path, value, f"{about} must not validate the schema (not)")
