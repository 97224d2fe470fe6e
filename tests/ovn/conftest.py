"""Intents from YAML, and a northbound database in memory that refuses what the real one refuses."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import settings

from trunkline import ovn
from trunkline.intent import model
from trunkline.kit import addresses
from trunkline.ovn import diff, schema

# How long an example takes says more about the machine's other work than about ours.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

GOLDEN = Path(__file__).parent / "golden"
_KINDS = {
    "networks": model.Network,
    "subnets": model.Subnet,
    "filters": model.Filter,
    "ports": model.Port,
    "routers": model.Router,
    "qos": model.Qos,
    "router_ports": model.RouterPort,
    "router_links": model.RouterLink,
    "routes": model.Route,
    "nats": model.Nat,
}


def read_intent(path: Path) -> model.Intent:
    """An intent from a YAML file: lists of objects by kind."""
    document = yaml.safe_load(path.read_text())
    return model.Intent.of(
        msgspec.convert(item, kind, dec_hook=addresses.dec_hook)
        for name, kind in _KINDS.items()
        for item in document.get(name, ())
    )


def golden_cases() -> list[str]:
    return sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


class Database:
    """The northbound tables in memory.  `apply` is one transaction: it holds the rules of the schema or changes nothing."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.rows: dict[str, dict[str, dict[str, Any]]] = {table: {} for table in schema.TABLES}

    def observed(self, owner: str = "cluster") -> ovn.Observed:
        observed = ovn.Observed(owner)
        for table, rows in self.rows.items():
            for uuid, row in rows.items():
                children = {column: frozenset(row[column]) for column in schema.SETS[table]}
                observed.put(table, uuid, {name: row[name] for name in schema.TABLES[table].columns}, children)
        return observed

    def insert(self, table: str, uuid: str = "", **columns: Any) -> str:
        """Add a row as somebody with ovn-nbctl would."""
        uuid = uuid or f"uuid-{next(self._numbers):06}"
        blank = {name: column.default for name, column in schema.TABLES[table].columns.items()}
        self.rows[table][uuid] = blank | {name: set() for name in schema.SETS[table]} | columns
        return uuid

    def apply(self, plan: ovn.Plan) -> None:
        inserted: dict[ovn.RowKey, str] = {}
        for operation in plan.operations:
            self._do(operation, inserted)
        self.collect()
        self._check()

    def contents(self) -> dict[str, list[Any]]:
        """All rows without their uuids, so that two databases can be compared."""
        return {
            table: sorted((self._plain(table, row) for row in rows.values()), key=repr)
            for table, rows in self.rows.items()
        }

    def _plain(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        columns = {name: self._value(column, row[name]) for name, column in schema.TABLES[table].columns.items()}
        below = {
            column: sorted((self._plain(child, self.rows[child][uuid]) for uuid in row[column]), key=repr)
            for column, child in schema.CHILDREN[table].items()
        }
        for column, listed in schema.LISTED[table].items():
            below[column] = sorted(self.rows[listed][uuid]["name"] for uuid in row[column])
        return columns | below

    def _value(self, column: schema.Column, value: Any) -> Any:
        if column.shape is schema.Shape.ROW and value:
            return next(rows[value]["name"] for rows in self.rows.values() if value in rows)
        return _sorted(value)

    def _do(self, operation: diff.Operation, inserted: dict[ovn.RowKey, str]) -> None:
        match operation:
            case diff.Insert(key, columns):
                inserted[key] = self.insert(key.table, **_referring(columns, inserted))
            case diff.Update(key, uuid, columns, maps):
                row = self.rows[key.table][uuid]
                row |= _referring(columns, inserted)
                for name, change in maps.items():
                    row[name] = {k: v for k, v in row[name].items() if k not in change.drop} | change.put
            case diff.Delete(key, uuid, children):
                row = self.rows[key.table].pop(uuid)
                assert {column: frozenset(row[column]) for column in children} == children
            case diff.Attach(table, parent, column, children):
                row = self.rows[table][inserted.get(parent, parent)]
                row[column] |= {inserted.get(child, child) for child in children}
            case diff.Detach(table, parent, column, children):
                assert self.rows[table][parent][column] >= set(children)
                self.rows[table][parent][column] -= set(children)

    def collect(self) -> None:
        """Rows that live in no set are gone, as at the end of every transaction."""
        for table, shape in schema.TABLES.items():
            if shape.homes:
                homes = [row[column] for above, column in shape.homes.items() for row in self.rows[above].values()]
                alive = set().union(*homes)
                self.rows[table] = {uuid: row for uuid, row in self.rows[table].items() if uuid in alive}
        self._forget_gone()

    def _forget_gone(self) -> None:
        """Weak references to rows that are gone are emptied, in the same transaction."""
        alive = set().union(*self.rows.values())
        for table, shape in schema.TABLES.items():
            for name in (name for name, column in shape.columns.items() if column.shape is schema.Shape.ROW):
                for row in self.rows[table].values():
                    row[name] = row[name] if row[name] in alive else None
            for column in schema.LISTED[table]:
                for row in self.rows[table].values():
                    row[column] = row[column] & alive

    def _check(self) -> None:
        for table, rows in self.rows.items():
            if schema.TABLES[table].unique_name:
                names = [row["name"] for row in rows.values()]
                assert len(names) == len(set(names)), f"identical names in {table}: {sorted(names)}"
            for column, below in schema.CHILDREN[table].items():
                for row in rows.values():
                    assert row[column] <= set(self.rows[below]), f"dangling reference in {table}.{column}"


def _referring(columns: schema.Columns, inserted: dict[ovn.RowKey, str]) -> dict[str, Any]:
    """The columns with uuids in place of the keys of rows that the same plan inserts, in whatever order."""
    return {
        name: inserted.get(value, value) if isinstance(value, ovn.RowKey) else value for name, value in columns.items()
    }


def _sorted(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(sorted(value.items())) if isinstance(value, dict) else value


@pytest.fixture(scope="session")
def new_database() -> type[Database]:
    return Database


@pytest.fixture(scope="session")
def intent_of_case() -> Any:
    return lambda name: read_intent(GOLDEN / name / "intent.yaml")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_case" in metafunc.fixturenames:
        metafunc.parametrize("golden_case", golden_cases())
