"""Tier-0 and Tier-1 gateways, the edge cluster they run on, and their static routes."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import gateways, routes
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, ListOf, Object, PolicyPath, Text

_FAILOVER = Choice(("PREEMPTIVE", "NON_PREEMPTIVE"))
_HA = Choice(("ACTIVE_ACTIVE", "ACTIVE_STANDBY"))
_ADVERTISED = Choice(
    (
        "TIER1_STATIC_ROUTES",
        "TIER1_CONNECTED",
        "TIER1_NAT",
        "TIER1_LB_VIP",
        "TIER1_LB_SNAT",
        "TIER1_DNS_FORWARDER_IP",
        "TIER1_IPSEC_LOCAL_ENDPOINT",
    )
)
_ADVERTISEMENT_RULE = Object(
    (
        Field("name", Text(255), required=True),
        Field("action", Choice(("PERMIT", "DENY")), default="PERMIT"),
        Field("subnets", ListOf(shapes.PREFIX), required=True),
        Field("prefix_operator", Choice(("GE", "EQ")), default="GE"),
        Field("route_advertisement_types", ListOf(_ADVERTISED)),
    )
)
_NEXT_HOP = Object(
    (
        Field("ip_address", shapes.ADDRESS),
        Field("admin_distance", Integer(1, 255), default=1),
        Field("scope", ListOf(PolicyPath())),
    )
)

GATEWAYS = (
    Resource(
        type="Tier0",
        collection="tier-0s",
        under=("Infra",),
        provider_only=True,
        shared=True,
        operations=("state", "forwarding-table"),
        fields=(
            Field("transit_subnets", ListOf(shapes.PREFIX), default=["100.64.0.0/16"]),
            Field("internal_transit_subnets", ListOf(shapes.PREFIX, most=1), default=["169.254.0.0/24"]),
            Field("vrf_transit_subnets", ListOf(shapes.PREFIX), default=["169.254.2.0/23"]),
            Field("ha_mode", _HA, default="ACTIVE_ACTIVE"),
            Field("failover_mode", _FAILOVER, default="NON_PREEMPTIVE"),
            Field("dhcp_config_paths", ListOf(PolicyPath())),
            Field("ipv6_profile_paths", ListOf(PolicyPath())),
            Field("force_whitelisting", Boolean(), default=False),
            Field("default_rule_logging", Boolean(), default=False),
            Field("disable_firewall", Boolean(), default=False),
            Field("arp_limit", Integer(5000, 50000)),
        ),
    ),
    Resource(
        type="Tier1",
        collection="tier-1s",
        under=("Infra",),
        rules=gateways.TIER1,
        operations=("state", "forwarding-table", "advertised-networks"),
        fields=(
            Field("tier0_path", PolicyPath(("Tier0",))),
            Field("failover_mode", _FAILOVER, default="NON_PREEMPTIVE"),
            Field("enable_standby_relocation", Boolean(), default=False),
            Field("dhcp_config_paths", ListOf(PolicyPath())),
            Field("route_advertisement_types", ListOf(_ADVERTISED)),
            Field("route_advertisement_rules", ListOf(_ADVERTISEMENT_RULE)),
            Field("force_whitelisting", Boolean(), default=False),
            Field("default_rule_logging", Boolean(), default=False),
            Field("disable_firewall", Boolean(), default=False),
            Field("ipv6_profile_paths", ListOf(PolicyPath())),
            Field("type", Choice(("ROUTED", "ISOLATED", "NATTED"))),
            Field(
                "pool_allocation",
                Choice(("ROUTING", "LB_SMALL", "LB_MEDIUM", "LB_LARGE", "LB_XLARGE")),
                default="ROUTING",
            ),
            Field("ha_mode", _HA),
            Field("arp_limit", Integer(5000, 50000)),
        ),
    ),
    Resource(
        type="LocaleServices",
        collection="locale-services",
        under=("Tier0", "Tier1"),
        fields=(
            Field("edge_cluster_path", PolicyPath(("PolicyEdgeCluster",))),
            Field("preferred_edge_paths", ListOf(PolicyPath(("PolicyEdgeNode",)))),
            Field("bfd_profile_path", PolicyPath()),
        ),
    ),
    Resource(
        type="StaticRoutes",
        collection="static-routes",
        under=("Tier0", "Tier1"),
        reserved=("bfd-peers",),
        fields=(
            Field("network", shapes.PREFIX, required=True),
            Field("next_hops", ListOf(_NEXT_HOP, least=1), required=True),
            Field("enabled_on_secondary", Boolean()),
        ),
        rules=routes.STATIC_ROUTES,
    ),
)
