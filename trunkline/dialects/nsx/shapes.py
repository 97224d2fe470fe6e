"""Shapes of JSON values: one description that validates, normalises, fills defaults, finds references and becomes OpenAPI.

A shape's `read` answers the value as it will be stored and notes every mistake in `Findings` instead of stopping at the
first.  Fields that a shape does not know are kept as they came: a newer client's fields survive a round trip.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from trunkline.dialects.nsx import errors
from trunkline.kit import problems

Json = Any
"""A decoded JSON value; only the codec, the shapes and the rules look inside."""


class Findings:
    """The mistakes of one body, gathered."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._problems: list[problems.Problem] = []
        self._texts: list[str] = []

    def wrong(self, where: str, found: Json, allowed: str) -> None:
        """Note a value that is not allowed."""
        shown = repr(found)[:80]
        self._problems.append(self._problem(where, shown, allowed))
        self._texts.append(f"{where} {shown}: {allowed}")

    def missing(self, where: str) -> None:
        """Note a required property that is absent."""
        self._problems.append(self._problem(where, "nothing", "it is required"))
        self._texts.append(f"required property {where} is missing")

    def raise_if_any(self) -> None:
        """Raises Refused with every mistake noted so far, if there is one."""
        if self._problems:
            raise errors.fields(self._problems, self._texts)

    def _problem(self, where: str, found: str, allowed: str) -> problems.Problem:
        return problems.Problem(code=errors.FIELD, object=self._path, field=where, found=found, allowed=allowed)


class Shape(Protocol):
    """What a JSON value must look like."""

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        """The value as stored; mistakes go to `findings`."""

    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Policy paths inside a stored value, each with the resource types it may lead to (none: any)."""

    def schema(self) -> dict[str, Json]:
        """The shape as an OpenAPI schema object."""


class _Leaf(msgspec.Struct, frozen=True):
    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        return iter(())


class Anything(_Leaf, frozen=True):
    """Stored and echoed, not looked at."""

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        return value

    def schema(self) -> dict[str, Json]:
        return {}


class Text(_Leaf, frozen=True):
    """A string of at most `limit` characters."""

    limit: int = 65535

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if not isinstance(value, str):
            findings.wrong(where, value, "a string is wanted")
        elif len(value) > self.limit:
            findings.wrong(where, value, f"at most {self.limit} characters")
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "maxLength": self.limit}


class Integer(_Leaf, frozen=True):
    """An integer within bounds, both included; `from_text` also takes its decimal digits as a string."""

    least: int
    most: int
    from_text: bool = False

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if self.from_text and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            findings.wrong(where, value, "an integer is wanted")
        elif not self.least <= value <= self.most:
            findings.wrong(where, value, f"{self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, Json]:
        number = {"type": "integer", "format": "int64", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": "^[0-9]+$"}]} if self.from_text else number


class Number(_Leaf, frozen=True):
    """A number above `above`, and at most `most`."""

    above: float
    most: float

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if isinstance(value, bool) or not isinstance(value, int | float):
            findings.wrong(where, value, "a number is wanted")
        elif not self.above < value <= self.most:
            findings.wrong(where, value, f"more than {self.above:g}, at most {self.most:g}")
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "number", "minimum": self.above, "exclusiveMinimum": True, "maximum": self.most}


class Boolean(_Leaf, frozen=True):
    """true or false; `from_text` also takes the words as strings."""

    from_text: bool = False

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if self.from_text and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            findings.wrong(where, value, "true or false is wanted")
        return value

    def schema(self) -> dict[str, Json]:
        truth: dict[str, Json] = {"type": "boolean"}
        return {"anyOf": [truth, {"type": "string", "enum": ["true", "false"]}]} if self.from_text else truth


class Choice(_Leaf, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if value not in self.words:
            findings.wrong(where, value, f"one of {', '.join(self.words)}")
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "enum": list(self.words)}


class Formatted(_Leaf, frozen=True):
    """A string that `parse` accepts (it raises ValueError otherwise); `allowed` says in words what that is."""

    parse: Callable[[str], object]
    allowed: str
    pattern: str = ""
    """What all such strings match, for the description: some that match may be refused all the same."""

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        try:
            if not isinstance(value, str):
                raise ValueError(value)
            self.parse(value)
        except ValueError:
            findings.wrong(where, value, self.allowed)
        return value

    def schema(self) -> dict[str, Json]:
        described = {"type": "string", "description": self.allowed}
        return {**described, "pattern": f"^{self.pattern}$"} if self.pattern else described


class PolicyPath(msgspec.Struct, frozen=True):
    """The path of another object of one of `kinds`.  Whether it exists is the business of `change`."""

    kinds: tuple[str, ...] = ()

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if not isinstance(value, str) or (value and not value.startswith("/")):
            findings.wrong(where, value, "a policy path such as /infra/segments/web is wanted")
        return value

    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        if value:
            yield value, self.kinds

    def schema(self) -> dict[str, Json]:
        described = f"Policy path of a {' or '.join(self.kinds) or 'policy object'}; empty: none"
        return {"type": "string", "description": described, "pattern": r"^(/[\s\S]*)?$"}


class ListOf(msgspec.Struct, frozen=True):
    """An array whose items have one shape."""

    item: Shape
    most: int = 100_000
    least: int = 0

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if not isinstance(value, list):
            findings.wrong(where, value, "an array is wanted")
            return value
        if not self.least <= len(value) <= self.most:
            findings.wrong(where, f"{len(value)} items", f"{self.least} to {self.most} items")
        return [self.item.read(item, f"{where}[{index}]", findings) for index, item in enumerate(value)]

    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        for item in value:
            yield from self.item.references(item)

    def schema(self) -> dict[str, Json]:
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}


class PathOr(msgspec.Struct, frozen=True):
    """The path of an object of one of `kinds`, or something that `other` takes."""

    kinds: tuple[str, ...]
    other: Shape

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        return value if _is_path(value) else self.other.read(value, where, findings)

    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        if _is_path(value):
            yield value, self.kinds

    def schema(self) -> dict[str, Json]:
        return {"anyOf": [PolicyPath(self.kinds).schema(), self.other.schema()]}


def _is_path(value: Json) -> bool:
    return isinstance(value, str) and value.startswith("/")


class OneOf(msgspec.Struct, frozen=True):
    """An object of one of several types, told apart by its `resource_type`."""

    types: dict[str, Object]

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        kind = value.get("resource_type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in self.types:
            findings.wrong(f"{where}.resource_type", kind, f"one of {', '.join(self.types)}")
            return value
        return self.types[kind].read(value, where, findings)

    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield from self.types[value["resource_type"]].references(value)

    def schema(self) -> dict[str, Json]:
        described = []
        for kind, shape in self.types.items():
            inner = shape.schema()
            named = {"resource_type": {"type": "string", "enum": [kind]}, **inner["properties"]}
            described.append({**inner, "properties": named, "required": ["resource_type", *inner.get("required", [])]})
        return {"oneOf": described}


class Field(msgspec.Struct, frozen=True):
    """One property: `default` is filled in when it is absent, `computed` ones are the server's and ignored on input."""

    name: str
    shape: Shape = Anything()
    required: bool = False
    default: Json = None
    computed: bool = False


class Object(msgspec.Struct, frozen=True):
    """A JSON object with known properties; unknown ones are kept, nulls and empty paths count as absent."""

    fields: tuple[Field, ...]

    def read(self, value: Json, where: str, findings: Findings) -> Json:
        if not isinstance(value, dict):
            findings.wrong(where, value, "an object is wanted")
            return value
        prefix = f"{where}." if where else ""
        given = {name: item for name, item in value.items() if item is not None}
        result: dict[str, Json] = {}
        for field in self.fields:
            item = given.pop(field.name, None)
            if item == "" and isinstance(field.shape, PolicyPath):
                item = None  # how clients disconnect
            if field.computed:
                continue
            if item is not None:
                result[field.name] = field.shape.read(item, prefix + field.name, findings)
            elif field.required:
                findings.missing(prefix + field.name)
            elif field.default is not None:
                result[field.name] = field.default
        return {**result, **given}

    def checked(self, value: Json, path: str) -> dict[str, Json]:
        """The value as stored.

        Raises:
            Refused: with every mistake in it.
        """
        findings = Findings(path)
        result: dict[str, Json] = self.read(value, "", findings)
        findings.raise_if_any()
        return result

    def references(self, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
        for field in self.fields:
            if value.get(field.name) is not None:
                yield from field.shape.references(value[field.name])

    def schema(self) -> dict[str, Json]:
        properties = {}
        for field in self.fields:
            properties[field.name] = field.shape.schema()
            if field.computed:
                properties[field.name] = {**properties[field.name], "readOnly": True}
            elif field.default is not None:
                properties[field.name] = {**properties[field.name], "default": field.default}
            if not field.required:
                properties[field.name] = _nullable(properties[field.name])
        required = [field.name for field in self.fields if field.required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    """The schema with null, which counts as absence."""
    if "enum" in schema:
        return {**schema, "nullable": True, "enum": [*schema["enum"], None]}
    if "type" in schema:
        return {**schema, "nullable": True}
    alternatives = next((word for word in ("anyOf", "oneOf") if word in schema), "")
    null = {"enum": [None], "nullable": True}
    return {**schema, alternatives: [*schema[alternatives], null]} if alternatives else schema


def _address(text: str) -> None:
    ipaddress.ip_address(_unscoped(text))


def _unscoped(text: str) -> str:
    """The text, which may not have an IPv6 scope (fe80::1%eth0): that means something on one machine only."""
    if "%" in text:
        raise ValueError(text)
    return text


def _gateway(text: str) -> None:
    interface = ipaddress.ip_interface(_unscoped(text))
    if "/" not in text:
        raise ValueError(text)
    whole = interface.network.max_prefixlen
    if interface.network.prefixlen < whole - 1 and interface.ip == interface.network.network_address:
        raise ValueError(text)


def _prefix(text: str) -> None:
    if "/" not in text:
        raise ValueError(text)
    ipaddress.ip_network(text)


def _vlans(text: str) -> None:
    bounds = [int(part) for part in text.split("-", 1) if re.fullmatch("[0-9]{1,4}", part)]
    if len(bounds) != 1 + ("-" in text) or bounds != sorted(bounds) or bounds[-1] > 4094:
        raise ValueError(text)


def _range(text: str) -> None:
    if "/" in text:
        ipaddress.ip_network(text)
        return
    bounds = [ipaddress.ip_address(_unscoped(part)) for part in text.split("-", 1)]
    if len({bound.version for bound in bounds}) != 1 or int(bounds[0]) > int(bounds[-1]):
        raise ValueError(text)


def _mac(text: str) -> None:
    if not re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text):
        raise ValueError(text)


def _addresses(text: str) -> None:
    for part in text.split(","):
        ipaddress.ip_network(part.strip(), strict=False)


def _port(text: str) -> None:
    bounds = [int(bound) for bound in text.split("-", 1) if re.fullmatch("[0-9]{1,5}", bound)]
    if len(bounds) != 1 + ("-" in text) or bounds != sorted(bounds) or bounds[-1] > 65535:
        raise ValueError(text)


def _ports(text: str) -> None:
    for part in text.split(","):
        _port(part.strip())


_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FOUR = rf"({_OCTET}\.){{3}}{_OCTET}"
_SIX = r"[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
_EITHER = f"({_FOUR}|{_SIX})"
_MASK = "/[0-9.]+"

ADDRESSES = Formatted(
    _addresses,
    "addresses or prefixes are wanted, separated by commas",
    rf"\s*{_EITHER}({_MASK})?\s*(,\s*{_EITHER}({_MASK})?\s*)*",
)
PORTS = Formatted(_ports, "ports or ranges such as 80-90 are wanted, separated by commas", r"[-0-9,\s]+")
PORT = Formatted(_port, "a port or a range such as 80-90 is wanted", "[0-9]{1,5}(-[0-9]{1,5})?")
ADDRESS = Formatted(_address, "an IP address is wanted", _EITHER)
IPV4 = Formatted(ipaddress.IPv4Address, "an IPv4 address is wanted", _FOUR)
GATEWAY = Formatted(
    _gateway, "the gateway's own address with its prefix is wanted, such as 10.1.0.1/24", f"{_EITHER}{_MASK}"
)
PREFIX = Formatted(_prefix, "a prefix without host bits is wanted, such as 10.1.0.0/24", f"{_EITHER}{_MASK}")
RANGE = Formatted(_range, "an address, a range a-b or a prefix is wanted", f"{_EITHER}({_MASK}|-{_EITHER})?")
VLANS = Formatted(_vlans, "a VLAN id 0 to 4094, or a range such as 10-20, as a string", "[0-9]{1,4}(-[0-9]{1,4})?")
MAC = Formatted(_mac, "a MAC address such as 00:50:56:ad:28:d5", "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
