"""Tier-0 and Tier-1 gateways, the hypervisors that may serve their interfaces, and the links between them."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterator

import msgspec

from trunkline.dialects.nsx.realisation import documents, made
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit import addresses, problems
from trunkline.kit.addresses import IPInterface
from trunkline.kit.problems import Problem

NO_TRANSIT = problems.register("TRK-0953", "A Tier-0 has no transit prefix with room for one more link.")

EDGES = "edges"
"""Facts `edges <name of an edge cluster>` hold the chassis that may serve its gateways, best first."""

_LINK_PREFIX_LENGTH = {4: 30, 6: 126}
# Not /31 and /127: OVN takes the other address of a /31 for the broadcast address and drops what comes from it.
_TRANSIT6 = ipaddress.IPv6Network("fd64:6464:6464::/64")
"""Chosen: a unique local prefix for links, because NSX's transit prefixes are of IPv4 by default."""


class Link(msgspec.Struct, frozen=True):
    """The wire between a Tier-1 and its Tier-0; addresses are in pairs, one of each family that has one."""

    tier0: str
    upper: tuple[IPInterface, ...]
    lower: tuple[IPInterface, ...]


def tier0(look: Look, path: str) -> Made | None:
    """The router of a Tier-0."""
    if look.document(path, documents.Tier0) is None:
        return None
    return Made((model.Router(id=made.identity(path), source=made.source("Tier0", path)),))


def tier1(look: Look, path: str) -> Made | None:
    """The router of a Tier-1, its link to its Tier-0, and the default routes over it."""
    found = look.document(path, documents.Tier1)
    if found is None:
        return None
    source = made.source("Tier1", path)
    router = model.Router(id=made.identity(path), source=source)
    link = look.ask(link_of, path)
    if isinstance(link, Problem):
        return Made((router,), problems=(link,))
    return Made((router, *_uplink(look, path, link, source))) if link else Made((router,))


def link_of(look: Look, path: str) -> Link | Problem | None:
    """The link of a Tier-1, None if it has no Tier-0, or why it cannot be made."""
    found = look.document(path, documents.Tier1)
    upper = look.document(found.tier0_path, documents.Tier0) if found else None
    if found is None or upper is None:
        return None
    transit = next((each for each in upper.transit_subnets if each.version == 4), None)
    number = look.ask(_numbers, found.tier0_path).get(path)
    if transit is None or number is None:
        subnets = ", ".join(map(str, upper.transit_subnets))
        field = "transit_subnets"
        return Problem(code=NO_TRANSIT, object=f"Tier0 {found.tier0_path}", field=field, found=subnets or "none")
    pairs = [_pair(each, number) for each in (transit, _TRANSIT6)]
    return Link(found.tier0_path, tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def chassis_of(look: Look, locale: str, edge: str) -> tuple[str, ...]:
    """The chassis that may serve interfaces of locale services, best first: `edge`, the preferred ones, the others.

    Edges are paths; the last element of one is its chassis.
    """
    found = look.document(locale, documents.LocaleServices)
    cluster = found.edge_cluster_path.rpartition("/")[2] if found else ""
    members: tuple[str, ...] = look.fact(f"{EDGES} {cluster}") or ()
    wanted = [path.rpartition("/")[2] for path in (edge, *(found.preferred_edge_paths if found else ()))]
    return tuple(dict.fromkeys([*(each for each in wanted if each in members), *members]))


def legs_of(look: Look, gateway: str) -> list[str]:
    """The paths of a gateway's own interfaces that make a leg."""
    return [
        path
        for locale in look.under("in", f"{gateway}/locale-services")
        for path in look.under("in", f"{locale}/interfaces")
        if look.ask(_serves, path)
    ]


def locale_of(path: str) -> str:
    """The locale services that hold an interface."""
    return path.rpartition("/interfaces/")[0]


def gateway_of(path: str) -> str:
    """The gateway that holds locale services, an interface, a static route or a NAT rule."""
    parts = path.split("/")
    tier = next(index for index, part in enumerate(parts) if part in ("tier-0s", "tier-1s"))
    return "/".join(parts[: tier + 2])


def _uplink(look: Look, path: str, link: Link, source: model.Source) -> Iterator[model.Object]:
    lower = model.LinkEnd(made.identity(path), addresses.mac_of(link.lower[0].ip), link.lower)
    upper = model.LinkEnd(made.identity(link.tier0), addresses.mac_of(link.upper[0].ip), link.upper)
    yield model.RouterLink(id=made.identity(path), ends=(lower, upper), source=source)
    for hop in link.upper:
        # A default route of the Tier-1's own is preferred to the one that every Tier-1 has.
        if not look.under(f"IPv{hop.version} default of", path):
            everywhere = ipaddress.ip_network("0.0.0.0/0" if hop.version == 4 else "::/0")
            yield model.Route(
                id=f"{made.identity(path)}/default/{made.prefix_id(everywhere)}",
                router=made.identity(path),
                prefix=everywhere,
                next_hop=hop.ip,
                source=source,
            )


def _numbers(look: Look, tier0_path: str) -> dict[str, int]:
    """A number for the link of each Tier-1, by its path.

    Drawn from the path, so that links keep their addresses whatever comes and goes.  Of two that drew the same the one
    made first keeps it.
    """
    found = look.document(tier0_path, documents.Tier0)
    transit = next((each for each in found.transit_subnets if each.version == 4), None) if found else None
    places = 2 ** max(_LINK_PREFIX_LENGTH[4] - transit.prefixlen, 0) if transit else 0
    tiers = {path: look.document(path, documents.Tier1) for path in look.under("tier-1 of", tier0_path)}
    taken: dict[int, str] = {}
    for path in sorted(tiers, key=lambda path: (getattr(tiers[path], "created", 0), path))[:places]:
        start = zlib.crc32(path.encode())
        number = next(place for step in range(places) if (place := (start + step) % places) not in taken)
        taken[number] = path
    return {path: number for number, path in taken.items()}


def _pair(prefix: addresses.IPNetwork, number: int) -> tuple[IPInterface, IPInterface]:
    length = _LINK_PREFIX_LENGTH[prefix.version]
    first = prefix.network_address + number * 2 ** (prefix.max_prefixlen - length)
    return ipaddress.ip_interface((first + 1, length)), ipaddress.ip_interface((first + 2, length))


def _serves(look: Look, path: str) -> bool:
    found = look.document(path, documents.Interface)
    up = found is not None and found.type != "LOOPBACK" and found.admin_state == "UP" and bool(found.subnets)
    return up and bool(look.ask(chassis_of, locale_of(path), found.edge_path if found else ""))
