"""Rows as structs: consumers declare the columns that they want, and only those are monitored and decoded.

    class Interface(ovsdb.Row, table="Interface"):
        name: str
        external_ids: dict[str, str]
        ofport: int | None
        mirrors: frozenset[ovsdb.RowUuid]

A column of strings may be declared `bytes`: its text then arrives encoded as UTF-8.  Rows never form cycles, so they are
kept out of the garbage collector's sight.

Invariant: a declaration that does not fit the server's schema fails when the connection is made, not when a value comes.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import msgspec

from trunkline.adapters.ovsdb import errors
from trunkline.adapters.ovsdb.schema import ColumnType, DatabaseSchema, RowUuid, as_is


class _RowMeta(msgspec.StructMeta):
    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], table: str = "", **options: Any
    ) -> Any:
        cls: Any = super().__new__(mcls, name, bases, namespace, **({"frozen": True, "gc": False} | options))
        if table:
            cls.__ovsdb_table__ = table
        return cls


class Row(msgspec.Struct, metaclass=_RowMeta):
    """Base of row structs; every row has its `uuid`."""

    uuid: RowUuid

    __ovsdb_table__: ClassVar[str] = ""

    if TYPE_CHECKING:

        def __init_subclass__(cls, *, table: str = "", **options: Any) -> None: ...


class GenericRow(msgspec.Struct, frozen=True, gc=False):
    """A row of any table; `columns` holds the monitored columns in normal form."""

    table: str
    uuid: RowUuid
    columns: dict[str, Any]


AnyRow = Row | GenericRow
RowT = TypeVar("RowT", bound=Row)


class Reader(Protocol):
    """Builds the rows of one table from what the server sends."""

    @property
    def table(self) -> str:
        """Which table."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """Which columns, as the schema spells them."""
        ...

    def fresh(self, uuid: RowUuid, wire: dict[str, Any]) -> AnyRow:
        """A whole row; columns at their default are absent from `wire`."""
        ...

    def modified(self, row: Any, wire: dict[str, Any]) -> AnyRow:
        """The row after an update that holds only the columns that changed."""
        ...


class _Plan:
    """How a row's values are found: snapshots have many, so those that the wire has in normal form are only looked up."""

    def __init__(self, columns: Mapping[str, tuple[Any, Callable[[Any], Any]]]) -> None:
        self._columns = tuple(columns)
        self._defaults = tuple(default for default, _ in columns.values())
        self._decoded = [(place, decode) for place, (_, decode) in enumerate(columns.values()) if decode is not as_is]

    def values(self, wire: dict[str, Any]) -> list[Any]:
        """The values of all columns; those at their default are absent from `wire`."""
        found = [*map(wire.get, self._columns, self._defaults)]
        for place, decode in self._decoded:
            found[place] = decode(found[place])
        return found


class TypedReader:
    """Reads rows into a declared struct."""

    def __init__(self, row: type[Row], schema: DatabaseSchema) -> None:
        self.table = row.__ovsdb_table__
        self.columns = row.__struct_encode_fields__[1:]
        self._row = row
        table = schema.table(self.table)
        hints = typing.get_type_hints(row)
        self._types: dict[str, tuple[str, ColumnType, Callable[[Any], Any]]] = {}
        for field, column in zip(row.__struct_fields__[1:], self.columns, strict=True):
            kind = table.column(column)
            self._types[column] = (field, kind, _checked_decoder(f"{self.table}.{column}", hints[field], kind))
        self._plan = _Plan({column: (kind.default, decode) for column, (_, kind, decode) in self._types.items()})

    def fresh(self, uuid: RowUuid, wire: dict[str, Any]) -> Row:
        """See `Reader`."""
        return self._row(uuid, *self._plan.values(wire))

    def modified(self, row: Any, wire: dict[str, Any]) -> Row:
        """See `Reader`."""
        changes = {}
        for column, difference in wire.items():
            field, kind, decode = self._types[column]
            new = decode(difference) if kind.maximum == 1 else kind.apply(getattr(row, field), difference)
            changes[field] = new
        changed: Row = msgspec.structs.replace(row, **changes)
        return changed


class GenericReader:
    """Reads rows of any table; `columns` None means all."""

    def __init__(self, table: str, columns: Sequence[str] | None, schema: DatabaseSchema) -> None:
        self.table = table
        described = schema.table(table)
        self.columns = tuple(described.columns if columns is None else columns)
        self._types = {column: described.column(column) for column in self.columns}
        self._plan = _Plan({column: (kind.default, kind.decode) for column, kind in self._types.items()})

    def fresh(self, uuid: RowUuid, wire: dict[str, Any]) -> GenericRow:
        """See `Reader`."""
        return GenericRow(self.table, uuid, dict(zip(self.columns, self._plan.values(wire), strict=True)))

    def modified(self, row: Any, wire: dict[str, Any]) -> GenericRow:
        """See `Reader`."""
        changes = {column: self._types[column].apply(row.columns[column], item) for column, item in wire.items()}
        return GenericRow(self.table, row.uuid, row.columns | changes)


def _checked_decoder(where: str, hint: Any, kind: ColumnType) -> Callable[[Any], Any]:
    if hint is bytes and kind.shape == "scalar" and kind.key == "string":
        return str.encode
    if hint != kind.annotation:
        raise errors.SchemaMismatch(where, f"declared as {hint}", f"the schema says {kind.annotation}")
    return kind.decode
