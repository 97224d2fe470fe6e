"""NAT rules: four sections come with every gateway; each action has the networks that it needs and no others."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx.errors import Refused

T1 = "/infra/tier-1s/t"
RULES = f"{T1}/nat/USER/nat-rules"


@pytest.fixture
def gateway(manager):
    manager.patch(T1)
    return manager


def test_sections_come_and_go_with_the_gateway(manager):
    for path in ("/infra/tier-0s/t", T1):
        manager.patch(path)
        sections = {manager.get(each)["nat_type"] for each in manager.tree.members(f"{path}/nat")}
        assert sections == {"USER", "INTERNAL", "DEFAULT", "NAT64"}
    manager.delete(T1)
    assert not manager.has(f"{T1}/nat/USER")


def test_a_gateway_with_rules_stays_and_the_rules_are_named(gateway):
    gateway.patch(f"{RULES}/r", action="NO_SNAT", source_network="10.0.0.0/8")
    with pytest.raises(Refused, match=rf"path=\[{T1}\] cannot be deleted.*path=\[{RULES}/r\]"):
        gateway.delete(T1)
    gateway.hierarchy({"Tier1": {"id": "t"}, "marked_for_delete": True})
    assert not gateway.has(f"{RULES}/r")


GOOD = [
    {"action": "SNAT", "source_network": "10.1.0.0/24", "translated_network": "192.0.2.1"},
    {
        "action": "DNAT",
        "destination_network": "192.0.2.1",
        "translated_network": "10.1.0.9",
        "translated_ports": "80-90",
    },
    {"action": "REFLEXIVE", "source_network": "10.1.0.9", "translated_network": "192.0.2.1"},
    {"action": "NO_SNAT", "source_network": "10.1.0.1,10.1.0.2", "destination_network": "10.0.0.0/8"},
    {"action": "NO_DNAT", "destination_network": "192.0.2.9", "policy_based_vpn_mode": "BYPASS"},
]


@pytest.mark.parametrize("body", GOOD, ids=lambda body: body["action"])
def test_each_action_is_stored_with_its_defaults(gateway, body):
    stored = gateway.put(f"{RULES}/r", **body)
    assert stored.items() >= body.items()
    assert (stored["enabled"], stored["logging"], stored["sequence_number"]) == (True, False, 0)
    assert stored["firewall_match"] == "MATCH_INTERNAL_ADDRESS"
    assert stored["resource_type"] == "PolicyNatRule"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "SNAT", "source_network": "10.1.0.0/24"}, "translated_network"),
        ({"action": "SNAT", "translated_network": "192.0.2.1"}, "source_network"),
        ({"action": "DNAT", "source_network": "10.1.0.9", "translated_network": "192.0.2.1"}, "destination_network"),
        ({"action": "NO_SNAT", "source_network": "10.1.0.1", "translated_network": "192.0.2.1"}, "translated_network"),
        ({**GOOD[0], "translated_ports": "80"}, "translated_ports"),
        ({**GOOD[1], "translated_ports": "90-80"}, "translated_ports"),
        ({**GOOD[1], "translated_ports": "65536"}, "translated_ports"),
        ({**GOOD[0], "policy_based_vpn_mode": "MATCH"}, "policy_based_vpn_mode"),
        ({**GOOD[0], "source_network": "10.1.0.0/24,fd00::/64"}, "source_network"),
        ({**GOOD[0], "source_network": "10.1.0.0-10.1.0.9"}, "source_network"),
        ({**GOOD[0], "source_network": ","}, "source_network"),
        ({**GOOD[0], "sequence_number": -1}, "sequence_number"),
        ({**GOOD[0], "action": "PAT"}, "action"),
        ({"source_network": "10.1.0.0/24"}, "action"),
        ({**GOOD[0], "action": "NAT64"}, "action"),
        ({**GOOD[0], "scope": ["/infra/segments/x"]}, "/infra/segments/x"),
    ],
)
def test_others_are_refused_by_the_name_of_the_field(gateway, body, field):
    with pytest.raises(Refused, match=field):
        gateway.put(f"{RULES}/r", **body)


def test_sections_that_are_the_systems_take_no_rules(gateway):
    for section in ("INTERNAL", "DEFAULT", "NAT64", "OTHER"):
        with pytest.raises(Refused):
            gateway.put(f"{T1}/nat/{section}/nat-rules/r", **GOOD[0])


def test_terraform_and_others_reach_rules_through_the_section(gateway):
    """A wrapper of what is the manager's own only descends."""
    rule = {"resource_type": "ChildPolicyNatRule", "PolicyNatRule": {"id": "r", **GOOD[0]}}
    section = {"PolicyNat": {"id": "USER", "nat_type": "USER", "children": [rule]}, "resource_type": "ChildPolicyNat"}
    reference = {"resource_type": "ChildResourceReference", "target_type": "Tier1", "id": "t", "children": [section]}
    gateway.hierarchy(reference)
    assert gateway.get(f"{RULES}/r")["action"] == "SNAT"
