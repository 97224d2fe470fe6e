"""Normal form to wire and back, and differences applied, for every kind of column."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.adapters import ovsdb
from trunkline.adapters.ovsdb import rows, schema

UNLIMITED = 2**63
ATOMS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=5),
    "integer": st.integers(-5, 5),
    "real": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "uuid": st.uuids().map(str),
}


def values(kind: ovsdb.ColumnType) -> st.SearchStrategy[Any]:
    atom = ATOMS[kind.key]
    match kind.shape:
        case "map":
            return st.dictionaries(atom, ATOMS[kind.value], max_size=4)
        case "set":
            return st.frozensets(atom, max_size=4)
        case "optional":
            return st.none() | atom
    return atom


keys = st.sampled_from(list(ATOMS))
kinds = st.one_of(
    st.builds(lambda key: ovsdb.ColumnType(key), keys),
    st.builds(lambda key: ovsdb.ColumnType(key, minimum=0), keys),
    st.builds(lambda key: ovsdb.ColumnType(key, minimum=0, maximum=UNLIMITED), keys),
    st.builds(lambda key, value: ovsdb.ColumnType(key, value, minimum=0, maximum=UNLIMITED), keys, keys),
)


@given(st.data(), kinds)
def test_what_is_encoded_decodes_to_itself(data: st.DataObject, kind: ovsdb.ColumnType) -> None:
    value = data.draw(values(kind))

    assert kind.decode(kind.encode(value)) == value


@given(st.data(), kinds.filter(lambda kind: kind.shape in ("set", "map")))
def test_a_difference_turns_the_old_value_into_the_new_one(data: st.DataObject, kind: ovsdb.ColumnType) -> None:
    old, new = data.draw(values(kind)), data.draw(values(kind))
    if kind.shape == "set":
        difference = old ^ new
    else:
        gone = {key: value for key, value in old.items() if key not in new}
        difference = gone | {key: value for key, value in new.items() if old.get(key, ...) != value}

    assert kind.apply(old, kind.encode(difference)) == new


def test_a_single_element_may_come_without_its_set() -> None:
    assert ovsdb.ColumnType("string", minimum=0, maximum=9).decode("one") == frozenset({"one"})
    assert ovsdb.ColumnType("uuid", minimum=0, maximum=9).decode(["uuid", "u"]) == frozenset({"u"})
    assert ovsdb.ColumnType("uuid", minimum=0).decode(["uuid", "u"]) == "u"
    assert ovsdb.ColumnType("uuid", minimum=0).decode(["set", []]) is None


class Port(ovsdb.Row, table="Port"):
    name: str
    tag: int | None
    trunks: frozenset[int]
    external_ids: dict[str, str]


class Renamed(ovsdb.Row, table="Port", rename={"label": "name"}):
    label: bytes


KNOWN = schema.parse(
    {
        "name": "Test",
        "tables": {
            "Port": {
                "columns": {
                    "name": {"type": "string"},
                    "tag": {"type": {"key": {"type": "integer", "minInteger": 0}, "min": 0, "max": 1}},
                    "trunks": {"type": {"key": "integer", "min": 0, "max": 4096}},
                    "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
                }
            }
        },
    }
)
UUID = ovsdb.RowUuid("11111111-2222-3333-4444-555555555555")


def test_columns_that_the_server_leaves_out_are_at_their_default() -> None:
    assert rows.TypedReader(Port, KNOWN).fresh(UUID, {}) == Port(UUID, "", None, frozenset(), {})


def test_rows_at_their_default_do_not_share_their_maps() -> None:
    reader = rows.TypedReader(Port, KNOWN)

    reader.fresh(UUID, {}).external_ids["mine"] = "only"  # type: ignore[attr-defined]

    assert reader.fresh(UUID, {}) == Port(UUID, "", None, frozenset(), {})


def test_a_modification_touches_only_what_it_names() -> None:
    reader = rows.TypedReader(Port, KNOWN)
    before = Port(UUID, "p", 7, frozenset({1, 2}), {"a": "1", "b": "2"})

    after = reader.modified(
        before, {"tag": ["set", []], "trunks": ["set", [2, 3]], "external_ids": ["map", [["a", "1"], ["b", "3"]]]}
    )

    assert after == Port(UUID, "p", None, frozenset({1, 3}), {"b": "3"})
    assert before == Port(UUID, "p", 7, frozenset({1, 2}), {"a": "1", "b": "2"})


def test_a_field_may_have_a_name_of_its_own_and_text_may_stay_bytes() -> None:
    reader = rows.TypedReader(Renamed, KNOWN)

    assert reader.columns == ("name",)
    assert reader.modified(reader.fresh(UUID, {"name": "é"}), {"name": "ü"}) == Renamed(UUID, "ü".encode())


def test_a_declaration_that_does_not_fit_the_schema_is_refused_by_name() -> None:
    class Wrong(ovsdb.Row, table="Port"):
        tag: int

    with pytest.raises(ovsdb.SchemaMismatch, match=r"Port\.tag"):
        rows.TypedReader(Wrong, KNOWN)
