"""Our page of the northbound schema against the schema that is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trunkline.ovn import schema
from trunkline.ovn.schema import Shape

INSTALLED = json.loads(Path("/usr/share/ovn/ovn-nb.ovsschema").read_text())["tables"]


@pytest.mark.parametrize("table", schema.TABLES)
def test_columns_exist_and_have_the_shape_we_think(table: str) -> None:
    installed = INSTALLED[table]["columns"]

    for name, column in schema.TABLES[table].columns.items():
        assert column.shape in shapes(installed[name]["type"]), name


@pytest.mark.parametrize("table", schema.TABLES)
def test_only_tables_that_stand_by_themselves_are_roots(table: str) -> None:
    assert INSTALLED[table].get("isRoot", False) is not bool(schema.TABLES[table].homes)


@pytest.mark.parametrize("table", schema.TABLES)
def test_rows_that_live_in_others_are_held_by_strong_references_and_lists_are_weak(table: str) -> None:
    for columns, strength in ((schema.CHILDREN[table], "strong"), (schema.LISTED[table], "weak")):
        for column, below in columns.items():
            key = INSTALLED[table]["columns"][column]["type"]["key"]
            assert (key["refTable"], key["refType"]) == (below, strength)


@pytest.mark.parametrize("table", schema.TABLES)
def test_unique_names_are_the_ones_with_an_index(table: str) -> None:
    assert schema.TABLES[table].unique_name is (["name"] in INSTALLED[table].get("indexes", []))


def shapes(kind: Any) -> set[Shape]:
    """The shapes of ours that fit a type of the schema."""
    if isinstance(kind, str):
        kind = {"key": kind}
    if "value" in kind:
        return {Shape.NUMBERS if _base(kind["value"]) == "integer" else Shape.MAP}
    if kind.get("max", 1) == "unlimited":
        return {Shape.SET}
    if kind.get("min", 1) == 0:
        return {Shape.ROW if _base(kind["key"]) == "uuid" else Shape.OPTIONAL}
    return {Shape.TEXT} if _base(kind["key"]) == "string" else {Shape.NUMBER}


def _base(kind: Any) -> str:
    return kind if isinstance(kind, str) else kind["type"]
