"""Tables of a segment: what is not known of the wire is not in them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline.dialects.nsx import tables
from trunkline.dialects.nsx.tables import Host, Wire
from trunkline.dialects.nsx.view import Entry

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def entry(kind: str, **body: Any) -> Entry:
    return Entry("/infra/segments/s", kind, msgspec.json.encode({"realization_id": "r", **body}), 1)


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    assert found["result_count"] == len(found["results"])
    return found["results"]  # type: ignore[no-any-return]


def table(word: str, of: Entry, wire: Wire) -> list[dict[str, Any]]:
    return rows(tables.answer(of, word, wire, 5))


@pytest.mark.parametrize(
    ("tunnel", "row"),
    [
        ("192.0.2.1", {"mac_address": A, "vtep_ip": "192.0.2.1"}),
        ("2001:db8::1", {"mac_address": A, "vtep_ipv6": "2001:db8::1"}),
        ("", {"mac_address": A}),
    ],
)
def test_mac_behind_no_tunnel_has_no_tunnel_end(tunnel: str, row: dict[str, Any]) -> None:
    wire = Wire(hosts=(Host(mac=A, port="p", tunnel=tunnel),), tunnels=(tunnel,) if tunnel else ())

    assert table("mac-table", entry("Segment", overlay_id=70000), wire) == [row]
    assert table("mac-table", entry("Segment", vlan_ids=["5"]), wire) == [{"mac_address": A}]
    assert table("tep-table", entry("Segment", vlan_ids=["5"]), wire) == []


def test_port_shows_its_own_macs_and_what_is_bound_counts_as_bound() -> None:
    wire = Wire(hosts=(Host(mac=A, port="p", learned=True), Host(mac=A, port="p"), Host(mac=B, port="q")))

    assert table("mac-table", entry("SegmentPort", attachment={"id": "p"}), wire) == [
        {"mac_address": A, "mac_type": "STATIC"}
    ]
    assert table("mac-table", entry("SegmentPort"), wire) == []


def test_segment_without_a_gateway_has_nobody_who_would_know_neighbours() -> None:
    hosts = (Host(mac=A, port="p", addresses=("10.0.0.1",)),)

    assert table("arp-table", entry("Segment"), Wire(hosts=hosts)) == []
    assert table("arp-table", entry("Segment"), Wire(hosts=hosts, routed=True, neighbours=(("10.0.0.2", B),))) == [
        {"ip": "10.0.0.1", "mac_address": A},
        {"ip": "10.0.0.2", "mac_address": B},
    ]
