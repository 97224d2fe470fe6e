"""The northbound rows that are there, indexed by the key they carry.

A child row counts as ours only inside a row of ours: our marks on a port in somebody else's switch neither make us adopt
it nor remove it.  Rows may arrive in any order; ownership is decided when it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from trunkline.ovn import identity, schema
from trunkline.ovn.context import DEFAULT_OWNER
from trunkline.ovn.identity import RowKey, RowUuid

_K = TypeVar("_K")
_V = TypeVar("_V")

Children = Mapping[str, frozenset[RowUuid]]
"""For each column of `schema.SETS`, the rows that it names."""

Place = tuple[str, RowUuid]
"""A table, and a row in it."""


class Row:
    """One observed row: its managed columns in normal form, its children, and the key it carries, if that is ours."""

    __slots__ = ("children", "columns", "key")

    def __init__(self, columns: schema.Columns, children: Children, key: RowKey | None) -> None:
        self.columns = columns
        self.children = children
        self.key = key


class Observed:
    """A mirror of the tables in `schema.TABLES`, from the point of view of `owner`."""

    def __init__(self, owner: str = DEFAULT_OWNER) -> None:
        self.owner = owner
        self._rows: dict[str, dict[RowUuid, Row]] = {table: {} for table in schema.TABLES}
        self._carriers: dict[RowKey, set[RowUuid]] = defaultdict(set)
        self._parents: dict[RowUuid, set[Place]] = defaultdict(set)
        self._lists: dict[RowUuid, set[Place]] = defaultdict(set)
        self._named: dict[tuple[str, schema.Value], RowUuid] = {}

    def put(self, table: str, uuid: RowUuid, columns: schema.Columns, children: Children) -> set[RowKey]:
        """Note a new or changed row; answers the keys for which something may be different now."""
        before = self._rows[table].get(uuid)
        key = identity.read(table, _text_map(columns.get("external_ids")), self.owner)
        after = Row(columns, children, key)
        self._rows[table][uuid] = after
        self._index(table, uuid, before, after)
        return self._touched(table, before, after)

    def remove(self, table: str, uuid: RowUuid) -> set[RowKey]:
        """Note that a row is gone; answers the keys for which something may be different now."""
        before = self._rows[table].pop(uuid, None)
        self._index(table, uuid, before, None)
        return self._touched(table, before, None)

    def row(self, table: str, uuid: RowUuid) -> Row:
        """The row of that uuid.

        Raises:
            KeyError: no such row.
        """
        return self._rows[table][uuid]

    def rows(self, table: str) -> Mapping[RowUuid, Row]:
        """Every row of a table, ours and others'."""
        return self._rows[table]

    def carriers(self, key: RowKey) -> list[RowUuid]:
        """The rows of ours that carry the key, in a stable order: one, unless somebody made a copy."""
        found = [uuid for uuid in self._carriers.get(key, ()) if self._stands(key.table, uuid)]
        return sorted(found) if len(found) > 1 else found

    def parents(self, uuid: RowUuid) -> list[Place]:
        """The rows of ours in which a row lives."""
        found = [parent for parent in self._parents.get(uuid, ()) if self.is_ours(*parent)]
        return sorted(found) if len(found) > 1 else found

    def lists(self, uuid: RowUuid) -> list[Place]:
        """The rows of ours that name a row without holding it."""
        return sorted(each for each in self._lists.get(uuid, ()) if self.is_ours(*each))

    def keys(self) -> Iterator[RowKey]:
        """Every key that some row of ours carries."""
        return (key for key in list(self._carriers) if self.carriers(key))

    def holder(self, table: str, name: schema.Value) -> RowUuid | None:
        """The row that has this name, in a table whose names are unique."""
        return self._named.get((table, name))

    def is_ours(self, table: str, uuid: RowUuid) -> bool:
        """Whether the row carries a key of our owner and, where rows live in others, lives in one of ours."""
        row = self._rows[table].get(uuid)
        return row is not None and row.key is not None and self._stands(table, uuid)

    def _stands(self, table: str, uuid: RowUuid) -> bool:
        """Whether a row that carries our marks stands where our rows stand."""
        alone = not schema.TABLES[table].homes
        return alone or any(self.is_ours(*parent) for parent in self._parents.get(uuid, ()))

    def _index(self, table: str, uuid: RowUuid, before: Row | None, after: Row | None) -> None:
        if before and before.key:
            _discard(self._carriers, before.key, uuid)
        if after and after.key:
            self._carriers[after.key].add(uuid)
        if schema.TABLES[table].unique_name:
            self._index_name(table, uuid, before, after)
        for column in schema.SETS[table]:
            index = self._parents if column in schema.CHILDREN[table] else self._lists
            old, new = _children(before, column), _children(after, column)
            for child in old - new:
                _discard(index, child, (table, uuid))
            for child in new - old:
                index[child].add((table, uuid))

    def _index_name(self, table: str, uuid: RowUuid, before: Row | None, after: Row | None) -> None:
        # Within one update a name may pass from one row to another, in either order.
        if before and self._named.get((table, before.columns["name"])) == uuid:
            del self._named[table, before.columns["name"]]
        if after:
            self._named[table, after.columns["name"]] = uuid

    def _touched(self, table: str, before: Row | None, after: Row | None) -> set[RowKey]:
        keys = {row.key for row in (before, after) if row and row.key}
        same_key = before is not None and after is not None and before.key == after.key
        for column, below in (*schema.CHILDREN[table].items(), *schema.LISTED[table].items()):
            old, new = _children(before, column), _children(after, column)
            keys |= self._keys_of(below, old ^ new if same_key else old | new)
        return keys

    def _keys_of(self, table: str, uuids: frozenset[RowUuid]) -> set[RowKey]:
        """The keys of rows and of all that lives in them: where a row stands decides whether they are ours."""
        found = [row for uuid in uuids if (row := self._rows[table].get(uuid))]
        keys = {row.key for row in found if row.key}
        for column, below in schema.CHILDREN[table].items():
            keys |= self._keys_of(below, frozenset().union(*(row.children[column] for row in found)))
        return keys


def _children(row: Row | None, column: str) -> frozenset[RowUuid]:
    return row.children.get(column, frozenset()) if row else frozenset()


def _discard(index: dict[_K, set[_V]], key: _K, value: _V) -> None:
    index[key].discard(value)
    if not index[key]:
        del index[key]


def _text_map(value: schema.Value) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
