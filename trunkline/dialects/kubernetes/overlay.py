"""The default pod network: what the nodes of a cluster imply.

Each node has one overlay network with its podCIDR as prefix, and all of them meet on one distributed router.  Of a
podCIDR the first address is the router's, the second the node's own (its management port), the rest are for pods.

What pods send to anywhere else is routed to their own node, which forwards it with its own address.  The plain default
route beside those source routes only makes the router look at them: OVN drops a packet without any route before it
reads a policy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import msgspec

from trunkline.dialects.kubernetes.objects import Node
from trunkline.intent.model import Guard, Host, Network, NetworkKind, Object, Port, Route, Router, RouterPort, Subnet
from trunkline.ipam.pools import Pool, PoolSubnet
from trunkline.ipam.ranges import Range
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork, mac_of
from trunkline.kit.ids import NetworkId, PortId
from trunkline.kit.problems import Problem

NO_POD_CIDR = problems.register("TRK-0361", "A node has no podCIDR, so its pods get no overlay addresses.")
SMALL_POD_CIDR = problems.register("TRK-0362", "A node's podCIDR has no room for pods.")

GENEVE_OVERHEAD = 58
"""Bytes around a pod's packet between nodes: inner Ethernet 14, Geneve 8 and OVN's option 8, UDP 8, IPv4 20 (RFC 8926)."""

ROUTER = "overlay"
POOL_PREFIX = "node/"
"""The beginning of the name of a node's pool; no IPPool's name has a slash."""


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """The overlay of a cluster: its intent, one pool per node (by node name), and the nodes that take no part."""

    objects: tuple[Object, ...]
    pools: dict[str, Pool]
    problems: tuple[Problem, ...] = ()


def overlay(nodes: Iterable[Node], *, mtu: int) -> Overlay:
    """The overlay that these nodes imply; `mtu` is that of its pods' interfaces, bytes."""
    objects: list[Object] = [Router(id=ROUTER)]
    pools: dict[str, Pool] = {}
    found: list[Problem] = []
    for node in nodes:
        if (problem := unfit(node)) is not None:
            found.append(problem)
            continue
        if not pools:
            objects.append(_default_route(node))
        objects += _node(node, mtu)
        pools[node.name] = pool(node)
    return Overlay(objects=tuple(objects), pools=pools, problems=tuple(found))


def unfit(node: Node) -> Problem | None:
    """Why the node cannot be part of the overlay, if so."""
    if not node.pod_cidrs:
        hint = "let the cluster assign one (kube-controller-manager --allocate-node-cidrs)"
        return Problem(
            code=NO_POD_CIDR,
            object=str(node.source),
            field="spec.podCIDR",
            found="nothing",
            allowed="a prefix for its pods",
            hint=hint,
        )
    prefix = node.pod_cidrs[0]
    if prefix.num_addresses < 8:
        return Problem(
            code=SMALL_POD_CIDR,
            object=str(node.source),
            field="spec.podCIDR",
            found=str(prefix),
            allowed="router and node take an address each, so at least 8 addresses",
            hint="assign a shorter prefix, such as a /24",
        )
    return None


def network_id(node: str) -> NetworkId:
    """The overlay network of this node."""
    return NetworkId(f"overlay/{node}")


def management_port(node: str) -> PortId:
    """The port by which this node itself is on its overlay network."""
    return PortId(f"node/{node}")


def gateway(prefix: IPNetwork) -> IPAddress:
    """The router's address on a node's network."""
    return prefix[1]


def management_address(prefix: IPNetwork) -> IPAddress:
    """The node's own address on its network."""
    return prefix[2]


def pool(node: Node) -> Pool:
    """What pods on this (fit) node may get: its podCIDR without the router's and the node's own address."""
    prefix = node.pod_cidrs[0]
    rest = Range(prefix[3], prefix[-1])
    subnet = PoolSubnet(network=network_id(node.name), prefix=prefix, gateway=gateway(prefix), ranges=(rest,))
    return Pool(name=f"{POOL_PREFIX}{node.name}", family=prefix.version, subnets=(subnet,), source=node.source)


def _node(node: Node, mtu: int) -> tuple[Object, ...]:
    prefix, network = node.pod_cidrs[0], network_id(node.name)
    router, own = on_network(prefix, gateway(prefix)), on_network(prefix, management_address(prefix))
    return (
        Network(id=network, kind=NetworkKind.OVERLAY, mtu=mtu, source=node.source),
        Subnet(id=network, network=network, prefix=prefix, gateway=router.ip, source=node.source),
        RouterPort(
            id=network, router=ROUTER, network=network, mac=mac_of(router.ip), addresses=(router,), source=node.source
        ),
        Port(
            id=management_port(node.name),
            network=network,
            hosts=(Host(mac_of(own.ip), (own,)),),
            guard=Guard.MACS,
            chassis=node.name,
            source=node.source,
        ),
        Route(
            id=network,
            router=ROUTER,
            prefix=_everywhere(prefix),
            next_hop=own.ip,
            source_prefix=prefix,
            source=node.source,
        ),
    )


def _default_route(node: Node) -> Route:
    prefix = node.pod_cidrs[0]
    return Route(id=ROUTER, router=ROUTER, prefix=_everywhere(prefix), next_hop=management_address(prefix))


def _everywhere(prefix: IPNetwork) -> IPNetwork:
    return ipaddress.ip_network("0.0.0.0/0" if prefix.version == 4 else "::/0")


def on_network(prefix: IPNetwork, address: IPAddress) -> IPInterface:
    """The address with the prefix length of its network."""
    return ipaddress.ip_interface(f"{address}/{prefix.prefixlen}")
