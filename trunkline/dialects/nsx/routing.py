"""What a gateway forwards by, and what a Tier-1 has told its Tier-0, from the rows of its router.

What OVN has no notion of (the distance of a route, the component that has it) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.dialects.nsx.view import Body, Entry

WORDS = frozenset({"forwarding-table", "advertised-networks"})
"""What is answered from `Routed`."""

_ADVERTISED = {"StaticRoutes": "TIER1_STATIC_ROUTES", "PolicyNatRule": "TIER1_NAT"}
_SHORT = {"StaticRoutes": "s", "PolicyNatRule": "n"}
_DEFAULTS = ("Tier0", "Tier1")
"""What makes routes by itself: the way from a Tier-1 up to its Tier-0."""


class Routed(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A network of a router: `kind` is the type of the policy object that asked for it, `id` of which intent object it is.

    `next_hop` is "" for a network of its own, "discard" for one whose packets are dropped.
    """

    network: str
    next_hop: str = ""
    kind: str = ""
    id: str = ""


def answer(entry: Entry, operation: str, routed: Iterable[Routed]) -> Body:
    """The table of a gateway that an operation asks for; for `advertised-networks` of the routes of its Tier-0."""
    if operation == "advertised-networks":
        return _page([_advertised(each) for each in sorted(routed) if _told_by(entry, each)])
    entries = [_entry(entry, each) for each in sorted(routed)]
    return _page([{"route_entries": entries, "count": len(entries), "status": "SUCCESS"}])


def _page(results: list[Body]) -> Body:
    return {"results": results, "result_count": len(results)}


def _told_by(entry: Entry, each: Routed) -> bool:
    """Whether a route of the Tier-0 is one of those that the Tier-1 advertises."""
    start = f"{entry.path.removeprefix('/')}/"
    return each.id.startswith(start) and "/" not in each.id.removeprefix(start)


def _advertised(each: Routed) -> Body:
    kind = _ADVERTISED.get(each.kind, "TIER1_CONNECTED")
    return {"network": each.network, "status": "SUCCESS", "rule_filter_type": kind}


def _entry(entry: Entry, each: Routed) -> Body:
    found: Body = {"network": each.network}
    if each.kind not in _DEFAULTS:
        below = entry.kind == "Tier1" or (each.next_hop and "/tier-1s/" in f"/{each.id}")
        found["route_type"] = f"{'t1' if below else 't0'}{_SHORT.get(each.kind, 'c')}"
    if each.next_hop == "discard":
        return found | {"black_hole": True}
    return found | ({"next_hop": each.next_hop} if each.next_hop else {})
