"""What pools, of whatever kind, may not share with each other and with the cluster: addresses and gateways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from trunkline.dialects.antrea.external_ippools import ExternalIPPool
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.dialects.antrea.written import ListedRange
from trunkline.ipam.ranges import overlap
from trunkline.kit import problems
from trunkline.kit.addresses import IPNetwork
from trunkline.kit.problems import Problem

POOLS_OVERLAP = problems.register("TRK-0320", "Two pools of one VLAN list the same address.")
FOREIGN_GATEWAY = problems.register("TRK-0321", "A pool lists the gateway of another pool of its VLAN.")
CLUSTER_OVERLAP = problems.register("TRK-0322", "A pool's subnet overlaps the cluster's own addresses.")
SAME_ELSEWHERE = problems.register("TRK-0326", "Two pools list the same address on different VLANs.")

AnyPool = IPPool | ExternalIPPool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster's own address plan."""

    pod_cidrs: tuple[IPNetwork, ...] = ()
    service_cidrs: tuple[IPNetwork, ...] = ()


def against_pools(new: AnyPool, others: Iterable[AnyPool]) -> Iterator[Problem]:
    """Addresses and gateways of other pools of the same VLAN."""
    for mine, theirs, other in _pairs(new, others):
        if mine.vlan != theirs.vlan:
            continue
        where = f"range {theirs} of {other} (VLAN {theirs.vlan})"
        if overlap(mine.range, theirs.range):
            hint = "give each pool of a VLAN its own addresses"
            yield problem(POOLS_OVERLAP, new, mine.field, f"range {mine}", f"it overlaps with {where}", hint)
        if theirs.gateway in mine.range and theirs.gateway != mine.gateway:
            found = f"range {mine} with {theirs.gateway}, the gateway of {other}"
            yield problem(FOREIGN_GATEWAY, new, mine.field, found, "a gateway's address is not for pods")
        if mine.gateway in theirs.range and theirs.gateway != mine.gateway:
            yield problem(FOREIGN_GATEWAY, new, mine.field, f"the gateway {mine.gateway}", f"it is in {where}")


def same_elsewhere(new: AnyPool, others: Iterable[AnyPool]) -> Iterator[Problem]:
    """Addresses that stand on another VLAN as well, which may be meant."""
    for mine, theirs, other in _pairs(new, others):
        if mine.vlan != theirs.vlan and overlap(mine.range, theirs.range):
            where = f"range {theirs} of {other} on VLAN {theirs.vlan} overlaps it"
            yield problem(SAME_ELSEWHERE, new, mine.field, f"range {mine} on VLAN {mine.vlan}", where)


def _pairs(new: AnyPool, others: Iterable[AnyPool]) -> Iterator[tuple[ListedRange, ListedRange, AnyPool]]:
    for other in others:
        for theirs in other.listed:
            for mine in new.listed:
                yield mine, theirs, other


def against_cluster(new: AnyPool, facts: Facts) -> Iterator[Problem]:
    """Subnets that the cluster uses for itself: what is there would be unreachable."""
    plans = [("pod", cidr) for cidr in facts.pod_cidrs] + [("service", cidr) for cidr in facts.service_cidrs]
    for field, prefix in dict.fromkeys((each.field, each.prefix) for each in new.listed):
        for what, cidr in plans:
            if prefix.version == cidr.version and prefix.overlaps(cidr):
                allowed = f"it overlaps the cluster's {what} addresses {cidr}"
                yield problem(CLUSTER_OVERLAP, new, field, f"the subnet {prefix}", allowed, "use another subnet")


def others_than(new: AnyPool, pools: Iterable[AnyPool]) -> list[AnyPool]:
    """The pools without the one that is judged, as it was."""
    return [each for each in pools if str(each) != str(new)]


def problem(code: str, pool: AnyPool, field: str, found: str, allowed: str, hint: str = "") -> Problem:
    """A problem of a pool."""
    return Problem(code=code, object=str(pool), field=field, found=found, allowed=allowed, hint=hint)
