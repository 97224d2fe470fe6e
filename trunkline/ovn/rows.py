"""What the compiler puts out: rows that should be, and what was wrong on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from trunkline.kit.problems import Problem
from trunkline.ovn import schema
from trunkline.ovn.identity import RowKey


class Draft(msgspec.Struct, frozen=True):
    """What a builder says of a row: its columns without the marks, which part of its object it is, where it lives.

    `lists` are the rows that name it without holding it.
    """

    columns: schema.Columns
    part: str = ""
    parent: RowKey | None = None
    lists: tuple[RowKey, ...] = ()


class DesiredRow(msgspec.Struct, frozen=True):
    """One northbound row as it should be.

    `columns` are in normal form (see `schema`); a managed column that is missing should hold its default.  `parent`
    is the row in which this one lives, None for a row that stands by itself; `lists` are those that name it as well.
    """

    key: RowKey
    columns: schema.Columns
    parent: RowKey | None = None
    lists: tuple[RowKey, ...] = ()


class Compiled(msgspec.Struct, frozen=True):
    """Rows by key, and the problems met; an object with a problem has fewer rows or none, never wrong ones."""

    rows: Mapping[RowKey, DesiredRow] = {}
    problems: tuple[Problem, ...] = ()

    @classmethod
    def union(cls, parts: Iterable[Compiled]) -> Compiled:
        """All rows and all problems of several objects."""
        rows: dict[RowKey, DesiredRow] = {}
        problems: list[Problem] = []
        for part in parts:
            rows.update(part.rows)
            problems.extend(part.problems)
        return cls(rows, tuple(problems))
