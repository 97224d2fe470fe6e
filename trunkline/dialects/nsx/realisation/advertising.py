"""What a Tier-1 tells its Tier-0: routes on the Tier-0 to prefixes that are reached over the link.

The advertised types decide; the first rule that names the type (or none) and catches the prefix decides otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trunkline.dialects.nsx.realisation import documents, gateways, made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit.addresses import IPNetwork

CONNECTED = "TIER1_CONNECTED"
STATIC = "TIER1_STATIC_ROUTES"
NAT = "TIER1_NAT"


def routes(
    look: Look, gateway: str, type: str, prefixes: Iterable[IPNetwork], source: model.Source
) -> Iterator[model.Route]:
    """The routes on the Tier-0 of `gateway` to those of the prefixes that it advertises; none for a Tier-0 itself."""
    link = look.ask(gateways.link_of, gateway)
    if not isinstance(link, gateways.Link):
        return
    hops = {hop.version: hop.ip for hop in link.lower}
    for prefix in prefixes:
        if advertised(look, gateway, type, prefix):
            yield model.Route(
                id=f"{made.identity(gateway)}/{made.prefix_id(prefix)}",
                router=made.identity(link.tier0),
                prefix=prefix,
                next_hop=hops[prefix.version],
                source=source,
            )


def advertised(look: Look, gateway: str, type: str, prefix: IPNetwork) -> bool:
    """Whether a Tier-1 advertises a prefix of a type."""
    found = look.document(gateway, documents.Tier1)
    if found is None:
        return False
    for rule in found.route_advertisement_rules:
        typed = not rule.route_advertisement_types or type in rule.route_advertisement_types
        if typed and any(_catches(subnet, prefix, rule.prefix_operator) for subnet in rule.subnets):
            return rule.action == "PERMIT"
    return type in found.route_advertisement_types


def _catches(subnet: IPNetwork, prefix: IPNetwork, operator: str) -> bool:
    if operator == "EQ" or subnet.version != prefix.version:
        return subnet == prefix
    return prefix.subnet_of(subnet)  # type: ignore[arg-type]
