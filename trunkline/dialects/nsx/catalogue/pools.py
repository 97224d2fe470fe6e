"""Address pools, the subnets they give addresses from, the addresses given, and the blocks that subnets are cut from."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.rules import blocks, pools
from trunkline.dialects.nsx.shapes import Boolean, Choice, Field, Integer, ListOf, Object, PolicyPath, Text

_RANGE = Object((Field("start", shapes.ADDRESS, required=True), Field("end", shapes.ADDRESS, required=True)))

_STATIC = Resource(
    type="IpAddressPoolStaticSubnet",
    collection="ip-subnets",
    under=("IpAddressPool",),
    rules=pools.STATIC,
    fields=(
        Field("cidr", shapes.PREFIX, required=True),
        Field("allocation_ranges", ListOf(_RANGE, least=1), required=True),
        Field("gateway_ip", shapes.ADDRESS),
        Field("dns_nameservers", ListOf(shapes.ADDRESS, most=3)),
        Field("dns_suffix", Text(255)),
    ),
)
_CUT = Resource(
    type="IpAddressPoolBlockSubnet",
    collection="ip-subnets",
    under=("IpAddressPool",),
    rules=pools.CUT,
    kept=pools.CUT_FIELDS,
    fields=(
        Field("ip_block_path", PolicyPath(("IpAddressBlock",)), required=True),
        Field("size", Integer(1, 2**62)),
        Field("subnet_size", Text(20)),
        Field("start_ip", shapes.ADDRESS),
        Field("auto_assign_gateway", Boolean(), default=True),
        *(Field(name, computed=True) for name in pools.CUT_FIELDS),
    ),
)

POOLS = (
    Resource(
        type="IpAddressBlock",
        collection="ip-blocks",
        under=("Infra",),
        shared=True,
        rules=blocks.RULES,
        fields=(
            Field("cidr", shapes.PREFIX),
            Field("cidrs", ListOf(shapes.PREFIX, most=16)),
            Field("excluded_ips", ListOf(_RANGE)),
            Field("visibility", Choice(("PRIVATE", "EXTERNAL"))),
            Field("ip_address_type", computed=True),
        ),
    ),
    Resource(
        type="IpAddressPool",
        collection="ip-pools",
        under=("Infra",),
        shared=True,
        rules=pools.POOL,
        fields=(
            Field("ip_release_delay", Integer(0, 2**31 - 1), default=120000),
            Field("check_overlap_with_existing_pools", Boolean(), default=False),
            Field("visibility", Choice(("PRIVATE", "PUBLIC"))),
            Field("ip_address_type", computed=True),
            Field("pool_usage", computed=True),
            Field("sync_realization", Boolean()),
        ),
    ),
    Resource(
        type="IpAddressPoolSubnet",
        collection="ip-subnets",
        under=("IpAddressPool",),
        variants=(_CUT, _STATIC),
    ),
    Resource(
        type="IpAddressAllocation",
        collection="ip-allocations",
        under=("IpAddressPool",),
        once=True,
        rules=pools.ALLOCATION,
        fields=(
            Field("allocation_ip", shapes.ADDRESS),
            # Ours: the subnet that the address is of, so that it cannot go before the address.
            Field("ip_subnet_path", PolicyPath(("IpAddressPoolSubnet",)), computed=True),
        ),
    ),
)
