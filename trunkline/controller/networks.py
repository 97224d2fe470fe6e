"""The networks of a cluster: those its pools imply, the overlay its nodes imply, and those that leases still stand on.  Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from trunkline.controller.world import World
from trunkline.dialects.antrea import ippools
from trunkline.dialects.kubernetes import objects, overlay
from trunkline.intent import attachment, model
from trunkline.kit import addresses
from trunkline.kit.ids import NetworkId


def desired(
    world: World, in_use: Iterable[NetworkId], *, physical_network: str, mtu: int, overlay_mtu: int
) -> dict[tuple[str, str], model.Object]:
    """Every network, subnet, router and route there should be, by kind and id."""
    found: list[model.Object] = []
    for pool in world.pools:
        found += ippools.networks(pool, physical_network=physical_network, mtu=mtu)
    found += overlay.overlay(_in_order(world), mtu=overlay_mtu).objects
    there = {item.id for item in found if isinstance(item, model.Network)}
    found += (network for name in in_use if name not in there for network in _of_name(name, mtu))
    return {(type(item).__name__, str(item.id)): item for item in found}


def node_note(node: objects.Node, cluster: addresses.IPNetwork, mtu: int) -> attachment.Attachment | None:
    """What a node must know to join its own overlay network; None while it cannot."""
    if overlay.unfit(node) is not None:
        return None
    prefix = node.pod_cidrs[0]
    own, router = overlay.management_address(prefix), overlay.gateway(prefix)
    return attachment.Attachment(
        uid=node.uid,
        port=overlay.management_port(node.name),
        network=overlay.network_id(node.name),
        mac=addresses.mac_of(own),
        mtu=mtu,
        addresses=(overlay.on_network(prefix, own),),
        gateways=(router,),
        routes=(attachment.AttachmentRoute(cluster, router),),
    )


def _in_order(world: World) -> list[objects.Node]:
    return sorted(world.nodes, key=lambda node: str(node.name))


def _of_name(name: NetworkId, mtu: int) -> Iterator[model.Network]:
    """The VLAN network with this id, whose pool is gone while addresses of it are still in use."""
    kind, *parts = name.split("/")
    if kind == model.NetworkKind.VLAN.value and len(parts) == 3:
        physical_network, vlan, prefix = parts
        ipaddress.ip_network(prefix.replace("-", "/"))  # ours, so it must parse
        yield model.Network(
            id=name, kind=model.NetworkKind.VLAN, physical_network=physical_network, vlan=int(vlan), mtu=mtu
        )
