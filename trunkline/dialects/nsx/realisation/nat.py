"""Address translation.

OVN translates where packets pass a gateway's own interface.  What passes between a Tier-1 and its Tier-0 is translated on the
interfaces of the Tier-0, so packets between Tier-1s of one Tier-0 are not translated; a rule says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from trunkline.dialects.nsx.realisation import advertising, documents, gateways, made, nat_order
from trunkline.dialects.nsx.realisation.documents import PolicyNatRule
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.dialects.nsx.realisation.nat_order import Rule, Standing, Taken
from trunkline.intent import model
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.problems import Problem

NO_INTERFACE = problems.register(
    "TRK-0955", "Nothing can be translated, because the gateway has no interface of its own."
)
LATER = problems.register("TRK-0963", "An earlier NAT rule takes the same packets.")
HIDDEN = problems.register("TRK-0956", "A Tier-1 translates to an address that it does not advertise.")

_KINDS = {"SNAT": model.NatKind.SNAT, "DNAT": model.NatKind.DNAT, "REFLEXIVE": model.NatKind.BOTH}


def nat_rule(look: Look, path: str) -> Made | None:
    """The translations of a rule, one for each interface that packets may pass."""
    rule = look.document(path, documents.PolicyNatRule)
    if rule is None:
        return None
    if not rule.enabled:
        return made.NOTHING
    refused = tuple(_refusals(path, rule))
    if refused:
        return Made(problems=refused)
    gateway = gateways.gateway_of(path)
    legs = [leg for leg in look.ask(_legs, gateway) if not rule.scope or leg in rule.scope]
    if not legs:
        return Made(problems=(_nowhere(path),))
    standing = look.ask(_standing, path)
    gone = {taken for taken, _ in standing.lost}
    pairs = [pair for pair in _pairs(rule) if gone.isdisjoint(_taken(rule, *pair))]
    above = [leg for leg in legs if gateways.gateway_of(leg) != gateway]
    hidden = [external for external, _ in pairs if above and not _is_told(look, gateway, external)]
    objects = tuple(
        _nat(path, rule, leg, *pair) for leg in legs for pair in pairs if leg not in above or pair[0] not in hidden
    )
    refused = tuple(_hidden(path, external) for external in dict.fromkeys(hidden))
    remarks = [_above(path, above)] if above and len(hidden) < len(pairs) else []
    remarks += [_overtaken(path, rule, standing)] if standing.overtaken else []
    return Made(objects, problems=(*refused, *_lost(path, standing)), remarks=tuple(remarks))


def _standing(look: Look, path: str) -> Standing:
    """Where a rule stands among those of its gateway."""
    return look.ask(_standings, path.rpartition("/")[0]).get(path, Standing())


def _standings(look: Look, section: str) -> dict[str, Standing]:
    """The same of all rules of a section: worked out once, however many rules look at it."""
    found = []
    for path in look.under("in", section):
        rule = look.document(path, documents.PolicyNatRule)
        if rule is not None and rule.enabled and not any(_refusals(path, rule)):
            takes = tuple(taken for pair in _pairs(rule) for taken in _taken(rule, *pair))
            found.append(Rule(path, rule.sequence_number, frozenset(rule.scope), takes))
    return nat_order.standings(found)


def _taken(rule: PolicyNatRule, external: IPAddress, internal: IPNetwork) -> list[Taken]:
    """The packets that OVN translates by one pair of a rule."""
    outward: Taken = ("out", internal)
    inward: Taken = ("in", ipaddress.ip_network(external))
    return {"SNAT": [outward], "DNAT": [inward]}.get(rule.action, [outward, inward])


def _legs(look: Look, gateway: str) -> list[str]:
    """The interfaces of the gateway, and those of its Tier-0."""
    link = look.ask(gateways.link_of, gateway)
    above = look.ask(gateways.legs_of, link.tier0) if isinstance(link, gateways.Link) else []
    return [*look.ask(gateways.legs_of, gateway), *above]


def _is_told(look: Look, gateway: str, external: IPAddress) -> bool:
    return advertising.advertised(look, gateway, advertising.NAT, ipaddress.ip_network(external))


def _pairs(rule: PolicyNatRule) -> Iterator[tuple[IPAddress, IPNetwork]]:
    """External address and internal prefix."""
    if rule.action == "DNAT":
        yield from zip(_hosts(rule.destination_network), documents.networks(rule.translated_network), strict=True)
    elif rule.action == "REFLEXIVE":
        yield from zip(_hosts(rule.translated_network), documents.networks(rule.source_network), strict=True)
    else:
        external = _hosts(rule.translated_network)[0]
        for internal in documents.networks(rule.source_network):
            yield external, internal


def _hosts(text: str) -> list[IPAddress]:
    return [network.network_address for network in documents.networks(text)]


def _nat(path: str, rule: PolicyNatRule, leg: str, external: IPAddress, internal: IPNetwork) -> model.Nat:
    return model.Nat(
        id=f"{made.identity(path)}/{made.identity(leg)}/{made.prefix_id(internal)}",
        gateway=made.identity(leg),
        kind=_KINDS[rule.action],
        external=external,
        internal=internal,
        source=made.source("PolicyNatRule", path),
    )


def _refusals(path: str, rule: PolicyNatRule) -> Iterator[Problem]:
    def refused(field: str, found: object, allowed: str) -> Problem:
        return made.unsupported("PolicyNatRule", path, field, found, allowed)

    if rule.action not in _KINDS:
        yield refused("action", rule.action, "SNAT, DNAT and REFLEXIVE are possible")
        return
    for field in ("translated_ports", "service"):
        if getattr(rule, field):
            yield refused(field, getattr(rule, field), "whole addresses are translated")
    if rule.action == "SNAT":
        if rule.destination_network:
            yield refused("destination_network", rule.destination_network, "SNAT holds for every destination")
        if not _single(rule.translated_network):
            yield refused("translated_network", rule.translated_network, "SNAT goes to one address")
        return
    outer, inner = ("destination_network", "translated_network")
    if rule.action == "REFLEXIVE":
        outer, inner = ("translated_network", "source_network")
    elif rule.source_network:
        yield refused("source_network", rule.source_network, "DNAT holds for every source")
    for field in (outer, inner):
        if not _single(getattr(rule, field)):
            yield refused(field, getattr(rule, field), f"{rule.action} needs one address")


def _single(text: str) -> bool:
    found = documents.networks(text)
    return len(found) == 1 and found[0].num_addresses == 1


def _nowhere(path: str) -> Problem:
    return Problem(
        code=NO_INTERFACE,
        object=f"PolicyNatRule {path}",
        found="no interface",
        allowed="an interface of the gateway, or of its Tier-0, is needed",
        hint="add an interface with an edge cluster to the Tier-0",
    )


def _hidden(path: str, external: object) -> Problem:
    return Problem(
        code=HIDDEN,
        object=f"PolicyNatRule {path}",
        found=str(external),
        allowed="the Tier-1 must advertise TIER1_NAT",
        hint="add TIER1_NAT to its route_advertisement_types",
    )


def _lost(path: str, standing: Standing) -> Iterator[Problem]:
    for (_, network), first in standing.lost:
        yield Problem(
            code=LATER,
            object=f"PolicyNatRule {path}",
            found=str(network),
            allowed=f"{first} goes first and takes it all",
            hint="delete or disable one of the two",
        )


def _overtaken(path: str, rule: PolicyNatRule, standing: Standing) -> Problem:
    allowed = f"the longest prefix goes first, which is that of {', '.join(standing.overtaken)}"
    return made.unsupported("PolicyNatRule", path, "sequence_number", rule.sequence_number, allowed)


def _above(path: str, legs: Sequence[str]) -> Problem:
    allowed = "a Tier-1 translates on the interfaces of its Tier-0: packets to its other Tier-1s are not translated"
    return made.unsupported("PolicyNatRule", path, "path", ", ".join(legs), allowed)
