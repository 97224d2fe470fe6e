"""From rows to objects and back."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline import ovn
from trunkline.ovn import explain, identity


def test_every_golden_row_leads_back_to_the_object_it_follows_from(golden_case: str, intent_of_case: Any) -> None:
    intent = intent_of_case(golden_case)
    context = ovn.Context(intent.objects())
    objects = {identity.key_of(item): item for item in intent.objects()}

    for row in ovn.compile_rows(intent).rows.values():
        origin = explain.origin(row.columns["external_ids"])

        assert origin is not None
        assert row in explain.rows_of(objects[origin.object], context)
        assert identity.read(row.key.table, row.columns["external_ids"], "cluster") == row.key


@pytest.mark.parametrize(
    "external_ids", [{}, {"neutron:port_name": "x"}, {"trunkline-owner": "cluster", "trunkline-kind": "Port"}]
)
def test_row_of_somebody_else_has_no_origin(external_ids: dict[str, str]) -> None:
    assert explain.origin(external_ids) is None


def test_origin_reads_as_a_sentence(intent_of_case: Any) -> None:
    rows = ovn.compile_rows(intent_of_case("pods-on-a-vlan")).rows.values()

    said = {str(explain.origin(row.columns["external_ids"])) for row in rows}

    assert "Port ns-ap/web-0/1c3e5a70, from Pod ns-ap/web-0" in said
    assert "Network vlan/trunk/19/172.16.19.0-24, localnet, from IPPool pool-ap" in said
