"""`docs/mapping.md`, printed from the table of rules so that the page cannot drift from the code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from trunkline.ovn import identity, rules, schema
from trunkline.ovn.rules import Rule

_HEAD = f"""\
# What does an intent object become?

Printed from the table of rules in `trunkline/ovn/rules.py`; `pytest tests/ovn/test_docs.py --update-golden` prints it
again.  A row is known by its table, the kind and id of its object, and a part where one object has several rows in a
table.  Every row carries these in `external_ids` (`{identity.OWNER}`, `{identity.KIND}`, `{identity.ID}`,
`{identity.PART}`) and the user's object in `{identity.SOURCE}`.  Columns and keys that are not listed are left to others.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_HEAD, *_rules(), *_tables()]) + "\n"


def _rules() -> Iterator[str]:
    yield "| intent object | becomes a row of | part | when | what it is |"
    yield "|---|---|---|---|---|"
    for rule in rules.RULES:
        yield f"| {rule.kind.__name__} | `{rule.table}` | {rule.part} | {rule.when} | {_summary(rule)} |"
    for kind, why in rules.WITHOUT_ROWS.items():
        yield f"| {kind.__name__} | | | | {why} |"
    yield ""


def _tables() -> Iterator[str]:
    yield "## The columns that are ours"
    yield ""
    yield "| table | lives in | columns |"
    yield "|---|---|---|"
    for name, table in schema.TABLES.items():
        homes = ", ".join(f"`{above}.{column}`" for above, column in table.homes.items()) or "by itself"
        lists = "".join(f", named by `{above}.{column}`" for above, column in table.lists.items())
        yield f"| `{name}` | {homes}{lists} | {', '.join(_column(*item) for item in table.columns.items())} |"


def _column(name: str, column: schema.Column) -> str:
    if column.shape is not schema.Shape.MAP or name == "external_ids":
        return f"`{name}`"
    return ", ".join(f"`{name}:{key}`" for key in sorted(column.ours))


def _summary(rule: Rule) -> str:
    return (inspect.getdoc(rule.build) or "").partition("\n\n")[0].replace("\n", " ")
