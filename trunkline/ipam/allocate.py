"""Which address a pod gets: the policy, on one page.

1. A pod that has leases keeps exactly these (asking again changes nothing).
2. A wanted address, or a refusal; never another one instead.
3. The address kept for this ordinal of the stateful set.
4. The lowest free address, ranges as listed, the next pool when one is full.

Per family of the pools; all families or none.
"""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.ipam import refusals
from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease, LeaseChange, Release, Take, Update
from trunkline.ipam.pools import Pool, PoolSubnet
from trunkline.ipam.requests import Grant, Refusal, Request
from trunkline.kit.addresses import IPAddress
from trunkline.kit.ids import NetworkId
from trunkline.kit.problems import BugError


def allocate(book: Book, pools: Sequence[Pool], request: Request) -> Grant | Refusal:
    """Answer the request from `pools`, which are those it names, in its order.  The book is not changed.

    Raises:
        BugError: no pool is given, or the pod has no UID; such a pod is not to be asked about.
    """
    if not pools or not request.pod.uid:
        raise BugError(f"{request.pod} asks for an address without a pool or without a UID")
    if leases := book.of_pod(request.pod.uid):
        return Grant(leases=_ordered(leases))
    leases, changes = (), list[LeaseChange]()
    families = {pool.family for pool in pools} | {address.version for address in request.addresses}
    for family in sorted(families):
        chosen = _choose(book, [pool for pool in pools if pool.family == family], request, family)
        if isinstance(chosen, Refusal):
            return chosen
        held = book.owner(chosen.network, chosen.address)
        changes.append(Update(held, chosen) if held else Take(chosen))
        changes += _superseded(book, request, chosen)
        leases += (chosen,)
    return Grant(leases=leases, changes=tuple(changes))


def _choose(book: Book, pools: Sequence[Pool], request: Request, family: int) -> Lease | Refusal:
    for address in request.addresses:
        if address.version == family:
            return _wanted(book, pools, request, address)
    if (kept := _kept(book, pools, request, family)) is not None:
        return _lease(kept.pool, kept.network, kept.address, request)
    for pool in pools:
        if (found := book.lowest_free(pool)) is not None:
            subnet, address = found
            return _lease(pool.name, subnet.network, address, request)
    return refusals.exhausted(book, pools, request)


def _wanted(book: Book, pools: Sequence[Pool], request: Request, address: IPAddress) -> Lease | Refusal:
    listed = _listing(pools, address)
    if listed is None:
        return refusals.not_in_pool(pools, request, address)
    pool, subnet = listed
    if (reason := subnet.reserved().get(address)) is not None:
        return refusals.reserved(pool, request, address, reason)
    held = book.owner(subnet.network, address)
    if held is not None and not _may_take_over(held, request):
        return refusals.taken(pool, request, held)
    return _lease(pool.name, subnet.network, address, request)


def _listing(pools: Sequence[Pool], address: IPAddress) -> tuple[Pool, PoolSubnet] | None:
    for pool in pools:
        if (subnet := pool.subnet_of(address)) is not None:
            return pool, subnet
    return None


def _may_take_over(held: Lease, request: Request) -> bool:
    """Whether the lease is the asker's own, from before it was recreated.

    The API server has one Pod object of a name at a time, so a lease of the same name and another UID belongs to a Pod
    that is gone.
    """
    if held.pod is not None:
        return (held.pod.namespace, held.pod.name) == (request.pod.namespace, request.pod.name)
    kept_for, asker = held.stateful_set, request.stateful_set
    return kept_for is not None and asker is not None and kept_for.same_place(asker)


def _kept(book: Book, pools: Sequence[Pool], request: Request, family: int) -> Lease | None:
    """The lease kept for the asker's ordinal in one of its pools, lowest address first."""
    if request.stateful_set is None:
        return None
    names = {pool.name for pool in pools}
    own = (
        lease for lease in book.of_place(request.stateful_set) if lease.pool in names and _may_take_over(lease, request)
    )
    return min(own, key=lambda lease: int(lease.address), default=None)


def _superseded(book: Book, request: Request, chosen: Lease) -> list[Release]:
    """Other addresses kept for the ordinal: it was given a wanted address, or its pools were changed."""
    if request.stateful_set is None:
        return []
    return [
        Release(lease)
        for lease in book.of_place(request.stateful_set)
        if lease.key != chosen.key
        and lease.address.version == chosen.address.version
        and _may_take_over(lease, request)
    ]


def _lease(pool: str, network: NetworkId, address: IPAddress, request: Request) -> Lease:
    return Lease(network=network, address=address, pool=pool, pod=request.pod, stateful_set=request.stateful_set)


def _ordered(leases: Sequence[Lease]) -> tuple[Lease, ...]:
    return tuple(sorted(leases, key=lambda lease: (lease.address.version, int(lease.address))))
