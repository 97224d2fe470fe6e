"""What is asked of the network rather than wanted from it: traceflows."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import traceflows
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, Object, Text

_BYTE, _PORT = Integer(0, 255), Integer(0, 65535)
_ETHERNET = Object(
    (
        Field("src_mac", shapes.MAC),
        Field("dst_mac", shapes.MAC),
        Field("eth_type", Integer(1, 65535), default=2048),
    )
)
_IPV4 = Object(
    (
        Field("src_ip", shapes.ADDRESS),
        Field("dst_ip", shapes.ADDRESS),
        Field("protocol", _BYTE, default=1),
        Field("ttl", _BYTE, default=64),
        Field("flags", Integer(0, 8), default=0),
        Field("src_subnet_prefix_len", Integer(1, 32)),
    )
)
_IPV6 = Object(
    (
        Field("src_ip", shapes.ADDRESS),
        Field("dst_ip", shapes.ADDRESS),
        Field("next_header", _BYTE, default=58),
        Field("hop_limit", _BYTE, default=64),
    )
)
_ARP = Object(
    (
        Field("op_code", Choice(("ARP_REQUEST", "ARP_REPLY")), default="ARP_REQUEST"),
        Field("src_ip", shapes.IPV4),
        Field("dst_ip", shapes.IPV4),
    )
)
_TRANSPORT = Object(
    (
        Field("icmp_echo_request_header", Object((Field("id", _PORT), Field("sequence", _PORT)))),
        Field(
            "tcp_header",
            Object((Field("src_port", _PORT), Field("dst_port", _PORT), Field("tcp_flags", Integer(0, 511)))),
        ),
        Field("udp_header", Object((Field("src_port", _PORT), Field("dst_port", _PORT)))),
    )
)
_PACKET = Object(
    (
        Field("eth_header", _ETHERNET),
        Field("ip_header", _IPV4),
        Field("ipv6_header", _IPV6),
        Field("arp_header", _ARP),
        Field("transport_header", _TRANSPORT),
        Field("payload", Text(1336)),
        Field("resource_type", Choice(("FieldsPacketData", "BinaryPacketData")), default="FieldsPacketData"),
        Field("frame_size", Integer(60, 9000), default=128),
        Field("routed", Boolean(), default=False),
        Field("transport_type", Choice(("UNICAST", "BROADCAST", "MULTICAST", "UNKNOWN")), default="UNICAST"),
    )
)

DIAGNOSIS = (
    Resource(
        type=traceflows.KIND,
        collection="traceflows",
        under=("Infra",),
        diagnostic=True,
        rules=traceflows.RULES,
        # The port and the segment are named without being held: neither is kept from going by a trace of yesterday.
        fields=(
            Field("segment_port_path", Text()),
            Field("source_id", Text()),
            Field("connected_segment_path_as_source", Text()),
            Field("connected_parent_path_as_source", Text()),
            Field("packet", _PACKET, required=True),
            Field("timeout", Integer(5, 15), default=10),
            Field("is_transient", Boolean(), default=True),
        ),
    ),
)
