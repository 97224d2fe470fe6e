"""Interfaces of gateways: uplinks of a Tier-0, and service interfaces on segments that are not connected to the gateway."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import interfaces
from trunkline.dialects.nsx.shapes import Choice, Field, Integer, ListOf, Object, PolicyPath

_SUBNET = Object(
    (
        Field("ip_addresses", ListOf(shapes.ADDRESS, least=1), required=True),
        Field("prefix_len", Integer(1, 128), required=True),
    )
)
_COMMON = (
    Field("segment_path", PolicyPath(("Segment",)), required=True),
    Field("subnets", ListOf(_SUBNET, least=1), required=True),
    Field("mtu", Integer(64, 9000)),
    Field("urpf_mode", Choice(("STRICT", "NONE")), default="STRICT"),
    Field("admin_state", Choice(("UP", "DOWN")), default="UP"),
    Field("ipv6_profile_paths", ListOf(PolicyPath())),
    Field("dhcp_relay_path", PolicyPath()),
)

_TIER0 = Resource(
    type="Tier0Interface",
    collection="interfaces",
    under=("LocaleServices",),
    within="Tier0",
    rules=interfaces.RULES,
    fields=(
        *_COMMON,
        Field("type", Choice(("EXTERNAL", "SERVICE", "LOOPBACK")), default="EXTERNAL"),
        Field("edge_path", PolicyPath(("PolicyEdgeNode",))),
        Field("access_vlan_id", Integer(0, 4094)),
    ),
)
_TIER1 = Resource(
    type="Tier1Interface",
    collection="interfaces",
    under=("LocaleServices",),
    within="Tier1",
    rules=interfaces.RULES,
    fields=_COMMON,
)

INTERFACES = (
    Resource(
        type="GatewayInterface",
        collection="interfaces",
        under=("LocaleServices",),
        variants=(_TIER0, _TIER1),
    ),
)
