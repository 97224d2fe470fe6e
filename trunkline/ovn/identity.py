"""Which northbound row belongs to which intent object: the keys of rows, and how a row carries its key.

Every row that Trunkline writes names its owner, the intent object it follows from and the user's object behind that, in
`external_ids`.  A row without these marks, or with another owner, is somebody else's: it is never changed or removed.

Keys are named tuples because they are sorted, hashed and compared by the ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NewType

from trunkline.intent import model

RowUuid = NewType("RowUuid", str)
"""The `_uuid` of a row, as text."""

OWNER = "trunkline-owner"
KIND = "trunkline-kind"
ID = "trunkline-id"
PART = "trunkline-part"
SOURCE = "trunkline-source"

MARKS = frozenset({OWNER, KIND, ID, PART, SOURCE})
"""The keys of `external_ids` that are ours; all others belong to whoever wrote them."""


class ObjectKey(NamedTuple):
    """Names one intent object: the class name of its kind, and its id."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class RowKey(NamedTuple):
    """Names one row: its table, the intent object it follows from, and which part of that object it is.

    `part` is empty unless one object becomes several rows of one table.
    """

    table: str
    kind: str
    id: str
    part: str = ""

    @property
    def object(self) -> ObjectKey:
        """The intent object this row follows from."""
        return ObjectKey(self.kind, self.id)

    def __str__(self) -> str:
        return f"{self.table} {self.kind} {self.id}" + (f" ({self.part})" if self.part else "")


def key_of(item: model.Object) -> ObjectKey:
    """The key of an intent object."""
    return ObjectKey(type(item).__name__, item.id)


def marks(owner: str, key: RowKey, source: model.Source) -> dict[str, str]:
    """The `external_ids` that say whose row this is; empty values are left out."""
    values = {OWNER: owner, KIND: key.kind, ID: key.id, PART: key.part, SOURCE: str(source)}
    return {name: value for name, value in values.items() if value}


def read(table: str, external_ids: Mapping[str, str], owner: str) -> RowKey | None:
    """The key that a row of `table` carries, or None if the row is not `owner`'s."""
    if external_ids.get(OWNER) != owner:
        return None
    kind, object_id = external_ids.get(KIND), external_ids.get(ID)
    return RowKey(table, kind, object_id, external_ids.get(PART, "")) if kind and object_id else None
