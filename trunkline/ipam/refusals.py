"""The words for a refused request: each names the pod, the pool, what was asked, what there is, and a next step."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease
from trunkline.ipam.pools import Pool, capacity
from trunkline.ipam.requests import Refusal, Request
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress
from trunkline.kit.problems import Problem

EXHAUSTED = problems.register("TRK-0301", "Every pool that a pod may use is exhausted.")
NOT_IN_POOL = problems.register("TRK-0302", "A pod asks for an address that is in none of its pools.")
RESERVED = problems.register("TRK-0303", "A pod asks for an address that is never handed out.")
TAKEN = problems.register("TRK-0304", "A pod asks for an address that somebody else has.")


def exhausted(book: Book, pools: Sequence[Pool], request: Request) -> Refusal:
    """No pool has a free address of the family."""
    counts = [(pool, book.free(pool), capacity(pool)) for pool in pools]
    found = ", ".join(f"{pool} with {free} of {total} addresses free" for pool, free, total in counts)
    problem = Problem(
        code=EXHAUSTED,
        object=str(request.pod),
        field=request.pools_field,
        found=found,
        allowed=f"failed to allocate IPv{pools[0].family} address: all pools exhausted",
        hint="add a range to a pool, name a further pool, or delete pods that hold its addresses",
    )
    free, total = sum(each[1] for each in counts), sum(each[2] for each in counts)
    return Refusal(problem=problem, pools=request.pools, asked=request.addresses, free=free, total=total)


def not_in_pool(pools: Sequence[Pool], request: Request, address: IPAddress) -> Refusal:
    """The wanted address is in no range of any pool."""
    ranges = "; ".join(f"{pool} has {', '.join(_ranges(pool)) or 'no ranges'}" for pool in pools)
    allowed = ranges or f"none of {', '.join(request.pools)} is an IPv{address.version} pool"
    names = " or ".join(str(pool) for pool in pools) or "any pool"
    found = f"{address}, which does not belong to {names}"
    return _fixed(NOT_IN_POOL, request, found, allowed, "ask for an address inside a range of the pool")


def reserved(pool: Pool, request: Request, address: IPAddress, reason: str) -> Refusal:
    """The wanted address is listed, but never handed out."""
    found = f"{address}, {reason} of {pool}"
    return _fixed(
        RESERVED, request, found, "it is reserved and not available for allocation", "ask for another address"
    )


def taken(pool: Pool, request: Request, held: Lease) -> Refusal:
    """The wanted address is somebody else's."""
    found = f"{held.address} of {pool}, already allocated to {held.holder}"
    hint = f"ask for another address, or delete {held.holder} first"
    if held.pod is None:
        hint = f"ask for another address, or delete the StatefulSet that {held.address} is kept for"
    return _fixed(TAKEN, request, found, "an address has one owner", hint, held)


def _fixed(code: str, request: Request, found: str, allowed: str, hint: str, held: Lease | None = None) -> Refusal:
    problem = Problem(
        code=code, object=str(request.pod), field=request.addresses_field, found=found, allowed=allowed, hint=hint
    )
    return Refusal(problem=problem, pools=request.pools, asked=request.addresses, held=held)


def _ranges(pool: Pool) -> list[str]:
    return [str(listed) for subnet in pool.subnets for listed in subnet.ranges]
