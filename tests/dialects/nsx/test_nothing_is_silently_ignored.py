"""Every field that is taken is honoured, or says something about the object only, or makes an alarm when it asks for something.

A field that a new version of the table takes has to be put in one of the three places, or this fails.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from trunkline.dialects.nsx import catalogue, shapes, unheeded

HONOURED = {
    "Segment": "vlan_ids subnets.gateway_address connectivity_path transport_zone_path overlay_id admin_state "
    "advanced_config.connectivity advanced_config.uplink_teaming_policy_name",
    "SegmentPort": "address_bindings.ip_address address_bindings.mac_address address_bindings.vlan_id admin_state "
    "ignored_address_bindings.ip_address ignored_address_bindings.mac_address ignored_address_bindings.vlan_id "
    "attachment.id attachment.type attachment.context_id attachment.traffic_tag",
    "SegmentConnectionBindingMap": "vlan_traffic_tag segment_path",
    "Tier0": "transit_subnets",
    "Tier1": "tier0_path route_advertisement_types route_advertisement_rules.name route_advertisement_rules.action "
    "route_advertisement_rules.subnets route_advertisement_rules.prefix_operator "
    "route_advertisement_rules.route_advertisement_types",
    "LocaleServices": "edge_cluster_path preferred_edge_paths",
    "StaticRoutes": "network next_hops.ip_address next_hops.admin_distance next_hops.scope",
    "Tier0Interface": "segment_path subnets.ip_addresses subnets.prefix_len admin_state type edge_path",
    "Tier1Interface": "segment_path subnets.ip_addresses subnets.prefix_len admin_state",
    "PolicyNatRule": "action source_network destination_network translated_network translated_ports service scope enabled",
    "SegmentSecurityProfile": "bpdu_filter_enable bpdu_filter_allow dhcp_server_block_enabled dhcp_client_block_enabled "
    "dhcp_server_block_v6_enabled dhcp_client_block_v6_enabled non_ip_traffic_block_enabled",
    "IPDiscoveryProfile": "ip_v4_discovery_options.arp_snooping_config.arp_snooping_enabled "
    "ip_v4_discovery_options.arp_snooping_config.arp_binding_limit "
    "ip_v6_discovery_options.nd_snooping_config.nd_snooping_enabled "
    "ip_v6_discovery_options.nd_snooping_config.nd_snooping_limit "
    "tofu_enabled arp_nd_binding_timeout duplicate_ip_detection.duplicate_ip_detection_enabled",
    "SpoofGuardProfile": "address_binding_allowlist",
    "QoSProfile": "dscp.mode shaper_configurations",
    "PolicyTransportZone": "tz_type transport_zone_type is_default",
    "PortMirroringProfile": "profile_type direction destination_group encapsulation_type gre_key erspan_id snap_length "
    "filter_action port_mirroring_filters.src_ips.ip_addresses port_mirroring_filters.dst_ips.ip_addresses "
    "port_mirroring_filters.ip_protocol port_mirroring_filters.src_ports port_mirroring_filters.dst_ports",
    "IPFIXL2Profile": "ipfix_collector_profile_path observation_domain_id packet_sample_probability active_timeout "
    "max_flows priority",
    "IPFIXL2CollectorProfile": "ipfix_l2_collectors.collector_ip_address ipfix_l2_collectors.collector_port",
    "SegmentMonitoringProfileBindingMap": "port_mirroring_profile_path ipfix_l2_profile_path",
    "PortMonitoringProfileBindingMap": "port_mirroring_profile_path ipfix_l2_profile_path",
}
"""Done, or refused or remarked upon by the rules of the realisation."""

TELLS = {
    "Segment": "replication_mode advanced_config.urpf_mode",
    "SegmentPort": "tofu_version attachment.app_id",
    "Tier0": "ha_mode failover_mode disable_firewall",
    "Tier1": "failover_mode disable_firewall type",
    "Tier0Interface": "urpf_mode",
    "Tier1Interface": "urpf_mode",
    "PolicyNatRule": "sequence_number firewall_match",
    "PolicyTransportZone": "uplink_teaming_policy_names",
    "IPDiscoveryProfile": "ip_v4_discovery_options.dhcp_snooping_enabled ip_v4_discovery_options.vmtools_enabled",
    "MacDiscoveryProfile": "mac_learning_enabled unknown_unicast_flooding_enabled",
    "SegmentSecurityProfile": "rate_limits",
}
"""Nothing that anybody could miss, or a default of NSX that `unheeded` lists."""


def fields(shape: shapes.Object, prefix: str = "") -> list[str]:
    """The dotted paths of all that a client may set."""
    found = []
    for field in shape.fields:
        inner: Any = field.shape
        while isinstance(inner, shapes.ListOf):
            inner = inner.item
        if field.computed:
            continue
        if isinstance(inner, shapes.Object):
            found += fields(inner, f"{prefix}{field.name}.")
        else:
            found.append(prefix + field.name)
    return found


@pytest.mark.parametrize("kind", sorted(HONOURED | TELLS))
def test_every_field_is_honoured_or_tells_or_makes_an_alarm(kind):
    alarmed = {field.path for field in unheeded._FIELDS.get(kind, ())}
    known = {*HONOURED.get(kind, "").split(), *TELLS.get(kind, "").split()}
    taken = set(fields(catalogue.BY_TYPE[kind].shape))
    assert {each for each in taken - known if not any(each == a or each.startswith(f"{a}.") for a in alarmed)} == set()
    assert known - taken == set(), "no list names what is not taken"


def asking(path: str, value: Any) -> Any:
    """An object with the value at the end of a dotted path."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{kind}-{field.path}")
        for kind, fields in unheeded._FIELDS.items()
        for field in fields
    ],
)
def test_a_field_that_is_not_honoured_makes_an_alarm_once_it_asks_for_something(kind, field):
    def told(body: Any) -> list[str]:
        entry: Any = SimpleNamespace(path="/x/y", kind=kind, body=body)
        return [each.field for each in unheeded.remarks(entry)]

    assert told(asking(field.path, "something")) == [field.path]
    for nothing in (False, "", [], {}, *field.harmless):
        assert told(asking(field.path, nothing)) == []


def test_objects_that_ask_for_nothing_special_make_no_alarm(manager):
    bodies = {
        "/infra/tier-0s/t0": {},
        "/infra/tier-1s/t1": {"tier0_path": "/infra/tier-0s/t0"},
        "/infra/segments/web": {
            "connectivity_path": "/infra/tier-1s/t1",
            "subnets": [{"gateway_address": "10.1.0.1/24"}],
        },
        "/infra/segments/web/ports/vm": {"attachment": {"id": "vm"}},
        "/infra/tier-1s/t1/static-routes/r": {"network": "10.9.0.0/24", "next_hops": [{"ip_address": "10.1.0.9"}]},
    }
    for path, body in bodies.items():
        manager.patch(path, **body)
    assert [str(each) for entry in manager.tree.everything() for each in unheeded.remarks(entry)] == []


def test_a_profile_that_is_not_enforced_is_told_to_who_binds_it(manager):
    manager.patch("/infra/segments/web")
    manager.patch("/infra/mac-discovery-profiles/strict", mac_learning_enabled=True)
    own = "/infra/segments/web/segment-discovery-profile-binding-maps"
    default = "/infra/mac-discovery-profiles/default-mac-discovery-profile"
    manager.patch(f"{own}/a", mac_discovery_profile_path="/infra/mac-discovery-profiles/strict")
    manager.patch(default, mac_learning_enabled=False)
    manager.patch(f"{own}/b", mac_discovery_profile_path=default)
    found = {path: unheeded.remarks(manager.tree.entry(path)) for path in (f"{own}/a", f"{own}/b")}
    assert [len(each) for each in found.values()] == [1, 0]


def test_a_security_profile_is_enforced_and_only_what_ovn_cannot_do_makes_an_alarm(manager):
    manager.patch("/infra/segments/web")
    blocks = dict.fromkeys(HONOURED["SegmentSecurityProfile"].split(), True) | {
        "bpdu_filter_allow": ["01:80:c2:00:00:0e"]
    }
    path = "/infra/segment-security-profiles/strict"
    manager.patch(path, **blocks)
    own = "/infra/segments/web/segment-security-profile-binding-maps/a"
    manager.patch(own, segment_security_profile_path=path)
    assert [unheeded.remarks(manager.tree.entry(each)) for each in (path, own)] == [[], []]

    manager.patch(path, ra_guard_enabled=True, rate_limits_enabled=True)

    fields = [each.field for each in unheeded.remarks(manager.tree.entry(path))]
    assert fields == ["ra_guard_enabled", "rate_limits_enabled"]
