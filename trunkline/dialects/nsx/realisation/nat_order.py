"""Which of a gateway's NAT rules goes first, and where OVN would see it otherwise.

The lowest `sequence_number` wins.  OVN knows no order: of rules for sources the longest prefix wins, and of two that take the
same packets either may.  So the later of two that take the same is not made at all, and a rule for which a narrower one of a
higher number goes first is told so.  Rules of one number may go in any order: there the longest prefix is as good as any.
Source: ovn-northd(8), logical router tables UNSNAT, DNAT and SNAT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from trunkline.kit.addresses import IPNetwork

Taken = tuple[Literal["out", "in"], IPNetwork]
"""The packets that a rule is for: those out of the gateway from these sources, or those in to these destinations."""


class Rule(NamedTuple):
    """A rule that can be made; without `scope` it is for every interface."""

    path: str
    number: int
    scope: frozenset[str]
    takes: tuple[Taken, ...]

    def meets(self, other: Rule) -> bool:
        """Whether there may be an interface that both are for."""
        return not self.scope or not other.scope or not self.scope.isdisjoint(other.scope)


class Standing(NamedTuple):
    """Where a rule stands among the others: what it takes that an earlier one has already, and who goes first unduly."""

    lost: tuple[tuple[Taken, str], ...] = ()
    overtaken: tuple[str, ...] = ()


def standings(rules: Iterable[Rule]) -> dict[str, Standing]:
    """The standing of every rule that does not simply go where its number says, by path."""
    takers: defaultdict[Taken, list[Rule]] = defaultdict(list)
    lost: defaultdict[str, list[tuple[Taken, str]]] = defaultdict(list)
    overtaken: defaultdict[str, set[str]] = defaultdict(set)
    for rule in sorted(rules, key=lambda each: (each.number, each.path)):
        for taken in rule.takes:
            first = next((other for other in takers[taken] if other.meets(rule) and other.path != rule.path), None)
            if first is not None:
                lost[rule.path].append((taken, first.path))
                continue
            takers[taken].append(rule)
            for wider in _wider(taken):
                for other in takers.get(wider, ()):
                    if other.number < rule.number and other.meets(rule):
                        overtaken[other.path].add(rule.path)
    return {path: Standing(tuple(lost[path]), tuple(sorted(overtaken[path]))) for path in {*lost, *overtaken}}


def _wider(taken: Taken) -> Iterator[Taken]:
    """The networks around the one that is taken."""
    side, network = taken
    while network.prefixlen:
        network = network.supernet()
        yield side, network
