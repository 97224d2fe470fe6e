"""Groups: sets of segments, ports, addresses and other groups, described by expressions."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import groups
from trunkline.dialects.nsx.shapes import Choice, Field, ListOf, Object, OneOf, PolicyPath, Text

_CONDITION = Object(
    (
        Field("member_type", Choice(groups.MEMBER_TYPES), required=True),
        Field("key", Choice(groups.KEYS), required=True),
        Field("operator", Choice(groups.OPERATORS), default="EQUALS"),
        Field("scope_operator", Choice(("EQUALS", "NOTEQUALS"))),
        Field("value", Text(), required=True),
    )
)
_CONJUNCTION = Object((Field("conjunction_operator", Choice(("AND", "OR")), required=True),))
_IDENTITY = Object(
    (Field("distinguished_name", Text(), required=True), Field("domain_base_distinguished_name", Text()))
)

EXPRESSION = OneOf(
    {
        "Condition": _CONDITION,
        "ConjunctionOperator": _CONJUNCTION,
        "NestedExpression": Object(
            (
                Field(
                    "expressions",
                    ListOf(OneOf({"Condition": _CONDITION, "ConjunctionOperator": _CONJUNCTION}), least=1),
                    required=True,
                ),
            )
        ),
        "PathExpression": Object(
            (Field("paths", ListOf(PolicyPath(("Group", "Segment", "SegmentPort")), least=1), required=True),)
        ),
        "IPAddressExpression": Object(
            (Field("ip_addresses", ListOf(shapes.RANGE, most=4000, least=1), required=True),)
        ),
        "MACAddressExpression": Object(
            (Field("mac_addresses", ListOf(shapes.MAC, most=4000, least=1), required=True),)
        ),
        "ExternalIDExpression": Object(
            (
                Field("member_type", Choice(groups.MEMBER_TYPES), required=True),
                Field("external_ids", ListOf(Text(255), least=1), required=True),
            )
        ),
        "IdentityGroupExpression": Object((Field("identity_groups", ListOf(_IDENTITY)),)),
    }
)

GROUPS = (
    Resource(
        type="Group",
        collection="groups",
        under=("Domain",),
        rules=groups.RULES,
        fields=(
            Field("expression", ListOf(EXPRESSION), default=[]),
            Field("extended_expression", ListOf(EXPRESSION, most=1)),
            Field("group_type", ListOf(Choice(("IPAddress", "ANTREA", "BareMetalServer")), most=1)),
            Field("reference", computed=True),
            Field("state", computed=True),
        ),
    ),
)
