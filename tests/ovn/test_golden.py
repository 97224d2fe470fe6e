"""Each folder of `golden/` is one behaviour: an intent, and the rows and problems that follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from trunkline import ovn

GOLDEN = Path(__file__).parent / "golden"


def test_rows_that_follow_from_the_intent_are_the_golden_ones(
    golden_case: str, intent_of_case: Any, update_golden: bool
) -> None:
    compiled = ovn.compile_rows(intent_of_case(golden_case))
    expected = GOLDEN / golden_case / "rows.yaml"

    if update_golden:
        expected.write_text(yaml.safe_dump(_readable(compiled), sort_keys=False, width=120))

    assert _readable(compiled) == yaml.safe_load(expected.read_text())


def _readable(compiled: ovn.Compiled) -> dict[str, Any]:
    return {
        "rows": [_row(row) for _, row in sorted(compiled.rows.items())],
        "problems": [str(problem) for problem in compiled.problems],
    }


def _row(row: ovn.DesiredRow) -> dict[str, Any]:
    columns = {name: _plain(value) for name, value in sorted(row.columns.items())}
    named = {"named by": [str(key) for key in row.lists]} if row.lists else {}
    return {"row": str(row.key), "in": str(row.parent) if row.parent else "", **named, **columns}


def _plain(value: Any) -> Any:
    if isinstance(value, ovn.RowKey):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, dict) else value
