"""Interfaces of gateways: uplinks of a Tier-0, and service interfaces of either tier."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from trunkline.dialects.nsx.realisation import advertising, documents, gateways, made
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit import addresses, problems
from trunkline.kit.addresses import IPInterface
from trunkline.kit.problems import Problem

NO_EDGES = problems.register("TRK-0954", "A gateway's interface has no hypervisor that may serve it.")


def interface(look: Look, path: str) -> Made | None:
    """The leg of an interface, served by the hypervisors of the gateway's edge cluster, and what the Tier-0 learns of it."""
    found = look.document(path, documents.Interface)
    if found is None:
        return None
    kind = "Tier1Interface" if "/tier-1s/" in path else "Tier0Interface"
    if found.type == "LOOPBACK":
        return Made(problems=(made.unsupported(kind, path, "type", "LOOPBACK", "EXTERNAL and SERVICE are possible"),))
    own = tuple(_addresses(found))
    if found.admin_state != "UP" or not own:
        return made.NOTHING
    chassis = look.ask(gateways.chassis_of, gateways.locale_of(path), found.edge_path)
    if not chassis:
        return Made(problems=(_nobody(kind, path),))
    gateway, source = gateways.gateway_of(path), made.source(kind, path)
    leg = model.RouterPort(
        id=made.identity(path),
        router=made.identity(gateway),
        network=made.network_id(found.segment_path),
        mac=addresses.mac_of(own[0].ip),
        addresses=own,
        gateway_chassis=chassis,
        source=source,
    )
    prefixes = list(dict.fromkeys(each.network for each in own))
    return Made((leg, *advertising.routes(look, gateway, advertising.CONNECTED, prefixes, source)))


def _addresses(found: documents.Interface) -> Iterator[IPInterface]:
    for subnet in found.subnets:
        for address in subnet.ip_addresses:
            yield ipaddress.ip_interface((address, subnet.prefix_len))


def _nobody(kind: str, path: str) -> Problem:
    return Problem(
        code=NO_EDGES,
        object=f"{kind} {path}",
        field="edge_cluster_path",
        found="no hypervisor",
        allowed="a hypervisor that may be gateway is needed",
        hint="name an edge cluster in the locale services, and hypervisors for it in the manager's settings",
    )
