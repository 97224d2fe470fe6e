"""Port mirroring and IPFIX: the profiles, and the maps that bind them to segments and ports."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import monitoring
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, ListOf, Number, Object, PolicyPath, Text

_ADDRESSES = Object((Field("ip_addresses", ListOf(shapes.RANGE), required=True),))
_FILTER = Object(
    (
        Field("src_ips", _ADDRESSES),
        Field("dst_ips", _ADDRESSES),
        Field("ip_protocol", Choice(("TCP", "UDP"))),
        Field("src_ports", shapes.PORT),
        Field("dst_ports", shapes.PORT),
        Field("filter_action", Choice(("MIRROR", "DO_NOT_MIRROR"))),
    )
)
_COLLECTOR = Object(
    (
        Field("collector_ip_address", shapes.ADDRESS, required=True),
        Field("collector_port", Integer(0, 65535), default=4739),
    )
)
_BOUND = (
    Field("port_mirroring_profile_path", PolicyPath(("PortMirroringProfile",))),
    Field("ipfix_l2_profile_path", PolicyPath(("IPFIXL2Profile",))),
)


def _profile(type: str, collection: str, *fields: Field) -> Resource:
    rules = monitoring.RULES.get(type, monitoring.NONE)
    return Resource(type=type, collection=collection, under=("Infra",), shared=True, fields=fields, rules=rules)


def _map(type: str, collection: str, under: str) -> Resource:
    return Resource(type=type, collection=collection, under=(under,), cascades=True, fields=_BOUND)


MONITORING = (
    _profile(
        "PortMirroringProfile",
        "port-mirroring-profiles",
        Field("profile_type", Choice(monitoring.TYPES), default="REMOTE_L3_SPAN"),
        Field("direction", Choice(("INGRESS", "EGRESS", "BIDIRECTIONAL")), default="BIDIRECTIONAL"),
        Field("destination_group", PolicyPath(("Group",)), required=True),
        Field("encapsulation_type", Choice(("GRE", "ERSPAN_TWO", "ERSPAN_THREE")), default="GRE"),
        Field("gre_key", Integer(0, 2147483647)),
        Field("erspan_id", Integer(0, 1023)),
        Field("snap_length", Integer(60, 65535)),
        Field("tcp_ip_stack", Choice(("Default", "Mirror")), default="Default"),
        Field("filter_action", Choice(("INCLUDE", "EXCLUDE"))),
        Field("port_mirroring_filters", ListOf(_FILTER)),
        Field("preserve_original_vlan", Boolean()),
        Field("destination_pnics", ListOf(Text())),
        Field("encapsulation_vlan_id", Integer(0, 4094)),
        Field("source_vlan_ids", ListOf(Integer(0, 4094, from_text=True))),
    ),
    _profile(
        "IPFIXL2CollectorProfile",
        "ipfix-l2-collector-profiles",
        Field("ipfix_l2_collectors", ListOf(_COLLECTOR, least=1), required=True),
    ),
    _profile(
        "IPFIXL2Profile",
        "ipfix-l2-profiles",
        Field("ipfix_collector_profile_path", PolicyPath(("IPFIXL2CollectorProfile",)), required=True),
        Field("observation_domain_id", Integer(0, 4294967295), required=True),
        Field("packet_sample_probability", Number(0, 100), default=0.1),
        Field("active_timeout", Integer(60, 3600), default=300),
        Field("idle_timeout", Integer(60, 3600)),
        Field("max_flows", Integer(0, 4294967295), default=16384),
        Field("priority", Integer(0, 32000), default=0),
        Field("export_overlay_flow", Boolean()),
    ),
    _map("SegmentMonitoringProfileBindingMap", "segment-monitoring-profile-binding-maps", "Segment"),
    _map("PortMonitoringProfileBindingMap", "port-monitoring-profile-binding-maps", "SegmentPort"),
)
