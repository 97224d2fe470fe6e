"""A database's schema, and the two directions between wire values and normal form that it drives.

Normal form: a scalar is `str`, `int`, `float`, `bool` or `RowUuid`; an optional (minimum 0, maximum 1) is a scalar or None;
any other set is a `frozenset`; a map is a `dict`.

Source: RFC 7047 sections 3.2 and 5.1; ovsdb-server(7) for the differences in `update2` and `update3`.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal, NewType

import msgspec

from trunkline.adapters.ovsdb import errors

RowUuid = NewType("RowUuid", str)
"""The `_uuid` of a row."""

NO_UUID = RowUuid("00000000-0000-0000-0000-000000000000")

Shape = Literal["scalar", "optional", "set", "map"]

_PYTHON: dict[str, Any] = {"string": str, "integer": int, "real": float, "boolean": bool, "uuid": RowUuid}
_DEFAULTS: dict[str, Any] = {"string": "", "integer": 0, "real": 0.0, "boolean": False, "uuid": ["uuid", NO_UUID]}


class NamedUuid(msgspec.Struct, frozen=True):
    """Stands for the row that an `insert` of the same transaction made under this `uuid_name`."""

    name: str


class ColumnType(msgspec.Struct, frozen=True, dict=True):
    """The type of a column: what its atoms are and how many there may be.

    `value` is "" unless the column is a map; `references` names the table that a uuid key points into, or is "".
    """

    key: str
    value: str = ""
    minimum: int = 1
    maximum: int = 1
    references: str = ""

    @cached_property
    def shape(self) -> Shape:
        """Which normal form the column has."""
        if self.value:
            return "map"
        if self.maximum > 1:
            return "set"
        return "scalar" if self.minimum else "optional"

    @cached_property
    def annotation(self) -> Any:
        """The Python type of the normal form, as a row struct would declare it."""
        key = _PYTHON[self.key]
        match self.shape:
            case "map":
                return types.GenericAlias(dict, (key, _PYTHON[self.value]))
            case "set":
                return types.GenericAlias(frozenset, (key,))
            case "optional":
                return key | None
        return key

    @cached_property
    def default(self) -> Any:
        """The wire value that the server leaves out of updates."""
        match self.shape:
            case "map":
                return ["map", []]
            case "scalar":
                return _DEFAULTS[self.key]
        return ["set", []]

    @cached_property
    def decode(self) -> Callable[[Any], Any]:
        """Wire value -> normal form; the fastest function for this type."""
        is_uuid = self.key == "uuid"
        match self.shape:
            case "map":
                return _map_decoder(is_uuid, self.value == "uuid")
            case "set":
                return _decode_uuids if is_uuid else _decode_set
            case "optional":
                return _decode_optional_uuid if is_uuid else _decode_optional
        return _decode_uuid if is_uuid else float if self.key == "real" else as_is

    def apply(self, old: Any, difference: Any) -> Any:
        """The value after an update: sets and maps of many send only what changed, everything else the new value."""
        new = self.decode(difference)
        if self.maximum == 1:
            return new
        if self.shape == "set":
            return old ^ new
        kept = {key: value for key, value in old.items() if key not in new}
        return kept | {key: value for key, value in new.items() if key not in old or old[key] != value}

    def encode(self, value: Any) -> Any:
        """Normal form -> wire value.  Rows made in the same transaction are given as `NamedUuid`.

        Raises:
            TypeError: the value has not the shape of the column.
        """
        match self.shape:
            case "map":
                return ["map", [[_atom(self.key, key), _atom(self.value, item)] for key, item in dict(value).items()]]
            case "set":
                return self.encode_set(value)
            case "optional" if value is None:
                return ["set", []]
        return _atom(self.key, value)

    def encode_set(self, value: Any) -> Any:
        """A collection of keys on the wire, whatever the shape of the column (a map forgets entries by key)."""
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise TypeError(f"a set of {self.key} is needed, not {value!r}")
        return ["set", [_atom(self.key, item) for item in value]]


UUID = ColumnType(key="uuid")


class TableSchema(msgspec.Struct, frozen=True):
    """A table's columns by name (without `_uuid` and `_version`)."""

    name: str
    columns: dict[str, ColumnType]

    def column(self, name: str) -> ColumnType:
        """The type of a column, `_uuid` included.

        Raises:
            SchemaMismatch: the table has no such column.
        """
        if name in ("_uuid", "_version"):
            return UUID
        if name not in self.columns:
            raise errors.SchemaMismatch(f"table {self.name}", f"no column {name}", f"has {', '.join(self.columns)}")
        return self.columns[name]


class DatabaseSchema(msgspec.Struct, frozen=True):
    """A database's name, version and tables."""

    name: str
    version: str
    tables: dict[str, TableSchema]

    def table(self, name: str) -> TableSchema:
        """A table by name.

        Raises:
            SchemaMismatch: the database has no such table.
        """
        if name not in self.tables:
            raise errors.SchemaMismatch(f"database {self.name}", f"no table {name}")
        return self.tables[name]


def parse(body: Mapping[str, Any]) -> DatabaseSchema:
    """Read a schema as `get_schema` answers it and as `.ovsschema` files hold it."""
    tables = {
        name: TableSchema(name, {column: _column_type(spec["type"]) for column, spec in table["columns"].items()})
        for name, table in body["tables"].items()
    }
    return DatabaseSchema(body["name"], body.get("version", ""), tables)


def encode(schema: DatabaseSchema, table: str, column: str, value: Any) -> Any:
    """The wire value of a column's value in normal form.

    Raises:
        SchemaMismatch: there is no such table or column.
        TypeError: the value has not the shape of the column.
    """
    return schema.table(table).column(column).encode(value)


def _column_type(spec: Any) -> ColumnType:
    if isinstance(spec, str):
        return ColumnType(spec)
    key, value, maximum = spec["key"], spec.get("value", ""), spec.get("max", 1)
    return ColumnType(
        key=_base(key),
        value=_base(value),
        minimum=spec.get("min", 1),
        maximum=sys.maxsize if maximum == "unlimited" else maximum,
        references=key.get("refTable", "") if isinstance(key, dict) else "",
    )


def _base(spec: Any) -> str:
    return str(spec["type"] if isinstance(spec, dict) else spec)


def _atom(kind: str, value: Any) -> Any:
    if kind == "uuid":
        return ["named-uuid", value.name] if isinstance(value, NamedUuid) else ["uuid", value]
    return value.decode() if isinstance(value, bytes) else value


# The decoders run once per value of a snapshot: they test types by identity and avoid calls.


def as_is(wire: Any) -> Any:
    """The wire value of a column whose values are in normal form already."""
    return wire


def _decode_uuid(wire: Any) -> Any:
    return wire[1]


def _decode_optional(wire: Any) -> Any:
    if wire.__class__ is not list:
        return wire
    return wire[1][0] if wire[1] else None


def _decode_optional_uuid(wire: Any) -> Any:
    if wire[0] == "uuid":
        return wire[1]
    return wire[1][0][1] if wire[1] else None


def _decode_set(wire: Any) -> Any:
    return frozenset(wire[1]) if wire.__class__ is list else frozenset((wire,))


def _decode_uuids(wire: Any) -> Any:
    if wire[0] == "uuid":
        return frozenset((wire[1],))
    return frozenset([atom[1] for atom in wire[1]])


def _decode_map(wire: Any) -> Any:
    return dict(wire[1])


def _map_decoder(uuid_keys: bool, uuid_values: bool) -> Callable[[Any], Any]:
    if not uuid_keys and not uuid_values:
        return _decode_map
    key = _decode_uuid if uuid_keys else as_is
    value = _decode_uuid if uuid_values else as_is
    return lambda wire: {key(name): value(item) for name, item in wire[1]}
