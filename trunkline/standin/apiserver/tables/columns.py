"""What a column is, and the ones that most kinds share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from trunkline.standin.apiserver import objects
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.tables import ages

Cell = Callable[[Json, datetime], Any]
"""Computes one cell from the object and the present moment (ages are computed by the server)."""


class Column(msgspec.Struct, frozen=True):
    """One column; `priority` 0 is always shown, 1 only with `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def header(self) -> Json:
        """The `metav1.TableColumnDefinition`."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def wide(name: str, cell: Cell) -> Column:
    """A column that only `-o wide` shows."""
    return Column(name, cell, priority=1)


def at(*path: str, default: Any = "<none>") -> Cell:
    """A cell that shows the value at `path`; an empty value counts as absent, zero and false do not."""

    def cell(obj: Json, _: datetime) -> Any:
        value = objects.dig(obj, *path)
        return default if value in (None, "") and not isinstance(value, bool) else value

    return cell


def number(*path: str) -> Cell:
    """A cell that shows the number at `path`, 0 when absent."""
    return at(*path, default=0)


def size(*fields: str) -> Cell:
    """A cell that counts the entries of one or more maps or lists at the top of the object."""
    return lambda obj, _: sum(len(obj.get(field) or ()) for field in fields)


def pairs(selected: Any) -> str:
    """Labels as "a=b,c=d"; "<none>" when there are none."""
    return ",".join(f"{key}={value}" for key, value in sorted((selected or {}).items())) or "<none>"


def selector(*path: str) -> Cell:
    """A cell that shows a LabelSelector, or a plain map of labels, as text."""

    def cell(obj: Json, _: datetime) -> str:
        found = objects.dig(obj, *path, default={})
        if "matchLabels" not in found and "matchExpressions" not in found:
            return pairs(found)
        terms = [f"{key}={value}" for key, value in sorted((found.get("matchLabels") or {}).items())]
        terms += [_expression(each) for each in objects.items(found, "matchExpressions")]
        return ",".join(terms) or "<none>"

    return cell


def _expression(expression: Json) -> str:
    key, values = str(expression.get("key", "")), ",".join(expression.get("values") or ())
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return forms.get(expression.get("operator", ""), key)


NAME = Column("Name", at("metadata", "name"), format="name")
AGE = Column("Age", lambda obj, now: ages.since(objects.dig(obj, "metadata", "creationTimestamp"), now))
CREATED_AT = Column("Created At", at("metadata", "creationTimestamp"), type="date")
PLAIN = (NAME, AGE)
"""The columns of a kind that has none of its own."""
