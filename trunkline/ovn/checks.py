"""What is wrong with an intent object, before anything of it reaches OVN.

`refusals` are reasons to write no row of the object: a row made from it could not work or could mislead OVN.
`remarks` are reported while the rows are written all the same.  Both name the user's object, not ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from trunkline.intent import model
from trunkline.kit import problems
from trunkline.kit.addresses import IPInterface
from trunkline.kit.problems import Problem
from trunkline.ovn import identity, names
from trunkline.ovn.context import Context

MISSING = problems.register("TRK-0401", "An object refers to another one that does not exist or is itself refused.")
UNSAFE_NAME = problems.register("TRK-0402", "An id or a chassis name cannot be used in OVN.")
BAD_MAC = problems.register("TRK-0403", "A MAC address is not one that a port can have.")
BAD_VLAN = problems.register("TRK-0404", "A network's VLAN or physical network is not possible.")
NO_ADDRESS = problems.register("TRK-0405", "A port has no address, or the same address twice.")
OUTSIDE = problems.register("TRK-0406", "A port's address is in no subnet of its network.")
UNREACHABLE = problems.register("TRK-0407", "A route's next hop is on no network of its router.")
MIXED_FAMILIES = problems.register("TRK-0408", "A route mixes IPv4 and IPv6.")

HIGHEST_VLAN = 4094
"""IEEE 802.1Q: 4095 is reserved."""

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MULTICAST_BIT = 0x01


def refusals(item: model.Object, context: Context) -> list[Problem]:
    """Why no row may be made of this object; empty when it is in order."""
    found = list(_id(item))
    match item:
        case model.Network():
            found += _network(item)
        case model.Subnet():
            found += _on_network(item, context)
        case model.Port():
            found += [*_on_network(item, context), *_mac(item), *_addresses(item), *_chassis(item)]
        case model.RouterPort():
            found += [*_on_network(item, context), *_on_router(item, context), *_mac(item), *_addresses(item)]
        case model.Route():
            found += [*_on_router(item, context), *_families(item)] or _next_hop(item, context)
    return found


def remarks(item: model.Object, context: Context) -> list[Problem]:
    """What is odd about an object of which rows are made."""
    if not isinstance(item, model.Port):
        return []
    subnets = context.subnets(item.network)
    return [
        _problem(item, OUTSIDE, "addresses", str(address), _allowed_prefixes(subnets, address))
        for address in item.addresses
        if any(subnet.prefix.version == address.version for subnet in subnets)
        and not any(address.ip in subnet.prefix for subnet in subnets)
    ]


def _id(item: model.Object) -> Iterator[Problem]:
    if not names.is_safe(item.id):
        yield _problem(
            item, UNSAFE_NAME, "id", repr(item.id), "letters, digits and . _ : / @ - are allowed, at most 251"
        )


def _network(network: model.Network) -> Iterator[Problem]:
    if network.kind is not model.NetworkKind.VLAN:
        return
    if not 0 <= network.vlan <= HIGHEST_VLAN:
        yield _problem(network, BAD_VLAN, "vlan", str(network.vlan), f"0 (untagged) to {HIGHEST_VLAN} is allowed")
    if not names.is_safe(network.physical_network):
        found = repr(network.physical_network)
        yield _problem(
            network, BAD_VLAN, "physical_network", found, "a VLAN network needs the name of a physical network"
        )


def _on_network(item: model.Port | model.RouterPort | model.Subnet, context: Context) -> Iterator[Problem]:
    network = context.network(item.network)
    if network is None or refusals(network, context):
        yield _problem(item, MISSING, "network", item.network, "the network must exist and be in order")


def _on_router(item: model.RouterPort | model.Route, context: Context) -> Iterator[Problem]:
    router = context.router(item.router)
    if router is None or refusals(router, context):
        yield _problem(item, MISSING, "router", item.router, "the router must exist and be in order")


def _mac(item: model.Port | model.RouterPort) -> Iterator[Problem]:
    if not _MAC.fullmatch(item.mac):
        yield _problem(
            item, BAD_MAC, "mac", repr(item.mac), "six bytes as 0a:58:ac:10:13:0b, in lower case, are allowed"
        )
    elif int(item.mac[:2], 16) & _MULTICAST_BIT:
        yield _problem(item, BAD_MAC, "mac", item.mac, "a unicast address is needed")


def _addresses(item: model.Port | model.RouterPort) -> Iterator[Problem]:
    # Port security with a MAC alone would let every address through.
    if not item.addresses:
        yield _problem(item, NO_ADDRESS, "addresses", "none", "at least one is needed")
    if len({address.ip for address in item.addresses}) < len(item.addresses):
        yield _problem(item, NO_ADDRESS, "addresses", ", ".join(map(str, item.addresses)), "each may stand once")


def _chassis(port: model.Port) -> Iterator[Problem]:
    if port.chassis and not names.is_safe(port.chassis):
        yield _problem(port, UNSAFE_NAME, "chassis", repr(port.chassis), "a node's name is needed")


def _families(route: model.Route) -> Iterator[Problem]:
    parts = [route.prefix, route.next_hop, *([route.source_prefix] if route.source_prefix else [])]
    if len({part.version for part in parts}) > 1:
        found = ", ".join(map(str, parts))
        yield _problem(route, MIXED_FAMILIES, "prefix", found, "prefix, next hop and source must be of one family")


def _next_hop(route: model.Route, context: Context) -> list[Problem]:
    if any(not refusals(leg, context) for leg in context.legs_towards(route.router, route.next_hop)):
        return []
    found = str(route.next_hop)
    return [
        _problem(route, UNREACHABLE, "next_hop", found, f"an address on a network of router {route.router} is needed")
    ]


def _allowed_prefixes(subnets: list[model.Subnet], address: IPInterface) -> str:
    prefixes = sorted(str(subnet.prefix) for subnet in subnets if subnet.prefix.version == address.version)
    return f"an address in {' or '.join(prefixes)} is expected"


def _problem(item: model.Object, code: str, field: str, found: str, allowed: str) -> Problem:
    name = str(item.source) or str(identity.key_of(item))
    return Problem(code=code, object=name, field=field, found=found, allowed=allowed)
