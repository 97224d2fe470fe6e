"""Admission of IPPools: what may be created, changed and deleted.

Antrea checks a pool by itself (that is `ippools.decode` here).  In addition, deliberately:

* Pools of one VLAN may not overlap, nor hand out each other's gateway; on different VLANs that is only remarked on.
* A pool's subnet may not overlap the cluster's pod or service addresses: such pods would be unreachable.
* Ranges may be changed and removed as long as no address in use falls out (Antrea: appending only).
* The VLAN cannot change while addresses are in use (Antrea: running pods silently keep the old one).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from trunkline.dialects.antrea import ippools, mixed
from trunkline.dialects.antrea.ippools import IPPool, ListedRange
from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease
from trunkline.ipam.ranges import overlap
from trunkline.kit import problems
from trunkline.kit.addresses import IPNetwork
from trunkline.kit.problems import Problem

POOLS_OVERLAP = problems.register("TRK-0320", "Two IPPools of one VLAN list the same address.")
FOREIGN_GATEWAY = problems.register("TRK-0321", "An IPPool lists the gateway of another pool of its VLAN.")
CLUSTER_OVERLAP = problems.register("TRK-0322", "An IPPool's subnet overlaps the cluster's own addresses.")
IMMUTABLE = problems.register("TRK-0323", "A field of an IPPool cannot be changed.")
RANGE_IN_USE = problems.register("TRK-0324", "An address in use would fall out of its IPPool.")
POOL_IN_USE = problems.register("TRK-0325", "An IPPool in use cannot be deleted.")
SAME_ELSEWHERE = problems.register("TRK-0326", "Two IPPools list the same address on different VLANs.")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster's own address plan."""

    pod_cidrs: tuple[IPNetwork, ...] = ()
    service_cidrs: tuple[IPNetwork, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """Everything that forbids a change, and everything worth saying about it."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def validate(
    new: IPPool | None, old: IPPool | None, *, others: Iterable[IPPool], leases: Collection[Lease], facts: Facts
) -> Verdict:
    """Judge a creation (no `old`), a change, or a deletion (no `new`) of a pool whose leases are `leases`.

    `others` are the other pools of the same physical network.
    """
    if new is None:
        return Verdict(tuple(_in_use(old, leases)) if old else ())
    others = [other for other in others if other.name != new.name]
    found = [*new.problems, *_against_pools(new, others), *_against_cluster(new, facts)]
    if old is not None:
        found += [*_immutable(new, old), *_fallen_out(new, old, leases)]
    return Verdict(tuple(found), (*new.warnings, *_same_elsewhere(new, others)))


def review(
    request: Mapping[str, Any], *, pools: Iterable[IPPool], book: Book, facts: Facts, physical_network: str = "trunk"
) -> dict[str, Any]:
    """Answer an AdmissionReview about an IPPool.

    A change that leaves the spec as it is (status, labels, finalizers) always passes: an old mistake in a pool must not
    hold up its bookkeeping.

    Source: admission.k8s.io/v1 AdmissionReview.
    """
    asked = request["request"]
    raw_new, raw_old = asked.get("object"), asked.get("oldObject")
    verdict = Verdict()
    if not (raw_new and raw_old and _same_offer(raw_new, raw_old)):
        new, old = (
            ippools.decode(raw, physical_network=physical_network) if raw else None for raw in (raw_new, raw_old)
        )
        verdict = validate(new, old, others=pools, leases=book.of_pool(asked.get("name", "")), facts=facts)
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": asked["uid"], **_response(asked.get("name", ""), verdict)},
    }


def _response(name: str, verdict: Verdict) -> dict[str, Any]:
    response: dict[str, Any] = {"allowed": not verdict.problems}
    if verdict.problems:
        response["status"] = denial(name, verdict.problems)
    if verdict.warnings:
        response["warnings"] = [str(warning) for warning in verdict.warnings]
    return response


def denial(name: str, found: Iterable[Problem]) -> dict[str, Any]:
    """The Kubernetes Status that tells a client about these problems of one IPPool; kubectl prints name and causes."""
    found = tuple(found)
    causes = [
        {"reason": "FieldValueInvalid", "field": each.field or "metadata.name", "message": each.finding}
        for each in found
    ]
    return {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "\n".join(str(each) for each in found),
        "details": {"group": ippools.GROUP, "kind": "IPPool", "name": name, "causes": causes},
    }


def _same_offer(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    parts = [
        (raw.get("spec"), (raw.get("metadata", {}).get("annotations") or {}).get(mixed.ANNOTATION))
        for raw in (new, old)
    ]
    return parts[0] == parts[1]


def _in_use(old: IPPool, leases: Collection[Lease]) -> Iterator[Problem]:
    if leases:
        hint = "delete its pods and the stateful sets it keeps addresses for first"
        yield _problem(POOL_IN_USE, old, "", _listed(leases), "IPPool in use cannot be deleted", hint)


def _against_pools(new: IPPool, others: Iterable[IPPool]) -> Iterator[Problem]:
    for mine, theirs, other in _pairs(new, others):
        if mine.vlan != theirs.vlan:
            continue
        where = f"range {theirs} of {other} (VLAN {theirs.vlan})"
        if overlap(mine.range, theirs.range):
            hint = "give each pool of a VLAN its own addresses"
            yield _problem(POOLS_OVERLAP, new, mine.field, f"range {mine}", f"it overlaps with {where}", hint)
        if theirs.gateway in mine.range and theirs.gateway != mine.gateway:
            found = f"range {mine} with {theirs.gateway}, the gateway of {other}"
            yield _problem(FOREIGN_GATEWAY, new, mine.field, found, "a gateway's address is not for pods")
        if mine.gateway in theirs.range and theirs.gateway != mine.gateway:
            yield _problem(FOREIGN_GATEWAY, new, mine.field, f"the gateway {mine.gateway}", f"it is in {where}")


def _same_elsewhere(new: IPPool, others: Iterable[IPPool]) -> Iterator[Problem]:
    for mine, theirs, other in _pairs(new, others):
        if mine.vlan != theirs.vlan and overlap(mine.range, theirs.range):
            where = f"range {theirs} of {other} on VLAN {theirs.vlan} overlaps it"
            yield _problem(SAME_ELSEWHERE, new, mine.field, f"range {mine} on VLAN {mine.vlan}", where)


def _pairs(new: IPPool, others: Iterable[IPPool]) -> Iterator[tuple[ListedRange, ListedRange, IPPool]]:
    for other in others:
        for theirs in other.listed:
            for mine in new.listed:
                yield mine, theirs, other


def _against_cluster(new: IPPool, facts: Facts) -> Iterator[Problem]:
    plans = [("pod", cidr) for cidr in facts.pod_cidrs] + [("service", cidr) for cidr in facts.service_cidrs]
    for field, prefix in dict.fromkeys((each.field, each.prefix) for each in new.listed):
        for what, cidr in plans:
            if prefix.version == cidr.version and prefix.overlaps(cidr):
                allowed = f"it overlaps the cluster's {what} addresses {cidr}"
                yield _problem(CLUSTER_OVERLAP, new, field, f"the subnet {prefix}", allowed, "use another subnet")


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
        yield _problem(
            IMMUTABLE, new, field, f"{now} instead of {was}", f"{field} cannot change", "create another IPPool"
        )


def _fallen_out(new: IPPool, old: IPPool, leases: Collection[Lease]) -> Iterator[Problem]:
    lost = [lease for lease in leases if _offers(old, lease) and not _offers(new, lease)]
    moved = [lease for lease in lost if new.pool.subnet_of(lease.address) is not None]
    gone = [lease for lease in lost if lease not in moved]
    if gone:
        removed = "existing IPRanges cannot be updated or deleted while their addresses are in use"
        yield _problem(RANGE_IN_USE, new, "spec.ipRanges", _listed(gone), removed, "delete the pods first")
    if moved:
        hint = "delete its pods first, or create another IPPool"
        yield _problem(
            RANGE_IN_USE, new, "vlan", _listed(moved), "the VLAN cannot change while addresses are in use", hint
        )


def _offers(pool: IPPool, lease: Lease) -> bool:
    return any(subnet.network == lease.network and lease.address in subnet for subnet in pool.pool.subnets)


def _listed(leases: Collection[Lease]) -> str:
    first = min(leases, key=lambda lease: int(lease.address))
    rest = f" and {len(leases) - 1} more" if len(leases) > 1 else ""
    return f"{first.address} in use by {first.holder}{rest}"


def _problem(code: str, pool: IPPool, field: str, found: str, allowed: str, hint: str = "") -> Problem:
    return Problem(code=code, object=str(pool), field=field, found=found, allowed=allowed, hint=hint)
