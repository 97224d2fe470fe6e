"""Segment profiles and the maps that bind them to segments and ports: stored and checked, the defaults filled in."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, ListOf, Object, OneOf, PolicyPath


def _flag(name: str, default: bool) -> Field:
    return Field(name, Boolean(), default=default)


def _profile(type: str, collection: str, *fields: Field) -> Resource:
    return Resource(type=type, collection=collection, under=("Infra",), shared=True, fields=fields)


def _map(type: str, collection: str, under: str, *fields: Field) -> Resource:
    return Resource(type=type, collection=collection, under=(under,), cascades=True, fields=fields)


_DISCOVERY = (
    Field("mac_discovery_profile_path", PolicyPath(("MacDiscoveryProfile",))),
    Field("ip_discovery_profile_path", PolicyPath(("IPDiscoveryProfile",))),
)
_SECURITY = (
    Field("segment_security_profile_path", PolicyPath(("SegmentSecurityProfile",))),
    Field("spoofguard_profile_path", PolicyPath(("SpoofGuardProfile",))),
)
_QOS = (Field("qos_profile_path", PolicyPath(("QoSProfile",))),)

_DSCP = Object(
    (
        Field("mode", Choice(("TRUSTED", "UNTRUSTED")), default="TRUSTED"),
        Field("priority", Integer(0, 63), default=0),
    )
)
_BANDWIDTH = Integer(0, 2**31 - 1)
_LIMIT = Object(
    (
        Field("enabled", Boolean(), default=True),
        Field("average_bandwidth", _BANDWIDTH),
        Field("peak_bandwidth", _BANDWIDTH),
        Field("burst_size", _BANDWIDTH),
    )
)
_SHAPER = OneOf(dict.fromkeys(("IngressRateLimiter", "IngressBroadcastRateLimiter", "EgressRateLimiter"), _LIMIT))

_ARP = Object((_flag("arp_snooping_enabled", True), Field("arp_binding_limit", Integer(1, 256), default=1)))
_ND = Object((_flag("nd_snooping_enabled", False), Field("nd_snooping_limit", Integer(2, 15), default=3)))
_IPV4_SOURCES = Object(
    (
        Field("arp_snooping_config", _ARP),
        _flag("dhcp_snooping_enabled", True),
        _flag("vmtools_enabled", True),
    )
)
_IPV6_SOURCES = Object(
    (
        Field("nd_snooping_config", _ND),
        _flag("dhcp_snooping_v6_enabled", False),
        _flag("vmtools_v6_enabled", False),
    )
)

PROFILES = (
    _profile(
        "IPDiscoveryProfile",
        "ip-discovery-profiles",
        Field("ip_v4_discovery_options", _IPV4_SOURCES),
        Field("ip_v6_discovery_options", _IPV6_SOURCES),
        _flag("tofu_enabled", True),
        Field("arp_nd_binding_timeout", Integer(5, 120), default=10),
        Field("duplicate_ip_detection", Object((_flag("duplicate_ip_detection_enabled", False),))),
    ),
    _profile(
        "MacDiscoveryProfile",
        "mac-discovery-profiles",
        _flag("mac_change_enabled", False),
        Field("mac_learning_enabled", Boolean(), required=True),
        Field("mac_limit", Integer(0, 4096), default=4096),
        Field("mac_limit_policy", Choice(("ALLOW", "DROP")), default="ALLOW"),
        _flag("unknown_unicast_flooding_enabled", True),
        Field("remote_overlay_mac_limit", Integer(2048, 8192), default=2048),
    ),
    _profile(
        "SegmentSecurityProfile",
        "segment-security-profiles",
        _flag("bpdu_filter_enable", True),
        Field("bpdu_filter_allow", ListOf(shapes.MAC)),
        _flag("dhcp_server_block_enabled", True),
        _flag("dhcp_client_block_enabled", False),
        _flag("dhcp_server_block_v6_enabled", True),
        _flag("dhcp_client_block_v6_enabled", False),
        _flag("non_ip_traffic_block_enabled", False),
        _flag("ra_guard_enabled", False),
        _flag("rate_limits_enabled", False),
        Field("rate_limits"),
    ),
    _profile("SpoofGuardProfile", "spoofguard-profiles", _flag("address_binding_allowlist", False)),
    _profile(
        "QoSProfile",
        "qos-profiles",
        Field("class_of_service", Integer(0, 7)),
        Field("dscp", _DSCP),
        Field("shaper_configurations", ListOf(_SHAPER, most=3)),
    ),
    _map("SegmentDiscoveryProfileBindingMap", "segment-discovery-profile-binding-maps", "Segment", *_DISCOVERY),
    _map("SegmentSecurityProfileBindingMap", "segment-security-profile-binding-maps", "Segment", *_SECURITY),
    _map("SegmentQoSProfileBindingMap", "segment-qos-profile-binding-maps", "Segment", *_QOS),
    _map("PortDiscoveryProfileBindingMap", "port-discovery-profile-binding-maps", "SegmentPort", *_DISCOVERY),
    _map("PortSecurityProfileBindingMap", "port-security-profile-binding-maps", "SegmentPort", *_SECURITY),
    _map("PortQoSProfileBindingMap", "port-qos-profile-binding-maps", "SegmentPort", *_QOS),
)
