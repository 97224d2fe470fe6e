"""Admission of ExternalIPPools: what may be created and changed.  They may always be deleted.

As Antrea does it: ranges within the subnet if there is one, no range removed, no address in two of these pools.  In addition,
deliberately: on one VLAN they share no address with an IPPool either, and their subnet is not one that the cluster uses for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trunkline.dialects.antrea import contention, external_ippools, reviews
from trunkline.dialects.antrea.contention import AnyPool, Facts, problem
from trunkline.dialects.antrea.external_ippools import ExternalIPPool
from trunkline.dialects.antrea.reviews import Verdict
from trunkline.ipam import ranges
from trunkline.kit import problems
from trunkline.kit.problems import Problem

SHARED = problems.register("TRK-0328", "Two ExternalIPPools list the same address.")
RANGE_REMOVED = problems.register("TRK-0329", "A range of an ExternalIPPool cannot be changed or removed.")


def validate(new: ExternalIPPool, old: ExternalIPPool | None, *, others: Iterable[AnyPool], facts: Facts) -> Verdict:
    """Judge a creation (no `old`) or a change; `others` are the cluster's other pools, of any kind."""
    others = contention.others_than(new, others)
    found = [*new.problems, *_shared(new, others)]
    found += contention.against_pools(new, [each for each in others if not isinstance(each, ExternalIPPool)])
    found += contention.against_cluster(new, facts)
    if old is not None:
        found += _removed(new, old)
    return Verdict(tuple(found), (*new.warnings, external_ippools.awaited(new)))


def review(request: Mapping[str, Any], *, pools: Iterable[AnyPool], facts: Facts) -> dict[str, Any]:
    """Answer an AdmissionReview about an ExternalIPPool."""
    asked = request["request"]
    verdict = Verdict()
    if asked.get("object") and not reviews.same_offer(asked):
        old = external_ippools.decode(asked["oldObject"]) if asked.get("oldObject") else None
        verdict = validate(external_ippools.decode(asked["object"]), old, others=pools, facts=facts)
    return reviews.answer(asked, "ExternalIPPool", verdict)


def _shared(new: ExternalIPPool, others: Iterable[AnyPool]) -> Iterator[Problem]:
    for other in others:
        for theirs in other.ranges if isinstance(other, ExternalIPPool) else ():
            for mine in new.ranges:
                if ranges.overlap(mine.range, theirs.range):
                    found, allowed = f"range {mine}", f"it overlaps with range {theirs} of {other}"
                    yield problem(SHARED, new, mine.field, found, allowed, "give each pool its own addresses")


def _removed(new: ExternalIPPool, old: ExternalIPPool) -> Iterator[Problem]:
    """By what ranges mean, not by how they are written."""
    kept = {each.range for each in new.ranges}
    if gone := [str(each) for each in old.ranges if each.range not in kept]:
        allowed = "existing ranges cannot be updated or deleted; appending is fine"
        hint = "delete the pool and make it anew"
        yield problem(RANGE_REMOVED, new, "spec.ipRanges", f"without {', '.join(gone)}", allowed, hint)
