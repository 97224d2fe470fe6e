"""Segments, their ports, and the binding maps that make one segment the child of another."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import bindings, ports, segments
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, ListOf, Object, PolicyPath, Text

_TABLES = ("mac-table", "arp-table", "gateway-interface-arp-table", "tep-table")
_COUNTS = ("gateway-interface-statistics", "gateway-interface-statistics/summary")
_UP_DOWN = Choice(("UP", "DOWN"))
_BINDING = Object(
    (
        Field("ip_address", shapes.ADDRESS),
        Field("mac_address", shapes.MAC),
        Field("vlan_id", Integer(0, 4094)),
    )
)
_SUBNET = Object(
    (
        Field("gateway_address", shapes.GATEWAY, required=True),
        Field("network", computed=True),
        Field("dhcp_ranges", ListOf(shapes.RANGE)),
        Field("dhcp_config"),
    )
)
_ADVANCED = Object(
    (
        Field("address_pool_paths", ListOf(PolicyPath(), most=1)),
        Field("hybrid", Boolean(), default=False),
        Field("inter_router", Boolean(), default=False),
        Field("local_egress", Boolean(), default=False),
        Field("multicast", Boolean()),
        Field("urpf_mode", Choice(("STRICT", "NONE")), default="STRICT"),
        Field("connectivity", Choice(("ON", "OFF")), default="ON"),
        Field("uplink_teaming_policy_name", Text(255)),
        Field("node_local_switch", Boolean()),
        Field("ndra_profile_path", PolicyPath()),
    )
)
_ATTACHMENT = Object(
    (
        Field("id", Text(255)),
        Field("type", Choice(("PARENT", "CHILD", "INDEPENDENT", "STATIC"))),
        Field("context_id", Text()),
        Field("context_type", computed=True),
        Field("traffic_tag", Integer(0, 4094)),
        Field("app_id", Text()),
        Field("allocate_addresses", Choice(("IP_POOL", "MAC_POOL", "BOTH", "NONE", "DHCP", "DHCPV6", "SLAAC"))),
        Field("evpn_vlans", ListOf(shapes.VLANS)),
        Field("hyperbus_mode", Choice(("ENABLE", "DISABLE"))),
    )
)

SEGMENTS = (
    Resource(
        type="Segment",
        collection="segments",
        under=("Infra", "Tier1"),
        reserved=("state", "service-segments"),
        kept=("transport_zone_path", "overlay_id"),
        operations=("state", "statistics", "effective-profiles", *_TABLES, *_COUNTS),
        rules=segments.RULES,
        fields=(
            Field("type", computed=True),
            Field("vlan_ids", ListOf(shapes.VLANS)),
            Field("subnets", ListOf(_SUBNET)),
            Field("connectivity_path", PolicyPath(("Tier0", "Tier1"))),
            Field("transport_zone_path", PolicyPath(("PolicyTransportZone",))),
            Field("overlay_id", Integer(0, 2147483647)),
            Field("admin_state", _UP_DOWN, default="UP"),
            Field("replication_mode", Choice(("MTEP", "SOURCE")), default="MTEP"),
            Field("dhcp_config_path", PolicyPath()),
            Field("domain_name", Text(255)),
            Field("advanced_config", _ADVANCED),
            Field("metadata_proxy_paths", ListOf(PolicyPath())),
            Field("address_bindings", ListOf(_BINDING, most=512)),
            Field("evpn_segment", computed=True),
            Field("ls_id", computed=True),
        ),
    ),
    Resource(
        type="SegmentConnectionBindingMap",
        collection="segment-connection-binding-maps",
        under=("Segment",),
        operations=("state", "statistics"),
        rules=bindings.RULES,
        fields=(
            Field("vlan_traffic_tag", Integer(1, 4094, from_text=True), required=True),
            Field("segment_path", PolicyPath(("Segment",)), required=True),
        ),
    ),
    Resource(
        type="SegmentPort",
        collection="ports",
        under=("Segment",),
        operations=("state", "status", "statistics", "effective-profiles", "mac-table"),
        cascades=True,
        rules=ports.RULES,
        fields=(
            Field("address_bindings", ListOf(_BINDING, most=512)),
            Field("ignored_address_bindings", ListOf(_BINDING, most=16)),
            Field("attachment", _ATTACHMENT),
            Field("admin_state", _UP_DOWN, default="UP"),
            Field("init_state", Choice(("UNBLOCKED_VLAN", "RESTORE_VIF"))),
            Field("source_site_id", computed=True),
            Field("origin_id", computed=True),
            Field("tofu_version", Integer(0, 4294967295)),
        ),
    ),
)
