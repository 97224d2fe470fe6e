"""Address translation of gateways: four sections that come with the gateway, and the rules in them."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import nat
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, ListOf, PolicyPath

NAT = (
    Resource(
        type="PolicyNat",
        collection="nat",
        under=("Tier0", "Tier1"),
        read_only=True,
        cascades=True,
        born=("USER", "INTERNAL", "DEFAULT", "NAT64"),
        fields=(Field("nat_type", computed=True),),
        rules=nat.SECTION,
    ),
    Resource(
        type="PolicyNatRule",
        collection="nat-rules",
        under=("PolicyNat",),
        fields=(
            Field("sequence_number", Integer(0, 2147481599), default=0),
            Field("action", Choice(tuple(nat.NEEDS)), required=True),
            Field("source_network", shapes.ADDRESSES),
            Field("destination_network", shapes.ADDRESSES),
            Field("translated_network", shapes.ADDRESSES),
            Field("translated_ports", shapes.PORTS),
            Field("service", PolicyPath(("Service",))),
            Field("scope", ListOf(PolicyPath(("Tier0Interface", "Tier1Interface")))),
            Field("enabled", Boolean(), default=True),
            Field("logging", Boolean(), default=False),
            Field(
                "firewall_match",
                Choice(("MATCH_INTERNAL_ADDRESS", "MATCH_EXTERNAL_ADDRESS", "BYPASS")),
                default="MATCH_INTERNAL_ADDRESS",
            ),
            Field("policy_based_vpn_mode", Choice(("BYPASS", "MATCH"))),
        ),
        rules=nat.RULE,
    ),
)
