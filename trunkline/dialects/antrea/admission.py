"""Admission of IPPools: what may be created, changed and deleted.

Antrea checks a pool by itself (that is `ippools.decode` here).  In addition, deliberately:

* Pools of one VLAN, ExternalIPPools among them, may not overlap, nor hand out each other's gateway; on different VLANs that
  is only remarked on.
* A pool's subnet may not overlap the cluster's pod or service addresses: such pods would be unreachable.
* Ranges may be changed and removed as long as no address in use falls out (Antrea: appending only).
* The VLAN cannot change while addresses are in use (Antrea: running pods silently keep the old one).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from trunkline.dialects.antrea import contention, ippools, reviews
from trunkline.dialects.antrea.contention import AnyPool, Facts, problem
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.dialects.antrea.reviews import Verdict
from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease
from trunkline.kit import problems
from trunkline.kit.problems import Problem

IMMUTABLE = problems.register("TRK-0323", "A field of an IPPool cannot be changed.")
RANGE_IN_USE = problems.register("TRK-0324", "An address in use would fall out of its IPPool.")
POOL_IN_USE = problems.register("TRK-0325", "An IPPool in use cannot be deleted.")


def validate(
    new: IPPool | None, old: IPPool | None, *, others: Iterable[AnyPool], leases: Collection[Lease], facts: Facts
) -> Verdict:
    """Judge a creation (no `old`), a change, or a deletion (no `new`) of a pool whose leases are `leases`.

    `others` are the other pools of the same physical network, of any kind.
    """
    if new is None:
        return Verdict(tuple(_in_use(old, leases)) if old else ())
    others = contention.others_than(new, others)
    found = [*new.problems, *contention.against_pools(new, others), *contention.against_cluster(new, facts)]
    if old is not None:
        found += [*_immutable(new, old), *_fallen_out(new, old, leases)]
    return Verdict(tuple(found), (*new.warnings, *contention.same_elsewhere(new, others)))


def review(
    request: Mapping[str, Any], *, pools: Iterable[AnyPool], book: Book, facts: Facts, physical_network: str = "trunk"
) -> dict[str, Any]:
    """Answer an AdmissionReview about an IPPool."""
    asked = request["request"]
    verdict = Verdict()
    if not reviews.same_offer(asked):
        new, old = (
            ippools.decode(raw, physical_network=physical_network) if raw else None
            for raw in (asked.get("object"), asked.get("oldObject"))
        )
        verdict = validate(new, old, others=pools, leases=book.of_pool(asked.get("name", "")), facts=facts)
    return reviews.answer(asked, "IPPool", verdict)


def _in_use(old: IPPool, leases: Collection[Lease]) -> Iterator[Problem]:
    if leases:
        hint = "delete its pods and the stateful sets it keeps addresses for first"
        yield problem(POOL_IN_USE, old, "", _listed(leases), "IPPool in use cannot be deleted", hint)


def _immutable(new: IPPool, old: IPPool) -> Iterator[Problem]:
    """Gateway and prefix of the ranges that stay, and of a pool that had and has one subnet."""
    before = {str(each.range): each for each in old.listed}
    pairs = [(before[str(each.range)], each) for each in new.listed if str(each.range) in before]
    if len({(each.gateway, each.prefix) for each in old.listed}) == 1 and new.listed:
        pairs = pairs or [(old.listed[0], new.listed[0])]
    changed = {
        (name, str(getattr(was, name)), str(getattr(now, name)))
        for was, now in pairs
        for name in ("gateway", "prefix")
        if getattr(was, name) != getattr(now, name)
    }
    for name, was, now in sorted(changed):
        field = {"gateway": "gateway", "prefix": "prefixLength"}[name]
        yield problem(
            IMMUTABLE, new, field, f"{now} instead of {was}", f"{field} cannot change", "create another IPPool"
        )


def _fallen_out(new: IPPool, old: IPPool, leases: Collection[Lease]) -> Iterator[Problem]:
    lost = [lease for lease in leases if _offers(old, lease) and not _offers(new, lease)]
    moved = [lease for lease in lost if new.pool.subnet_of(lease.address) is not None]
    gone = [lease for lease in lost if lease not in moved]
    if gone:
        removed = "existing IPRanges cannot be updated or deleted while their addresses are in use"
        yield problem(RANGE_IN_USE, new, "spec.ipRanges", _listed(gone), removed, "delete the pods first")
    if moved:
        hint = "delete its pods first, or create another IPPool"
        yield problem(
            RANGE_IN_USE, new, "vlan", _listed(moved), "the VLAN cannot change while addresses are in use", hint
        )


def _offers(pool: IPPool, lease: Lease) -> bool:
    return any(subnet.network == lease.network and lease.address in subnet for subnet in pool.pool.subnets)


def _listed(leases: Collection[Lease]) -> str:
    first = min(leases, key=lambda lease: int(lease.address))
    rest = f" and {len(leases) - 1} more" if len(leases) > 1 else ""
    return f"{first.address} in use by {first.holder}{rest}"
