"""Intent objects through the table of rules: rows and problems, nothing else.

The rows of an object are a function of that object and its context, so that all rows are the union over all objects and
one changed object costs only its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.ovn import checks, identity
from trunkline.ovn.context import DEFAULT_OWNER, Context
from trunkline.ovn.identity import RowKey
from trunkline.ovn.rows import Compiled, DesiredRow, Draft
from trunkline.ovn.rules import rules_for


def compile_object(item: model.Object, context: Context) -> Compiled:
    """The rows that follow from one object, and what is wrong with it; a refused object has no rows."""
    refusals = checks.refusals(item, context)
    if refusals:
        return Compiled(problems=tuple(refusals))
    return Compiled({row.key: row for row in _rows(item, context)}, tuple(checks.remarks(item, context)))


def compile_rows(intent: model.Intent, owner: str = DEFAULT_OWNER) -> Compiled:
    """The rows that follow from a whole intent, marked as `owner`'s."""
    context = Context(intent.objects(), owner)
    return Compiled.union(compile_object(item, context) for item in context.objects())


def _rows(item: model.Object, context: Context) -> Iterator[DesiredRow]:
    for rule in rules_for(type(item)):
        for draft in rule.build(item, context):
            yield _row(rule.table, item, draft, context.owner)


def _row(table: str, item: model.Object, draft: Draft, owner: str) -> DesiredRow:
    kind, object_id = identity.key_of(item)
    key = RowKey(table, kind, object_id, draft.part)
    columns = {**draft.columns, "external_ids": identity.marks(owner, key, item.source)}
    return DesiredRow(key, columns, draft.parent, draft.lists)
