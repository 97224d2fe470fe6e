"""The desired rows, kept in step with an intent that changes object by object.

What comes out is always what `compile_rows` would make of the same objects; a test holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trunkline.intent import model
from trunkline.kit.problems import Problem
from trunkline.ovn import identity
from trunkline.ovn.compile import compile_object
from trunkline.ovn.context import DEFAULT_OWNER, Context
from trunkline.ovn.identity import ObjectKey, RowKey
from trunkline.ovn.rows import DesiredRow


class Target:
    """All desired rows by key, and the problems of each object that has some."""

    def __init__(self, owner: str = DEFAULT_OWNER) -> None:
        self._context = Context(owner=owner)
        self._rows: dict[RowKey, DesiredRow] = {}
        self._keys: dict[ObjectKey, tuple[RowKey, ...]] = {}
        self._problems: dict[ObjectKey, tuple[Problem, ...]] = {}

    @property
    def rows(self) -> Mapping[RowKey, DesiredRow]:
        """Every desired row."""
        return self._rows

    @property
    def problems(self) -> Mapping[ObjectKey, tuple[Problem, ...]]:
        """What is wrong, by object."""
        return self._problems

    def apply(self, changed: Iterable[model.Object] = (), removed: Iterable[ObjectKey] = ()) -> set[RowKey]:
        """Take in new, changed and removed objects; answers the rows that are different now.

        The work is proportional to the objects given and to those that look at them.
        """
        affected: set[ObjectKey] = set()
        for key in removed:
            affected |= self._context.remove(key)
        for item in changed:
            if self._context.get(identity.key_of(item)) != item:
                affected |= self._context.put(item)
        return {row for key in affected for row in self._compile(key)}

    def replace(self, intent: model.Intent) -> set[RowKey]:
        """Take in a whole intent in place of everything known; answers the rows that are different now."""
        objects = intent.objects()
        gone = self._context.keys() - {identity.key_of(item) for item in objects}
        return self.apply(objects, gone)

    def _compile(self, key: ObjectKey) -> set[RowKey]:
        item = self._context.get(key)
        compiled = compile_object(item, self._context) if item else None
        rows = compiled.rows if compiled else {}
        before = {row: self._rows.pop(row) for row in self._keys.pop(key, ())}
        self._problems.pop(key, None)
        self._rows.update(rows)
        if rows:
            self._keys[key] = tuple(rows)
        if compiled and compiled.problems:
            self._problems[key] = compiled.problems
        return {row for row in {*before, *rows} if before.get(row) != rows.get(row)}
