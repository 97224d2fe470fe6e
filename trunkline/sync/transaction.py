"""A plan as one OVSDB transaction: keys become uuids, and guards stand in front where a race could lose data.

Two races matter.  Somebody may have put a row into one of ours since we looked, so a deletion waits for the contents it
was planned for.  Another writer of the same owner may have made the same switch or router, whose names the database
does not keep unique, so an insertion waits for the absence of its marks.  A guard that fails undoes the whole
transaction; the next plan sees why.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline import ovn
from trunkline.adapters import ovsdb
from trunkline.ovn import diff, identity, schema

_IDENTITY = (identity.OWNER, identity.KIND, identity.ID, identity.PART)


def operations(plan: ovn.Plan) -> list[ovsdb.Operation]:
    """The OVSDB operations of a plan, guards first."""
    names = {op.key: f"row{number}" for number, op in enumerate(plan.operations) if isinstance(op, diff.Insert)}
    guards = [guard for operation in plan.operations for guard in _guards(operation)]
    return [*guards, *(step for operation in plan.operations for step in _steps(operation, names))]


def _guards(operation: diff.Operation) -> Iterator[ovsdb.Operation]:
    match operation:
        case diff.Delete(key, uuid, children):
            yield ovsdb.wait(key.table, ovsdb.by_uuid(ovsdb.RowUuid(uuid)), [children])
        case diff.Insert(key, columns) if not schema.TABLES[key.table].homes:
            external_ids = columns["external_ids"]
            assert isinstance(external_ids, dict)
            marks = {mark: external_ids[mark] for mark in _IDENTITY if mark in external_ids}
            yield ovsdb.wait(key.table, [("external_ids", "includes", marks)], [])


def _steps(operation: diff.Operation, names: dict[ovn.RowKey, str]) -> Iterator[ovsdb.Operation]:
    match operation:
        case diff.Detach(table, parent, column, children):
            yield ovsdb.mutate(table, _where(parent, names), [(column, "delete", frozenset(children))])
        case diff.Delete(key, uuid):
            yield ovsdb.delete(key.table, _where(uuid, names))
        case diff.Insert(key, columns):
            yield ovsdb.insert(key.table, _values(columns, names), names[key])
        case diff.Attach(table, parent, column, children):
            rows = [_row(child, names) for child in children]
            yield ovsdb.mutate(table, _where(parent, names), [(column, "insert", rows)])
        case diff.Update(key, uuid, columns, maps):
            if columns:
                yield ovsdb.update(key.table, _where(uuid, names), _values(columns, names))
            if maps:
                yield ovsdb.mutate(key.table, _where(uuid, names), list(_map_mutations(operation)))


def _map_mutations(update: diff.Update) -> Iterator[tuple[str, str, object]]:
    for column, change in update.maps.items():
        # Inserting into a map leaves a key that is there as it is, so keys go first and come back.
        yield column, "delete", change.drop | change.put.keys()
        if change.put:
            yield column, "insert", change.put


def _values(columns: schema.Columns, names: dict[ovn.RowKey, str]) -> dict[str, object]:
    return {name: _row(value, names) if isinstance(value, ovn.RowKey) else value for name, value in columns.items()}


def _where(ref: diff.Ref, names: dict[ovn.RowKey, str]) -> tuple[ovsdb.operations.Condition, ...]:
    return ovsdb.by_uuid(_row(ref, names))


def _row(ref: diff.Ref, names: dict[ovn.RowKey, str]) -> ovsdb.RowUuid | ovsdb.NamedUuid:
    return ovsdb.NamedUuid(names[ref]) if isinstance(ref, ovn.RowKey) else ovsdb.RowUuid(ref)
