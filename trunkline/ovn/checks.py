"""What is wrong with an intent object, before anything of it reaches OVN.

`refusals` are reasons to write no row of the object: a row made from it could not work or could mislead OVN.
`remarks` are reported while the rows are written all the same.  Both name the user's object, not ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from trunkline.intent import model
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork
from trunkline.kit.problems import Problem
from trunkline.ovn import identity, names
from trunkline.ovn.context import Context

MISSING = problems.register("TRK-0401", "An object refers to another one that does not exist or is itself refused.")
UNSAFE_NAME = problems.register("TRK-0402", "An id or a chassis name cannot be used in OVN.")
BAD_MAC = problems.register("TRK-0403", "A MAC address is not one that a port can have.")
BAD_VLAN = problems.register("TRK-0404", "A network's VLAN or physical network is not possible.")
NO_ADDRESS = problems.register("TRK-0405", "A port has no address that its guard needs, or the same address twice.")
OUTSIDE = problems.register("TRK-0406", "A port's address is in no subnet of its network.")
UNREACHABLE = problems.register("TRK-0407", "A route's next hop is on no network of its router.")
MIXED_FAMILIES = problems.register("TRK-0408", "A route or a translation mixes IPv4 and IPv6.")
BAD_NESTING = problems.register("TRK-0412", "A port cannot be nested in that parent with that tag.")
SAME_TAG = problems.register("TRK-0413", "Two ports stand for the same tag of the same parent.")
BAD_MOVE = problems.register("TRK-0414", "A port moves from no machine, or to the one where it is.")
BAD_LINK = problems.register("TRK-0415", "A link's ends do not fit together.")
NO_GATEWAY = problems.register(
    "TRK-0416", "A gateway has the same machine twice, or a leg that is no gateway is used as one."
)
BAD_NAT = problems.register(
    "TRK-0417", "A translation has a prefix where a host's address is needed, or changes nothing."
)
BAD_QOS = problems.register("TRK-0418", "A limit or a mark is outside of what OVN can do, or there is neither.")

HIGHEST_VLAN = 4094
"""IEEE 802.1Q: 4095 is reserved."""
HIGHEST_RATE = 4294967295
"""The schema's, for both `rate` and `burst`."""
HIGHEST_DSCP = 63
"""RFC 2474: six bits."""

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MULTICAST_BIT = 0x01


def refusals(item: model.Object, context: Context) -> Sequence[Problem]:
    """Why no row may be made of this object; empty when it is in order.

    Found once for an object of the context, because ten thousand ports may ask about one network.
    """
    key = identity.key_of(item)
    if context.get(key) is not item:
        return _refusals(item, context)
    known = context.judgements.get(key)
    if known is None:
        known = context.judgements[key] = tuple(_refusals(item, context))
    return known


def _refusals(item: model.Object, context: Context) -> list[Problem]:
    found = list(_id(item))
    match item:
        case model.Network():
            found += _network(item)
        case model.Subnet():
            found += _on_network(item, context)
        case model.Port():
            found += [*_on_network(item, context), *_hosts(item), *_chassis(item), *_nesting(item, context)]
            found += _on(model.Filter, item.filter, item, context) if item.filter else ()
        case model.Filter():
            found += _filtered(item)
        case model.Qos():
            found += [*_on(model.Port, item.port, item, context), *_limits(item)]
        case model.RouterPort():
            found += [*_on_network(item, context), *_on(model.Router, item.router, item, context)]
            found += [*_mac(item, item.mac), *_addresses(item, item.addresses), *_candidates(item)]
        case model.RouterLink():
            found += _link(item, context)
        case model.Route():
            found += [*_on(model.Router, item.router, item, context), *_route_families(item)]
            found = found or _next_hop(item, context)
        case model.Nat():
            found += [*_on(model.RouterPort, item.gateway, item, context), *_translation(item, context)]
    return found


def remarks(item: model.Object, context: Context) -> list[Problem]:
    """What is odd about an object of which rows are made."""
    if not isinstance(item, model.Port):
        return []
    subnets = context.subnets(item.network)
    return [
        _problem(item, OUTSIDE, "addresses", str(address), _allowed_prefixes(subnets, address))
        for host in item.hosts
        for address in host.addresses
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
    return _on(model.Network, item.network, item, context)


def _on(kind: type[model.Object], object_id: str, item: model.Object, context: Context) -> Iterator[Problem]:
    """The object that this one names must be one of which rows are made."""
    needed = context.find(kind, object_id)
    if needed is None or refusals(needed, context):
        field, word = _CALLED[kind]
        yield _problem(item, MISSING, field, object_id, f"the {word} must exist and be in order")


_CALLED: dict[type[model.Object], tuple[str, str]] = {
    model.Network: ("network", "network"),
    model.Filter: ("filter", "filter"),
    model.Port: ("port", "port"),
    model.Router: ("router", "router"),
    model.RouterPort: ("gateway", "router port"),
}


def _hosts(port: model.Port) -> Iterator[Problem]:
    for host in port.hosts:
        yield from _mac(port, host.mac)
    # Port security with a MAC alone would let every address through, and an empty one every MAC.
    if port.guard is not model.Guard.NONE and not port.hosts:
        yield _problem(port, NO_ADDRESS, "hosts", "none", f"the guard {port.guard.value} needs at least one")
    for host in port.hosts if port.guard is model.Guard.ADDRESSES else ():
        if not host.addresses:
            yield _problem(port, NO_ADDRESS, "addresses", f"none of {host.mac}", "at least one is needed")
    yield from _twice(port, [address for host in port.hosts for address in host.addresses])


def _mac(item: model.Object, mac: str) -> Iterator[Problem]:
    if not _MAC.fullmatch(mac):
        yield _problem(item, BAD_MAC, "mac", repr(mac), "six bytes as 0a:58:ac:10:13:0b, in lower case, are allowed")
    elif int(mac[:2], 16) & _MULTICAST_BIT:
        yield _problem(item, BAD_MAC, "mac", mac, "a unicast address is needed")


def _addresses(item: model.Object, addresses: Sequence[IPInterface]) -> Iterator[Problem]:
    if not addresses:
        yield _problem(item, NO_ADDRESS, "addresses", "none", "at least one is needed")
    yield from _twice(item, addresses)


def _twice(item: model.Object, addresses: Sequence[IPInterface]) -> Iterator[Problem]:
    if len({address.ip for address in addresses}) < len(addresses):
        yield _problem(item, NO_ADDRESS, "addresses", ", ".join(map(str, addresses)), "each may stand once")


def _chassis(port: model.Port) -> Iterator[Problem]:
    for field, machine in (("chassis", port.chassis), ("moving_to", port.moving_to)):
        if machine and not names.is_safe(machine):
            yield _problem(port, UNSAFE_NAME, field, repr(machine), "a node's name is needed")
    if port.moving_to and port.chassis in ("", port.moving_to):
        yield _problem(port, BAD_MOVE, "moving_to", port.moving_to, "another machine than `chassis`, which is needed")


def _nesting(port: model.Port, context: Context) -> Iterator[Problem]:
    if not port.parent:
        if port.tag:
            yield _problem(port, BAD_NESTING, "tag", str(port.tag), "only a port with a parent has a tag")
        return
    if not 1 <= port.tag <= HIGHEST_VLAN:
        yield _problem(port, BAD_NESTING, "tag", str(port.tag), f"1 to {HIGHEST_VLAN} is allowed")
    if port.chassis or port.moving_to:
        yield _problem(port, BAD_NESTING, "chassis", port.chassis, "a nested port is where its parent is")
    parent = context.find(model.Port, port.parent)
    if parent and parent.parent:
        yield _problem(port, BAD_NESTING, "parent", port.parent, "a parent that is not nested itself is needed")
    elif parent is None or refusals(parent, context):
        yield _problem(port, MISSING, "parent", port.parent, "the parent must exist and be in order")
    # OVN would let both claim the tag, and each frame go to one of them.
    if others := context.same_tag(port):
        yield _problem(port, SAME_TAG, "tag", str(port.tag), f"a tag that {', '.join(others)} does not have is needed")


def _filtered(filter: model.Filter) -> Iterator[Problem]:
    for mac in (*filter.blocked_macs, *filter.spared_macs):
        if not _MAC.fullmatch(mac):
            yield _problem(
                filter, BAD_MAC, "macs", repr(mac), "six bytes as 01:80:c2:00:00:00, in lower case, are allowed"
            )


def _limits(qos: model.Qos) -> Iterator[Problem]:
    if not 0 <= qos.rate <= HIGHEST_RATE or not 0 <= qos.burst <= HIGHEST_RATE:
        found = f"rate {qos.rate}, burst {qos.burst}"
        yield _problem(qos, BAD_QOS, "rate", found, f"0 to {HIGHEST_RATE} kbit/s and kbit are allowed")
    if qos.dscp is not None and not 0 <= qos.dscp <= HIGHEST_DSCP:
        yield _problem(qos, BAD_QOS, "dscp", str(qos.dscp), f"0 to {HIGHEST_DSCP} is allowed")
    if not qos.rate and qos.dscp is None:
        yield _problem(qos, BAD_QOS, "rate", "neither rate nor dscp", "one of them is needed")


def _candidates(leg: model.RouterPort) -> Iterator[Problem]:
    for machine in leg.gateway_chassis:
        if not names.is_safe(machine):
            yield _problem(leg, UNSAFE_NAME, "gateway_chassis", repr(machine), "a node's name is needed")
    if len(set(leg.gateway_chassis)) < len(leg.gateway_chassis):
        yield _problem(leg, NO_GATEWAY, "gateway_chassis", ", ".join(leg.gateway_chassis), "each may stand once")
    if leg.redirect is model.Redirect.BRIDGED and not leg.gateway_chassis:
        yield _problem(leg, NO_GATEWAY, "redirect", leg.redirect.value, "only a leg with gateway_chassis redirects")


def _link(link: model.RouterLink, context: Context) -> Iterator[Problem]:
    for end in link.ends:
        yield from _on(model.Router, end.router, link, context)
        yield from _mac(link, end.mac)
        yield from _addresses(link, end.addresses)
    one, other = link.ends
    if one.router == other.router:
        yield _problem(link, BAD_LINK, "ends", one.router, "two different routers are needed")
    if {address.network for address in one.addresses} != {address.network for address in other.addresses}:
        found = " and ".join(", ".join(map(str, end.addresses)) for end in link.ends)
        yield _problem(link, BAD_LINK, "addresses", found, "both ends need addresses in the same prefixes")
    if {address.ip for address in one.addresses} & {address.ip for address in other.addresses}:
        yield _problem(link, BAD_LINK, "addresses", ", ".join(map(str, one.addresses)), "each end needs its own")


def _translation(nat: model.Nat, context: Context) -> Iterator[Problem]:
    gateway = context.find(model.RouterPort, nat.gateway)
    if gateway and not gateway.gateway_chassis:
        yield _problem(nat, NO_GATEWAY, "gateway", nat.gateway, "a leg with gateway_chassis is needed")
    if nat.kind is not model.NatKind.SNAT and nat.internal.num_addresses > 1:
        yield _problem(nat, BAD_NAT, "internal", str(nat.internal), f"{nat.kind.value} needs one host's address")
    # A connection that is translated to what it is already can abort ovs-vswitchd before 3.1.3.
    if nat.internal == ip_network(nat.external):
        yield _problem(nat, BAD_NAT, "internal", str(nat.internal), "another address than `external` is needed")
    yield from _families(nat, [nat.external, nat.internal])


def _route_families(route: model.Route) -> Iterator[Problem]:
    parts = (route.prefix, route.next_hop, route.source_prefix)
    return _families(route, [part for part in parts if part])


def _families(item: model.Object, parts: Sequence[IPAddress | IPNetwork]) -> Iterator[Problem]:
    if len({part.version for part in parts}) > 1:
        yield _problem(item, MIXED_FAMILIES, "prefix", ", ".join(map(str, parts)), "all must be of one family")


def _next_hop(route: model.Route, context: Context) -> list[Problem]:
    if route.next_hop is None:
        return []
    if any(not refusals(item, context) for item in context.connections_towards(route.router, route.next_hop)):
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
