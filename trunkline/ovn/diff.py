"""Desired rows against observed rows: the smallest ordered list of operations that brings the second to the first.

Only what is ours is compared: the managed columns of rows that carry our marks, and in map columns only our keys.
Children are attached to and detached from their parent's set one by one, so that other people's entries stay; a row
that stands by itself is deleted only when nobody else's rows live in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from trunkline.kit import problems
from trunkline.kit.problems import Problem
from trunkline.ovn import schema
from trunkline.ovn.identity import RowKey, RowUuid
from trunkline.ovn.observed import Observed, Place, Row
from trunkline.ovn.rows import DesiredRow

NAME_TAKEN = problems.register("TRK-0409", "A row of another owner has the name that a row of ours needs.")
INHABITED = problems.register("TRK-0410", "A row of ours is no longer wanted, but rows of others live in it.")

Ref = RowUuid | RowKey
"""A row that is there, by its uuid, or one that the same plan inserts, by its key."""


class Detach(msgspec.Struct, frozen=True):
    """Take rows out of a parent's set column; a row in no set is gone."""

    table: str
    parent: RowUuid
    column: str
    children: tuple[RowUuid, ...]


class Delete(msgspec.Struct, frozen=True):
    """Delete a row that stands by itself; `children` are what lived in it when this was planned, by column."""

    key: RowKey
    uuid: RowUuid
    children: Mapping[str, frozenset[RowUuid]]


class Insert(msgspec.Struct, frozen=True):
    """Add a row; one that lives in another is attached by an `Attach` of the same plan."""

    key: RowKey
    columns: schema.Columns


class Attach(msgspec.Struct, frozen=True):
    """Put rows into a parent's set column."""

    table: str
    parent: Ref
    column: str
    children: tuple[Ref, ...]


class MapChange(msgspec.Struct, frozen=True):
    """What becomes of our keys in a map column."""

    put: Mapping[str, str | int]
    drop: frozenset[str]


class Update(msgspec.Struct, frozen=True):
    """Change columns of a row: whole values in `columns`, single keys in `maps`.

    Here and in an `Insert` the value of a column that refers to a row is a `Ref`.
    """

    key: RowKey
    uuid: RowUuid
    columns: schema.Columns
    maps: Mapping[str, MapChange]


Operation = Detach | Delete | Insert | Attach | Update


class Plan(msgspec.Struct, frozen=True):
    """Operations in the order in which they are to be done, all in one transaction, and what could not be planned."""

    operations: tuple[Operation, ...] = ()
    problems: Mapping[RowKey, Problem] = {}


def plan(desired: Mapping[RowKey, DesiredRow], observed: Observed, keys: Iterable[RowKey] | None = None) -> Plan:
    """What to do so that our observed rows become the desired ones.

    Args:
        desired: all rows that should be, by key; the row in which one lives is among them.
        observed: what is there.
        keys: look only at these rows (and at parents they lack); None looks at everything of ours.  The work is
            proportional to their number.
    """
    planner = _Planner(desired, observed)
    for key in sorted({*desired, *observed.keys()} if keys is None else set(keys)):
        planner.settle(key)
    return planner.plan()


class _Planner:
    """Gathers the operations of one plan by kind, so that each parent's set is touched once."""

    def __init__(self, desired: Mapping[RowKey, DesiredRow], observed: Observed) -> None:
        self._desired = desired
        self._observed = observed
        self._detach: dict[tuple[str, RowUuid, str], list[RowUuid]] = defaultdict(list)
        self._delete: list[Delete] = []
        self._insert: dict[RowKey, Insert] = {}
        self._attach: dict[tuple[str, Ref, str], list[Ref]] = defaultdict(list)
        self._update: list[Update] = []
        self._problems: dict[RowKey, Problem] = {}

    def plan(self) -> Plan:
        deleted = {operation.uuid for operation in self._delete}
        # What lives in a deleted row goes with it.
        detach = [Detach(*place, tuple(rows)) for place, rows in self._detach.items() if place[1] not in deleted]
        attach = [Attach(*place, tuple(rows)) for place, rows in self._attach.items()]
        return Plan((*detach, *self._delete, *self._insert.values(), *attach, *self._update), self._problems)

    def settle(self, key: RowKey) -> None:
        """Plan for all rows that carry the key: one if it is desired, none otherwise."""
        wanted = self._desired.get(key)
        carriers = self._observed.carriers(key)
        kept = self._best(wanted, carriers) if wanted else None
        for uuid in carriers:
            if uuid != kept:
                self._drop(key, uuid)
        if wanted and kept:
            self._correct(wanted, kept)
        elif wanted:
            self._add(wanted)

    def _best(self, wanted: DesiredRow, carriers: list[RowUuid]) -> RowUuid | None:
        """Of several copies the one that already lives in the right place, else the first."""
        if len(carriers) < 2:
            return next(iter(carriers), None)
        home = self._home(wanted)
        settled = [uuid for uuid in carriers if home in self._observed.parents(uuid)]
        return (settled or carriers)[0]

    def _home(self, wanted: DesiredRow) -> Place | None:
        """The row that is there and in which the wanted one should live."""
        found = self._found(wanted.parent) if wanted.parent else None
        return (wanted.parent.table, found) if wanted.parent and found else None

    def _add(self, wanted: DesiredRow) -> None:
        if wanted.key in self._insert or self._name_is_taken(wanted) or self._lacks(wanted):
            return
        self._insert[wanted.key] = Insert(wanted.key, _complete(wanted.key, self._resolved(wanted)))
        if wanted.parent:
            self._place(wanted, wanted.key)
        self._enlist(wanted, wanted.key)

    def _lacks(self, wanted: DesiredRow) -> bool:
        """Whether a row that this one lives in or refers to can neither be found nor inserted."""
        for needed in _needs(wanted):
            if self._found(needed) is None:
                self._add(self._desired[needed])
                if needed not in self._insert:
                    self._problems[wanted.key] = self._problems[needed]
                    return True
        return False

    def _found(self, key: RowKey) -> RowUuid | None:
        """The row that is there and carries the key."""
        return next(iter(self._observed.carriers(key)), None)

    def _resolved(self, wanted: DesiredRow) -> schema.Columns:
        """The row's columns, with uuids in place of the keys of rows that are there."""
        return {
            name: self._found(value) or value if isinstance(value, RowKey) else value
            for name, value in wanted.columns.items()
        }

    def _place(self, wanted: DesiredRow, row: Ref) -> None:
        """Attach a row to its parent, which is there or inserted by the same plan."""
        assert wanted.parent
        column = schema.TABLES[wanted.key.table].homes[wanted.parent.table]
        self._attach[wanted.parent.table, self._found(wanted.parent) or wanted.parent, column].append(row)

    def _enlist(self, wanted: DesiredRow, row: Ref, listed: Sequence[Place] = ()) -> None:
        """Have a row named by those rows that should and, as `listed` says, do not yet."""
        columns = schema.TABLES[wanted.key.table].lists
        for key in wanted.lists:
            found = self._found(key)
            if found is None or (key.table, found) not in listed:
                self._attach[key.table, found or key, columns[key.table]].append(row)

    def _strike(self, wanted: DesiredRow, row: RowUuid, listed: Sequence[Place]) -> None:
        """Take a row out of the lists of ours that should not name it."""
        right = [(key.table, self._found(key)) for key in wanted.lists]
        for table, holder in listed:
            if (table, holder) not in right:
                self._detach[table, holder, schema.TABLES[wanted.key.table].lists[table]].append(row)

    def _correct(self, wanted: DesiredRow, uuid: RowUuid) -> None:
        """Bring a row that is there in line: its place and its columns."""
        if self._lacks(wanted):
            return
        row = self._observed.row(wanted.key.table, uuid)
        if wanted.parent:
            self._move(wanted, uuid)
        listed = self._observed.lists(uuid)
        self._enlist(wanted, uuid, listed)
        self._strike(wanted, uuid, listed)
        columns, maps = _changes(wanted.key, self._resolved(wanted), row)
        if columns or maps:
            self._update.append(Update(wanted.key, uuid, columns, maps))

    def _move(self, wanted: DesiredRow, uuid: RowUuid) -> None:
        home, parents = self._home(wanted), self._observed.parents(uuid)
        for parent in parents:
            if parent != home:
                self._leave(wanted.key, parent, uuid)
        if home is None or home not in parents:
            self._place(wanted, uuid)

    def _drop(self, key: RowKey, uuid: RowUuid) -> None:
        for parent in self._observed.parents(uuid):
            self._leave(key, parent, uuid)
        if not schema.TABLES[key.table].homes:
            self._delete_inhabited(key, uuid)

    def _leave(self, key: RowKey, parent: Place, uuid: RowUuid) -> None:
        table, holder = parent
        self._detach[table, holder, schema.TABLES[key.table].homes[table]].append(uuid)

    def _delete_inhabited(self, key: RowKey, uuid: RowUuid) -> None:
        """Delete a row with all that lives in it, unless somebody else's rows do."""
        row = self._observed.row(key.table, uuid)
        children = {column: row.children.get(column, frozenset()) for column in schema.CHILDREN[key.table]}
        strangers = [
            child
            for column, below in schema.CHILDREN[key.table].items()
            for child in sorted(children[column])
            if not self._observed.is_ours(below, child)
        ]
        if strangers:
            hint = "remove them with ovn-nbctl, the row follows"
            self._problems[key] = Problem(code=INHABITED, object=str(key), found=", ".join(strangers), hint=hint)
        else:
            self._delete.append(Delete(key, uuid, children))

    def _name_is_taken(self, wanted: DesiredRow) -> bool:
        table, name = wanted.key.table, wanted.columns.get("name")
        holder = self._observed.holder(table, name) if schema.TABLES[table].unique_name else None
        if holder is None or self._observed.is_ours(table, holder):
            return False
        hint = "remove or rename that row with ovn-nbctl, ours follows"
        self._problems[wanted.key] = Problem(
            code=NAME_TAKEN, object=str(wanted.key), field="name", found=f"{name} in use by row {holder}", hint=hint
        )
        return True


def _needs(wanted: DesiredRow) -> list[RowKey]:
    """The rows that must be there so that this one can be."""
    referred = [value for value in wanted.columns.values() if isinstance(value, RowKey)]
    return [*([wanted.parent] if wanted.parent else []), *referred, *wanted.lists]


def _complete(key: RowKey, wanted: schema.Columns) -> schema.Columns:
    """The columns to insert: what differs from the column's default."""
    shapes = schema.TABLES[key.table].columns
    return {name: value for name, value in wanted.items() if value != shapes[name].default}


def _changes(key: RowKey, wanted: schema.Columns, row: Row) -> tuple[schema.Columns, Mapping[str, MapChange]]:
    columns: dict[str, schema.Value] = {}
    maps: dict[str, MapChange] = {}
    for name, column in schema.TABLES[key.table].columns.items():
        want, have = wanted.get(name, column.default), row.columns.get(name, column.default)
        if isinstance(want, Mapping) and isinstance(have, Mapping):
            change = _map_change(want, have, column.ours)
            if change.put or change.drop:
                maps[name] = change
        elif want != have:
            columns[name] = want
    return columns, maps


def _map_change(want: Mapping[str, str | int], have: Mapping[str, str | int], ours: frozenset[str]) -> MapChange:
    put = {key: value for key, value in want.items() if have.get(key) != value}
    return MapChange(put, frozenset(key for key in ours if key in have and key not in want))
