"""Segments: networks, their prefixes, and their legs on gateways."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.dialects.nsx.realisation import advertising, documents, made
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit import addresses
from trunkline.kit.addresses import IPInterface
from trunkline.kit.problems import Problem

PHYSICAL_NETWORK = "physical network"
"""The fact that names the physical network of VLAN segments without a teaming policy."""


def segment(look: Look, path: str) -> Made | None:
    """The network of a segment, and its leg if it has a gateway."""
    found = look.document(path, documents.Segment)
    if found is None:
        return None
    network = look.ask(network_of, path)
    if not isinstance(network, model.Network):
        return Made(problems=(network,) if network else ())
    subnets = tuple(_subnets(path, found))
    return Made.union(
        [Made((network, *subnets), remarks=tuple(_remarks(path, found, network))), _leg(look, path, found, subnets)]
    )


def network_of(look: Look, path: str) -> model.Network | Problem | None:
    """The network of the segment at a path, or why there can be none."""
    found = look.document(path, documents.Segment)
    if found is None:
        return None
    source = made.source("Segment", path)
    zone = look.document(found.transport_zone_path, documents.PolicyTransportZone)
    if zone is None or zone.transport_zone_type == "OVERLAY":
        return model.Network(id=made.network_id(path), kind=model.NetworkKind.OVERLAY, source=source)
    if len(found.vlan_ids) != 1 or not found.vlan_ids[0].isdecimal():
        ids = ", ".join(found.vlan_ids)
        return made.unsupported(
            "Segment", path, "vlan_ids", ids, "one VLAN is possible", "make a segment for each VLAN"
        )
    return model.Network(
        id=made.network_id(path),
        kind=model.NetworkKind.VLAN,
        physical_network=found.advanced_config.uplink_teaming_policy_name or look.fact(PHYSICAL_NETWORK),
        vlan=int(found.vlan_ids[0]),
        source=source,
    )


def gateway_of(look: Look, path: str) -> str:
    """The path of the gateway that a segment is connected to, "" if there is none."""
    found = look.document(path, documents.Segment)
    if found is None or found.advanced_config.connectivity == "OFF":
        return ""
    holder = path.rpartition("/segments/")[0]
    return holder if "/tier-1s/" in holder else found.connectivity_path


def is_up(look: Look, path: str) -> bool:
    """Whether a segment is there and switched on."""
    found = look.document(path, documents.Segment)
    return found is not None and found.admin_state == "UP"


def _subnets(path: str, found: documents.Segment) -> Iterator[model.Subnet]:
    for gateway in _gateways(found):
        yield model.Subnet(
            id=f"{made.identity(path)}/{made.prefix_id(gateway.network)}",
            network=made.network_id(path),
            prefix=gateway.network,
            gateway=gateway.ip,
            source=made.source("Segment", path),
        )


def _leg(look: Look, path: str, found: documents.Segment, subnets: tuple[model.Subnet, ...]) -> Made:
    gateway, own = look.ask(gateway_of, path), tuple(_gateways(found))
    if not gateway or not own:
        return made.NOTHING
    source = made.source("Segment", path)
    leg = model.RouterPort(
        id=made.identity(path),
        router=made.identity(gateway),
        network=made.network_id(path),
        mac=addresses.mac_of(own[0].ip),
        addresses=own,
        source=source,
    )
    prefixes = [subnet.prefix for subnet in subnets]
    return Made((leg, *advertising.routes(look, gateway, advertising.CONNECTED, prefixes, source)))


def _gateways(found: documents.Segment) -> Iterator[IPInterface]:
    return (subnet.gateway_address for subnet in found.subnets if subnet.gateway_address is not None)


def _remarks(path: str, found: documents.Segment, network: model.Network) -> Iterator[Problem]:
    name = found.advanced_config.uplink_teaming_policy_name
    if name and network.kind is model.NetworkKind.OVERLAY:
        allowed = "tunnels leave by the uplink that their machine's interface is set to, whatever the segment"
        yield made.unsupported("Segment", path, "advanced_config.uplink_teaming_policy_name", name, allowed)
