"""DHCP servers and relays that segments may name: stored and checked.  Whether they serve is the realiser's to say."""

from __future__ import annotations

from trunkline.dialects.nsx import shapes
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.shapes import Boolean, Field, Integer, ListOf, PolicyPath

DHCP = (
    Resource(
        type="DhcpServerConfig",
        collection="dhcp-server-configs",
        under=("Infra",),
        fields=(
            Field("server_addresses", ListOf(shapes.GATEWAY, most=2), default=["100.96.0.1/30"]),
            Field("server_address", shapes.GATEWAY),
            Field("lease_time", Integer(60, 4294967295), default=86400),
            Field("edge_cluster_path", PolicyPath(("PolicyEdgeCluster",))),
            Field("preferred_edge_paths", ListOf(PolicyPath(("PolicyEdgeNode",)), most=2)),
            Field("enable_standby_relocation", Boolean(), default=False),
        ),
    ),
    Resource(
        type="DhcpRelayConfig",
        collection="dhcp-relay-configs",
        under=("Infra",),
        fields=(Field("server_addresses", ListOf(shapes.ADDRESS, least=1, most=8), required=True),),
    ),
)
