"""Mirroring and IPFIX profiles: what is filled in, what is refused, and who holds them."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx.errors import Refused

MIRROR, COLLECTORS, FLOWS = (
    "/infra/port-mirroring-profiles/tap",
    "/infra/ipfix-l2-collector-profiles/collectors",
    "/infra/ipfix-l2-profiles/flows",
)
GROUP = "/infra/domains/default/groups/collectors"


def refused(code: int, status: int = 400):
    return pytest.raises(Refused, check=lambda error: (error.code, error.status) == (code, status))


@pytest.fixture
def stocked(manager):
    manager.patch(
        GROUP, expression=[{"resource_type": "IPAddressExpression", "ip_addresses": ["192.0.2.9"]}], display_name="c"
    )
    manager.patch(MIRROR, destination_group=GROUP)
    manager.patch(COLLECTORS, ipfix_l2_collectors=[{"collector_ip_address": "192.0.2.9"}])
    manager.patch(FLOWS, ipfix_collector_profile_path=COLLECTORS, observation_domain_id=7)
    return manager


def test_what_is_left_out_is_filled_in(stocked):
    mirror, flows = stocked.get(MIRROR), stocked.get(FLOWS)

    assert (mirror["profile_type"], mirror["direction"]) == ("REMOTE_L3_SPAN", "BIDIRECTIONAL")
    assert (mirror["encapsulation_type"], mirror["tcp_ip_stack"]) == ("GRE", "Default")
    assert (flows["active_timeout"], flows["max_flows"]) == (300, 16384)
    assert flows["packet_sample_probability"] == 0.1
    assert stocked.get(COLLECTORS)["ipfix_l2_collectors"][0]["collector_port"] == 4739


@pytest.mark.parametrize(
    "field",
    [
        {"snap_length": 59},
        {"gre_key": -1},
        {"profile_type": "SPAN"},
        {"direction": "IN"},
        {"encapsulation_type": "ERSPAN_TWO"},
        {"encapsulation_type": "ERSPAN_THREE", "erspan_id": 1024},
        {"filter_action": "INCLUDE"},
        {"port_mirroring_filters": [{"src_ips": {"ip_addresses": ["x"]}}]},
    ],
)
def test_mirroring_profiles_that_mean_nothing_are_refused(stocked, field):
    with refused(255):
        stocked.patch(MIRROR, destination_group=GROUP, **field)


@pytest.mark.parametrize(
    "field",
    [
        {"active_timeout": 59},
        {"packet_sample_probability": 0},
        {"packet_sample_probability": 100.5},
        {"packet_sample_probability": True},
        {"observation_domain_id": 2**32},
        {"priority": -1},
    ],
)
def test_ipfix_profiles_out_of_bounds_are_refused(stocked, field):
    body = {"ipfix_collector_profile_path": COLLECTORS, "observation_domain_id": 7, **field}

    with refused(255):
        stocked.patch(FLOWS, **body)


def test_every_mistake_is_told_together(stocked):
    with pytest.raises(Refused) as refusal:
        stocked.patch(MIRROR, snap_length=1, gre_key="x")

    assert [problem.field for problem in refusal.value.problems] == ["destination_group", "gre_key", "snap_length"]


@pytest.mark.parametrize("under", ["/infra", "/infra/tier-1s/t1", "/orgs/default/projects/p/infra"])
def test_segments_and_ports_bind_both_and_hold_them(stocked, under):
    stocked.patch("/infra/tier-1s/t1")
    stocked.patch("/orgs/default/projects/p")
    segment = stocked.segment("web", under=under)
    stocked.patch(f"{segment}/ports/vm")
    bound = {"port_mirroring_profile_path": MIRROR, "ipfix_l2_profile_path": FLOWS}
    on_segment = f"{segment}/segment-monitoring-profile-binding-maps/default"
    on_port = f"{segment}/ports/vm/port-monitoring-profile-binding-maps/default"

    for path in (on_segment, on_port):
        stocked.put(path, **bound)
    for profile in (MIRROR, FLOWS, COLLECTORS, GROUP):
        with refused(500030):
            stocked.delete(profile)

    stocked.delete(segment)  # its maps go with it
    for profile in (MIRROR, FLOWS, COLLECTORS, GROUP):
        stocked.delete(profile)


def test_all_of_it_may_come_in_one_hierarchical_body(manager):
    group = {
        "resource_type": "ChildDomain",
        "Domain": {
            "id": "default",
            "resource_type": "Domain",
            "children": [
                {
                    "resource_type": "ChildGroup",
                    "Group": {
                        "id": "collectors",
                        "resource_type": "Group",
                        "expression": [{"resource_type": "IPAddressExpression", "ip_addresses": ["192.0.2.9"]}],
                    },
                }
            ],
        },
    }
    profile = {"id": "tap", "resource_type": "PortMirroringProfile", "destination_group": GROUP}
    bound = {
        "id": "default",
        "resource_type": "SegmentMonitoringProfileBindingMap",
        "port_mirroring_profile_path": MIRROR,
    }
    segment = {
        "id": "web",
        "resource_type": "Segment",
        "children": [
            {"resource_type": "ChildSegmentMonitoringProfileBindingMap", "SegmentMonitoringProfileBindingMap": bound}
        ],
    }

    manager.hierarchy(
        {"resource_type": "ChildSegment", "Segment": segment},
        {"resource_type": "ChildPortMirroringProfile", "PortMirroringProfile": profile},
        group,
    )

    assert manager.has("/infra/segments/web/segment-monitoring-profile-binding-maps/default")
