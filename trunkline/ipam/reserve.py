"""Addresses kept for a stateful set before its pods exist, so that its ordinals get consecutive ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease, StatefulSetOwner, Take
from trunkline.ipam.pools import Pool, PoolSubnet
from trunkline.ipam.ranges import address


def reserve(book: Book, pools: Sequence[Pool], first: StatefulSetOwner, replicas: int) -> tuple[Take, ...]:
    """Keep `replicas` consecutive addresses for the ordinals from `first` on; nothing if no range has that much room.

    Best effort, once: a set that has any lease already is left alone, and pods of a set without a reservation get the
    lowest free address, which then stays theirs.  The first pool with room serves, of the first pool's family.
    """
    if replicas <= 0 or book.of_stateful_set(first.namespace, first.name):
        return ()
    for pool in pools:
        if pool.family == pools[0].family and (taken := _room(book, pool, first, replicas)):
            return taken
    return ()


def _room(book: Book, pool: Pool, first: StatefulSetOwner, replicas: int) -> tuple[Take, ...]:
    for subnet in pool.subnets:
        for span in subnet.spans():
            for start, end in book.gaps(subnet.network, pool.family, span):
                if end - start + 1 >= replicas:
                    return tuple(Take(_lease(pool, subnet, start, first, step)) for step in range(replicas))
    return ()


def _lease(pool: Pool, subnet: PoolSubnet, start: int, first: StatefulSetOwner, step: int) -> Lease:
    place = msgspec.structs.replace(first, index=first.index + step)
    number = address(pool.family, start + step)
    return Lease(network=subnet.network, address=number, pool=pool.name, stateful_set=place)
