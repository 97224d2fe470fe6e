"""Static routes."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.dialects.nsx.realisation import advertising, documents, gateways, made
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit.problems import Problem


def static_routes(look: Look, path: str) -> Made | None:
    """A route for each next hop of the lowest distance, and what the Tier-0 learns of it."""
    found = look.document(path, documents.StaticRoutes)
    if found is None:
        return None
    nearest = min(hop.admin_distance for hop in found.next_hops)
    hops = [hop for hop in found.next_hops if hop.admin_distance == nearest]
    refused = tuple(_unnamed(path, hop) for hop in hops if hop.ip_address is None and hop.scope)
    gateway, source = gateways.gateway_of(path), made.source("StaticRoutes", path)
    own = tuple(
        model.Route(
            id=f"{made.identity(path)}/{hop.ip_address or 'discard'}",
            router=made.identity(gateway),
            prefix=found.network,
            next_hop=hop.ip_address,
            source=source,
        )
        for hop in hops
        if hop.ip_address is not None or not hop.scope
    )
    told = advertising.routes(look, gateway, advertising.STATIC, [found.network] if own else [], source)
    return Made((*own, *told), problems=refused, remarks=tuple(_remarks(path, found, nearest)))


def _remarks(path: str, found: documents.StaticRoutes, nearest: int) -> Iterator[Problem]:
    for index, hop in enumerate(found.next_hops):
        where = f"next_hops[{index}]"
        if hop.admin_distance > nearest:
            allowed = f"only next hops of the lowest distance, {nearest}, are used, also while they do not answer"
            yield made.unsupported("StaticRoutes", path, f"{where}.admin_distance", hop.admin_distance, allowed)
        elif hop.ip_address is not None and hop.scope:
            allowed = "the interface follows from the next hop's address"
            yield made.unsupported("StaticRoutes", path, f"{where}.scope", ", ".join(hop.scope), allowed)


def _unnamed(path: str, hop: documents.NextHop) -> Problem:
    allowed = "a next hop needs an address, an interface alone does not do"
    return made.unsupported("StaticRoutes", path, "next_hops.scope", ", ".join(hop.scope), allowed)
