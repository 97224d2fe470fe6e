"""The document's workflow through the unmodified official SDK; run by an interpreter that has `vcf-nsx`, prints what it saw.

Usage: walk.py URL CA PASSWORD
"""

import json
import sys

import requests
from vcf.nsx import model_client as model
from vcf.nsx.policy.api import v1_client
from vcf.nsx.policy.api.v1 import infra_client, orgs_client, search_client
from vcf.nsx.policy.api.v1.infra import domains_client, realized_state_client, segments_client, tier_1s_client
from vcf.nsx.policy.api.v1.infra.tier_1s import segments_client as fixed_client
from vcf.nsx.policy.api.v1.orgs.projects import infra_client as project_client
from vcf.nsx.policy.api.v1.orgs.projects.infra import segments_client as project_segments_client
from vmware.vapi.lib.connect import get_requests_connector
from vmware.vapi.security.user_password import create_user_password_security_context
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory

url, authority, password = sys.argv[1:]
session = requests.Session()
session.verify = authority
connector = get_requests_connector(session=session, msg_protocol="rest", url=url)
connector.set_security_context(create_user_password_security_context("admin", password))
config = StubConfigurationFactory.new_std_configuration(connector)
seen = {}


def binding(tag, parent):
    return model.SegmentConnectionBindingMap(vlan_traffic_tag=tag, segment_path=parent)


# Provider: parent, child, binding, stale revision, list, refusals, teardown.
segments = infra_client.Segments(config)
maps = segments_client.SegmentConnectionBindingMaps(config)
for name in ("parent", "child"):
    subnet = model.SegmentSubnet(gateway_address=f"192.168.{len(name)}.1/24")
    segments.policy_lm_patch_infra_segment(name, model.Segment(display_name=name, subnets=[subnet]))
made = maps.policy_lm_create_or_update_infra_segment_connection_binding_map(
    "child", "m1", binding(10, "/infra/segments/parent")
)
seen["made"] = [made.vlan_traffic_tag, made.segment_path, made.id, made.path, made.revision]
read = maps.policy_lm_read_infra_segment_connection_binding_map("child", "m1")
read.vlan_traffic_tag = 11
changed = maps.policy_lm_create_or_update_infra_segment_connection_binding_map("child", "m1", read)
seen["changed"] = [changed.vlan_traffic_tag, changed.revision]
try:
    maps.policy_lm_create_or_update_infra_segment_connection_binding_map("child", "m1", read)
except Exception as error:
    seen["stale"] = [
        type(error).__name__,
        error.get_status_code(),
        error.related_errors[0].error_message.split(". ")[-1],
    ]
listed = maps.policy_lm_list_infra_segment_connection_binding_map(
    "child", included_fields="vlan_traffic_tag,segment_path", page_size=5, sort_ascending=True
)
seen["listed"] = [[one.vlan_traffic_tag for one in listed.results], listed.result_count]
try:
    segments.policy_lm_delete_infra_segment("parent")
except Exception as error:
    seen["in use"] = [type(error).__name__, error.related_errors[0].error_code]
seen["state"] = segments_client.State(config).policy_lm_get_infra_segment_state("child").state
entities = realized_state_client.RealizedEntities(config).policy_lm_list_realized_entities("/infra/segments/child")
seen["realized"] = [[one.intent_paths, one.state] for one in entities.results]
maps.policy_lm_delete_infra_segment_connection_binding_map("child", "m1")
for name in ("child", "parent"):
    segments.policy_lm_delete_infra_segment(name)
try:
    segments.policy_lm_read_infra_segment("child")
except Exception as error:
    seen["gone"] = [type(error).__name__, error.get_status_code()]

# Tier-1 family, and a static route.
infra_client.Tier1s(config).policy_lm_patch_tier1("t1", model.Tier1(route_advertisement_types=["TIER1_STATIC_ROUTES"]))
fixed = tier_1s_client.Segments(config)
for name in ("parent", "child"):
    fixed.policy_lm_patch_segment("t1", name, model.Segment())
answer = fixed_client.SegmentConnectionBindingMaps(
    config
).policy_lm_create_or_update_tier1_segment_connection_binding_map(
    "t1", "child", "m1", binding(20, "/infra/tier-1s/t1/segments/parent")
)
seen["tier-1"] = answer.path
routes = tier_1s_client.StaticRoutes(config)
hop = model.RouterNexthop(ip_address="10.0.0.9")
routes.policy_lm_patch_tier1_static_routes("t1", "r1", model.StaticRoutes(network="100.96.1.0/24", next_hops=[hop]))
seen["route"] = routes.policy_lm_read_tier1_static_routes("t1", "r1").next_hops[0].admin_distance

# Project family.
orgs_client.Projects(config).policy_lm_patch_project("default", "blue", model.Project(display_name="blue"))
tenant = project_client.Segments(config)
for name in ("parent", "child"):
    tenant.policy_orgs_org_id_projects_project_id_infra_lm_patch_infra_segment(name, "default", "blue", model.Segment())
project_maps = project_segments_client.SegmentConnectionBindingMaps(config)
create = "policy_orgs_org_id_projects_project_id_infra_lm_create_or_update_infra_segment_connection_binding_map"
answer = getattr(project_maps, create)(
    "default", "blue", "child", "m1", binding(30, "/orgs/default/projects/blue/infra/segments/parent")
)
seen["project"] = answer.path

# Mirroring and IPFIX.
group = model.Group(display_name="taps")
domains_client.Groups(config).policy_patch_group_for_domain("default", "taps", group)
infra_client.PortMirroringProfiles(config).policy_lm_create_or_replace_port_mirroring_profile(
    "tap", model.PortMirroringProfile(destination_group="/infra/domains/default/groups/taps", snap_length=128)
)
collector = model.IPFIXL2Collector(collector_ip_address="192.0.2.9", collector_port=4739)
infra_client.IpfixL2CollectorProfiles(config).policy_lm_patch_ipfix_l2_collector_profile(
    "c", model.IPFIXL2CollectorProfile(ipfix_l2_collectors=[collector])
)
flows = model.IPFIXL2Profile(
    ipfix_collector_profile_path="/infra/ipfix-l2-collector-profiles/c",
    observation_domain_id=7,
    packet_sample_probability=12.5,
)
infra_client.IpfixL2Profiles(config).policy_lm_patch_ipfix_l2_profile("f", flows)
segments.policy_lm_patch_infra_segment("watched", model.Segment())
bound = segments_client.SegmentMonitoringProfileBindingMaps(config).policy_lm_update_infra_segment_monitoring_binding(
    "watched",
    "default",
    model.SegmentMonitoringProfileBindingMap(
        port_mirroring_profile_path="/infra/port-mirroring-profiles/tap",
        ipfix_l2_profile_path="/infra/ipfix-l2-profiles/f",
    ),
)
told = infra_client.IpfixL2Profiles(config).policy_lm_read_ipfix_l2_profile("f")
seen["watched"] = [bound.path, float(told.packet_sample_probability), told.active_timeout]

# Hierarchy and search.
child = model.ChildSegment(segment=model.Segment(id="deep"), resource_type="ChildSegment")
v1_client.Infra(config).policy_patch_infra(model.Infra(children=[child.convert_to(model.ChildPolicyConfigResource)]))
found = search_client.Query(config).lm_policy_query_search(query="resource_type:Segment AND id:deep")
seen["search"] = [found.result_count, found.cursor]
print(json.dumps(seen))
