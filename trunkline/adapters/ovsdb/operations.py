"""The operations of a transaction, with values in normal form.

An operation is turned into wire form with the schema of the server that it is sent to, so callers never spell
`["set", [...]]`.  Address rows by `_uuid` wherever it is known: any other condition makes the server look at every row.

Source: RFC 7047 section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from trunkline.adapters.ovsdb.schema import DatabaseSchema, NamedUuid, RowUuid, TableSchema

Condition = tuple[str, str, Any]
"""Column, function ("==", "!=", "<", "includes", ...), value in normal form."""

Mutation = tuple[str, str, Any]
"""Column, mutator ("+=", "insert", "delete", ...), value in normal form (for "delete" from a map: a set of keys)."""

_READ_ONLY = frozenset({"select", "wait", "comment", "assert", "commit"})


class Operation(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """One step of a transaction; made by the functions of this module.  Only what its kind needs is set."""

    kind: str
    table: str = ""
    where: tuple[Condition, ...] = ()
    row: Mapping[str, Any] = {}
    uuid_name: str = ""
    mutations: tuple[Mutation, ...] = ()
    columns: tuple[str, ...] | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    until: str = "=="
    timeout: float = 0.0
    text: str = ""
    durable: bool = False

    @property
    def changes_something(self) -> bool:
        """Whether the database may differ afterwards."""
        return self.kind not in _READ_ONLY

    def wire(self, schema: DatabaseSchema) -> dict[str, Any]:
        """The operation as `transact` takes it.

        Raises:
            SchemaMismatch: the schema lacks the table or a column.
            TypeError: a value has not the shape of its column.
        """
        if self.kind == "comment":
            return {"op": "comment", "comment": self.text}
        if self.kind == "assert":
            return {"op": "assert", "lock": self.text}
        if self.kind == "commit":
            return {"op": "commit", "durable": self.durable}
        table = schema.table(self.table)
        return {"op": self.kind, "table": self.table, **self._members(table)}

    def _members(self, table: TableSchema) -> dict[str, Any]:
        where = {"where": conditions(table, self.where)}
        match self.kind:
            case "insert":
                return {"row": _row(table, self.row), **({"uuid-name": self.uuid_name} if self.uuid_name else {})}
            case "update":
                return {**where, "row": _row(table, self.row)}
            case "mutate":
                return {**where, "mutations": [_mutation(table, *mutation) for mutation in self.mutations]}
            case "select" if self.columns is not None:
                return {**where, "columns": self.columns}
            case "wait":
                rows = [_row(table, row) for row in self.rows]
                timeout_ms = round(self.timeout * 1000)
                return {**where, "columns": self.columns, "until": self.until, "rows": rows, "timeout": timeout_ms}
        return where


def by_uuid(uuid: RowUuid | NamedUuid) -> tuple[Condition, ...]:
    """The row with this `_uuid`: found without a search."""
    return (("_uuid", "==", uuid),)


def by(column: str, value: Any) -> tuple[Condition, ...]:
    """The rows whose column equals `value`: the server looks at every row of the table."""
    return ((column, "==", value),)


def insert(table: str, row: Mapping[str, Any], uuid_name: str | None = None) -> Operation:
    """A new row; other operations of the transaction may call it `NamedUuid(uuid_name)`."""
    return Operation("insert", table, row=row, uuid_name=uuid_name or "")


def update(table: str, where: Iterable[Condition], row: Mapping[str, Any]) -> Operation:
    """Set columns of the rows that satisfy every condition."""
    return Operation("update", table, tuple(where), row=row)


def mutate(table: str, where: Iterable[Condition], mutations: Iterable[Mutation]) -> Operation:
    """Change columns in place: arithmetic, or insertion into and deletion from sets and maps."""
    return Operation("mutate", table, tuple(where), mutations=tuple(mutations))


def delete(table: str, where: Iterable[Condition]) -> Operation:
    """Remove the rows that satisfy every condition."""
    return Operation("delete", table, tuple(where))


def select(table: str, where: Iterable[Condition] = (), columns: Iterable[str] | None = None) -> Operation:
    """Read rows; the result's "rows" come in normal form."""
    return Operation("select", table, tuple(where), columns=None if columns is None else tuple(columns))


def wait(
    table: str,
    where: Iterable[Condition],
    rows: Sequence[Mapping[str, Any]],
    *,
    until: str = "==",
    timeout: float = 0.0,
) -> Operation:
    """Hold the transaction until the rows found look like `rows` (which all name the same columns).

    `rows=[]` asserts that there are none.  After `timeout` seconds the transaction fails with `TimedOut`; 0 tests once.
    """
    columns = tuple(rows[0]) if rows else ("_uuid",)
    return Operation("wait", table, tuple(where), columns=columns, rows=tuple(rows), until=until, timeout=timeout)


def comment(text: str) -> Operation:
    """A note in the database's log."""
    return Operation("comment", text=text)


def assert_lock(name: str) -> Operation:
    """Fail with `NotOwner` unless this connection holds the lock.  Locks fence nothing in a cluster: each server has its own."""
    return Operation("assert", text=name)


def commit(*, durable: bool) -> Operation:
    """Ask that the answer comes only after the data is on disk (`durable`)."""
    return Operation("commit", durable=durable)


def conditions(table: TableSchema, where: Iterable[Condition]) -> list[list[Any]]:
    """Conditions in wire form."""
    return [[column, function, table.column(column).encode(value)] for column, function, value in where]


def result(schema: DatabaseSchema, operation: Operation, wire: Mapping[str, Any]) -> dict[str, Any]:
    """What the server answered to one operation, with uuids and selected rows in normal form."""
    match wire:
        case {"uuid": [_, uuid]}:
            return {"uuid": RowUuid(uuid)}
        case {"rows": rows}:
            table = schema.table(operation.table)
            return {"rows": [{name: table.column(name).decode(value) for name, value in row.items()} for row in rows]}
    return dict(wire)


def _row(table: TableSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: table.column(column).encode(value) for column, value in row.items()}


def _mutation(table: TableSchema, column: str, mutator: str, value: Any) -> list[Any]:
    kind = table.column(column)
    if mutator not in ("insert", "delete"):
        return [column, mutator, value]
    is_map = kind.shape == "map" and isinstance(value, Mapping)
    return [column, mutator, kind.encode(value) if is_map else kind.encode_set(value)]
