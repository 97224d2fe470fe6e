"""Where objects live: the roots, projects, the site, its transport zones and edge clusters."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import ROOT, Resource
from trunkline.dialects.nsx.rules import projects, zones
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, ListOf, PolicyPath, Text

ROOTS = (
    Resource(type="Org", collection="orgs", under=(ROOT,), read_only=True, provider_only=True),
    Resource(
        type="Project",
        collection="projects",
        under=("Org",),
        rules=projects.RULES,
        fields=(
            Field("short_id", Text(8)),
            Field("default", computed=True),
            Field("site_infos"),
            Field("tier_0s", ListOf(PolicyPath(("Tier0",)))),
            Field("external_ipv4_blocks", ListOf(PolicyPath())),
            Field("activate_default_dfw_rules", Boolean(), default=True),
        ),
    ),
    Resource(type="Infra", collection="infra", under=(ROOT, "Project"), singleton=True, cascades=True),
)

SITES = (
    Resource(type="Site", collection="sites", under=("Infra",), provider_only=True, read_only=True),
    Resource(
        type="EnforcementPoint",
        collection="enforcement-points",
        under=("Site",),
        read_only=True,
        fields=(Field("auto_enforce", Boolean()), Field("version", computed=True), Field("connection_info")),
    ),
    Resource(
        type="PolicyTransportZone",
        collection="transport-zones",
        under=("EnforcementPoint",),
        shared=True,
        kept=("nsx_id",),
        rules=zones.RULES,
        fields=(
            Field("tz_type", Choice(("OVERLAY_BACKED", "VLAN_BACKED", "OVERLAY_STANDARD", "OVERLAY_ENS", "UNKNOWN"))),
            Field("transport_zone_type", Choice(("OVERLAY", "VLAN"))),
            Field("is_default", Boolean(), default=False),
            Field("nested_nsx", Boolean(), default=False),
            Field("nsx_id", computed=True),
            Field("uplink_teaming_policy_names", ListOf(Text(255))),
            Field("authorized_vlans", ListOf(shapes.VLANS)),
            Field("transport_zone_profile_paths", ListOf(PolicyPath())),
        ),
    ),
    Resource(
        type="PolicyEdgeCluster",
        collection="edge-clusters",
        under=("EnforcementPoint",),
        read_only=True,
        shared=True,
        fields=(Field("nsx_id"), Field("deployment_type"), Field("member_node_type")),
    ),
    Resource(
        type="PolicyEdgeNode",
        collection="edge-nodes",
        under=("PolicyEdgeCluster",),
        read_only=True,
        shared=True,
        fields=(Field("nsx_id"), Field("member_index")),
    ),
    Resource(
        type="NetworkSpan",
        collection="network-spans",
        under=("Infra",),
        provider_only=True,
        read_only=True,
        fields=(Field("is_default", Boolean()), Field("exclusive", Boolean())),
    ),
    Resource(type="Domain", collection="domains", under=("Infra",), read_only=True, cascades=True, born=("default",)),
)
