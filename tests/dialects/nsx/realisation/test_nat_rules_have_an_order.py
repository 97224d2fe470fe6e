"""NAT rules that take the same packets, or packets out of one another: the order that was asked for, or a word that it is not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

SECTION = "/infra/tier-0s/t0/nat/USER/nat-rules"
UPLINK = "/infra/tier-0s/t0/locale-services/l/interfaces/up"
BASE: dict[str, dict[str, Any]] = {
    "/infra/segments/out": {"vlan_ids": ["5"], "transport_zone_path": "/infra/tz"},
    "/infra/tier-0s/t0": {},
    "/infra/tier-0s/t0/locale-services/l": {"edge_cluster_path": "/infra/edges"},
    UPLINK: {
        "type": "EXTERNAL",
        "segment_path": "/infra/segments/out",
        "subnets": [{"ip_addresses": ["192.0.2.1"], "prefix_len": 24}],
    },
}
KINDS = {"/infra/segments/out": "Segment", "/infra/tier-0s/t0": "Tier0", UPLINK: "Tier0Interface"}


def snat(source: str, to: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "action": "SNAT",
        "source_network": source,
        "translated_network": to,
        "sequence_number": number,
        **more,
    }


def dnat(to: str, inside: str, number: int = 0) -> dict[str, Any]:
    return {
        "action": "DNAT",
        "destination_network": to,
        "translated_network": inside,
        "sequence_number": number,
    }


def fabric(kit: Any, rules: dict[str, dict[str, Any]]) -> Any:
    """The network of a Tier-0 with an uplink and these rules."""
    bodies = BASE | {f"{SECTION}/{name}": rule for name, rule in rules.items()}
    kinds = KINDS | {"/infra/tier-0s/t0/locale-services/l": "LocaleServices"}
    written = [
        kit.Written(path, kinds.get(path, "PolicyNatRule"), kit.msgspec.json.encode(body))
        for path, body in bodies.items()
    ]
    return kit.fabric_of(written)


def translations(found: Any) -> set[tuple[str, str]]:
    nats = (item for item in found.objects() if type(item).__name__ == "Nat")
    return {(str(nat.internal), str(nat.external)) for nat in nats}


@pytest.mark.parametrize("names", list(itertools.permutations("ab")))
def test_of_two_rules_for_the_same_packets_the_one_with_the_lower_number_is_made(kit: Any, names: Any) -> None:
    first, second = names
    found = fabric(kit, {first: snat("10.1.0.0/24", "192.0.2.7", 5), second: snat("10.1.0.0/24", "192.0.2.8", 6)})

    assert translations(found) == {("10.1.0.0/24", "192.0.2.7")}
    assert found.problems(f"{SECTION}/{first}") == []
    (problem,) = found.problems(f"{SECTION}/{second}")
    assert (problem.code, f"{SECTION}/{first}" in str(problem)) == ("TRK-0963", True)


def test_destinations_that_two_rules_translate_go_to_the_first(kit: Any) -> None:
    rules = {"a": dnat("192.0.2.9", "10.1.0.9", 2), "b": dnat("192.0.2.9", "10.1.0.8", 1)}

    assert translations(fabric(kit, rules)) == {("10.1.0.8/32", "192.0.2.9")}


def test_rule_that_a_narrower_one_of_a_higher_number_overtakes_is_told(kit: Any) -> None:
    found = fabric(kit, {"wide": snat("10.0.0.0/8", "192.0.2.7", 1), "narrow": snat("10.1.0.0/16", "192.0.2.8", 2)})

    (remark,) = found.remarks(f"{SECTION}/wide")
    assert (remark.field, f"{SECTION}/narrow" in str(remark)) == ("sequence_number", True)
    assert found.remarks(f"{SECTION}/narrow") == []
    assert len(translations(found)) == 2


@pytest.mark.parametrize(
    "rules",
    [
        {"wide": snat("10.0.0.0/8", "192.0.2.7", 2), "narrow": snat("10.1.0.0/16", "192.0.2.8", 1)},
        {"wide": snat("10.0.0.0/8", "192.0.2.7"), "narrow": snat("10.1.0.0/16", "192.0.2.8")},
        {"one": snat("10.1.0.0/16", "192.0.2.7", 1), "other": snat("10.2.0.0/16", "192.0.2.8", 2)},
        {"wide": snat("10.0.0.0/8", "192.0.2.7", 1), "off": snat("10.1.0.0/16", "192.0.2.8", 2, enabled=False)},
        {"out": snat("10.1.0.9", "192.0.2.9", 1), "in": dnat("192.0.2.9", "10.1.0.9", 2)},
    ],
)
def test_order_that_ovn_keeps_by_itself_is_nothing_to_speak_of(kit: Any, rules: dict[str, Any]) -> None:
    found = fabric(kit, rules)

    for name in rules:
        assert (found.problems(f"{SECTION}/{name}"), found.remarks(f"{SECTION}/{name}")) == ([], [])
