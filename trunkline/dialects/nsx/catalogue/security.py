"""Services, security policies and their rules: stored and checked; what enforces them is told by their realised state."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import security
from trunkline.dialects.nsx.shapes import (
    Boolean,
    Choice,
    Field,
    Integer,
    ListOf,
    Object,
    OneOf,
    PathOr,
    PolicyPath,
    Text,
)

_PORT_LIST = ListOf(shapes.PORT, most=15)
_SERVICE_ENTRY = OneOf(
    {
        "L4PortSetServiceEntry": Object(
            (
                Field("l4_protocol", Choice(("TCP", "UDP")), required=True),
                Field("source_ports", _PORT_LIST),
                Field("destination_ports", _PORT_LIST),
            )
        ),
        "ICMPTypeServiceEntry": Object(
            (
                Field("protocol", Choice(("ICMPv4", "ICMPv6")), required=True),
                Field("icmp_type", Integer(0, 255)),
                Field("icmp_code", Integer(0, 255)),
            )
        ),
        "IPProtocolServiceEntry": Object((Field("protocol_number", Integer(0, 255), required=True),)),
        "IGMPTypeServiceEntry": Object(()),
        "ALGTypeServiceEntry": Object(
            (
                Field("alg", Choice(security.GATEWAYS), required=True),
                Field("source_ports", _PORT_LIST),
                Field("destination_ports", ListOf(shapes.PORT, least=1, most=1), required=True),
            )
        ),
        "EtherTypeServiceEntry": Object((Field("ether_type", Integer(0, 65535), required=True),)),
        "NestedServiceServiceEntry": Object((Field("nested_service_path", PolicyPath(("Service",)), required=True),)),
    }
)
_ANY = Choice((security.ANY,))
_PARTIES = ListOf(PathOr(("Group",), security.PARTY), most=128)
_SCOPE = ListOf(PathOr(("Group", "Segment", "SegmentPort", "Tier0", "Tier1"), _ANY), most=128)


def _any(name: str, shape: shapes.Shape) -> Field:
    return Field(name, shape, default=[security.ANY])


def _flag(name: str) -> Field:
    return Field(name, Boolean(), default=False)


SECURITY = (
    Resource(
        type="Service",
        collection="services",
        under=("Infra",),
        shared=True,
        fields=(
            Field("service_entries", ListOf(_SERVICE_ENTRY, least=1, most=50), required=True),
            Field("service_type", Choice(("ETHER", "NON_ETHER"))),
            Field("is_default", computed=True),
        ),
        rules=security.SERVICE,
    ),
    Resource(
        type="SecurityPolicy",
        collection="security-policies",
        under=("Domain",),
        cascades=False,
        fields=(
            Field("category", Choice(security.CATEGORIES), default="Application"),
            Field("sequence_number", Integer(0, 2147483647), default=0),
            Field("stateful", Boolean(), default=True),
            Field("tcp_strict", Boolean()),
            _flag("locked"),
            _any("scope", _SCOPE),
            Field("comments", Text(2048)),
            Field("scheduler_path", PolicyPath()),
            Field("connectivity_preference", Choice(("ALLOWLIST", "DENYLIST", "ALLOWLIST_ENABLE_LOGGING", "NONE"))),
            Field("rule_count", computed=True),
            Field("is_default", computed=True),
            Field("internal_sequence_number", computed=True),
            Field("lock_modified_by", computed=True),
            Field("lock_modified_time", computed=True),
        ),
        rules=security.POLICY,
    ),
    Resource(
        type="Rule",
        collection="rules",
        under=("SecurityPolicy",),
        inline="rules",
        cascades=True,
        kept=("rule_id",),
        fields=(
            Field("action", Choice(("ALLOW", "DROP", "REJECT", "JUMP_TO_APPLICATION")), required=True),
            Field("sequence_number", Integer(0, 2147483647), default=0),
            _any("source_groups", _PARTIES),
            _any("destination_groups", _PARTIES),
            _flag("sources_excluded"),
            _flag("destinations_excluded"),
            _any("services", ListOf(PathOr(("Service",), _ANY), most=128)),
            Field("service_entries", ListOf(_SERVICE_ENTRY, most=128)),
            _any("profiles", ListOf(PathOr((), _ANY), most=128)),
            _any("scope", _SCOPE),
            Field("direction", Choice(("IN", "OUT", "IN_OUT")), default="IN_OUT"),
            Field("ip_protocol", Choice(("IPV4", "IPV6", "IPV4_IPV6"))),
            _flag("logged"),
            _flag("disabled"),
            Field("notes", Text(2048)),
            Field("tag", Text(32)),
            Field("rule_id", computed=True),
            Field("is_default", computed=True),
        ),
        rules=security.RULE,
    ),
)
