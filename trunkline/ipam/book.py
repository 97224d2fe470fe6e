"""The book of all leases: an index in memory, rebuilt from the store at any time.

Every question is answered without looking at a pool address by address: the lowest free address costs one binary search
per listed range.  The book never decides; `allocate` and `release` do, and answer with changes for `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from trunkline.ipam import leases
from trunkline.ipam.leases import Lease, LeaseChange, Release, StatefulSetOwner, Take
from trunkline.ipam.pools import Pool, PoolSubnet, distinct
from trunkline.ipam.ranges import Runs, Span, address
from trunkline.kit.addresses import IPAddress
from trunkline.kit.ids import NetworkId
from trunkline.kit.problems import BugError

KeyT = TypeVar("KeyT")
_Index = dict[KeyT, dict[str, Lease]]  # what it is found by -> lease key -> lease


class Book:
    """Who has which address.

    Invariants: a (network, address) has at most one lease; the book built anew from its own leases equals it.
    """

    def __init__(self, initial: Iterable[Lease] = ()) -> None:
        self._leases: dict[str, Lease] = {}
        self._by_pod: _Index[str] = {}
        self._by_set: _Index[tuple[str, str]] = {}
        self._by_place: _Index[tuple[str, str, int]] = {}
        self._by_pool: _Index[str] = {}
        self._taken: dict[tuple[NetworkId, int], Runs] = {}
        for lease in initial:
            self.add(lease)

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[Lease]:
        return iter(tuple(self._leases.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Book) and self._leases == other._leases

    __hash__ = None  # type: ignore[assignment]  # a book changes

    def add(self, lease: Lease) -> None:
        """Enter a lease.

        Raises:
            BugError: the address has a lease already; the store's unique index should have prevented it.
        """
        if lease.key in self._leases:
            raise BugError(f"{lease.key} is leased twice: {self._leases[lease.key].holder} and {lease.holder}")
        self._leases[lease.key] = lease
        self._index(lease)
        self._taken.setdefault((lease.network, lease.address.version), Runs()).add(int(lease.address))

    def remove(self, lease: Lease) -> None:
        """Strike a lease out.

        Raises:
            BugError: this lease, with exactly these owners, is not in the book.
        """
        if self._leases.get(lease.key) != lease:
            raise BugError(f"{lease.key} is not leased to {lease.holder}")
        del self._leases[lease.key]
        self._unindex(lease)
        self._taken[lease.network, lease.address.version].remove(int(lease.address))

    def apply(self, changes: Iterable[LeaseChange]) -> None:
        """Carry out changes, in order.

        Raises:
            BugError: a change does not fit what the book holds.
        """
        for change in changes:
            if isinstance(change, Take):
                self.add(change.lease)
            elif isinstance(change, Release):
                self.remove(change.lease)
            else:
                self.remove(change.before)
                self.add(change.after)

    def owner(self, network: NetworkId, wanted: IPAddress) -> Lease | None:
        """The lease of this address, if it has one."""
        return self._leases.get(leases.key(network, wanted))

    def of_pod(self, uid: str) -> tuple[Lease, ...]:
        """The leases of the pod with this UID."""
        return tuple(self._by_pod.get(uid, {}).values())

    def of_stateful_set(self, namespace: str, name: str) -> tuple[Lease, ...]:
        """The leases kept for any ordinal of the set, of any set of that name there ever was."""
        return tuple(self._by_set.get((namespace, name), {}).values())

    def of_place(self, place: StatefulSetOwner) -> tuple[Lease, ...]:
        """The leases kept for this ordinal of this very set."""
        found = self._by_place.get((place.namespace, place.name, place.index), {}).values()
        return tuple(lease for lease in found if lease.stateful_set and lease.stateful_set.same_place(place))

    def of_pool(self, name: str) -> tuple[Lease, ...]:
        """The leases taken from the pool, in no particular order."""
        return tuple(self._by_pool.get(name, {}).values())

    def lowest_free(self, pool: Pool) -> tuple[PoolSubnet, IPAddress] | None:
        """The address that the pool hands out next: ranges as listed, lowest address first; None when it is full."""
        for subnet in pool.subnets:
            for span in subnet.spans():
                for first, _last in self.gaps(subnet.network, pool.family, span):
                    return subnet, address(pool.family, first)
        return None

    def gaps(self, network: NetworkId, family: int, span: Span) -> Iterator[Span]:
        """The free parts of a span of a network's addresses, ascending."""
        return self._taken.get((network, family), _NOTHING).gaps(span)

    def free(self, pool: Pool) -> int:
        """How many addresses the pool can still hand out."""
        spans = (
            (first, last) for network, span in distinct(pool) for first, last in self.gaps(network, pool.family, span)
        )
        return sum(last - first + 1 for first, last in spans)

    def _index(self, lease: Lease) -> None:
        self._by_pool.setdefault(lease.pool, {})[lease.key] = lease
        if lease.pod is not None:
            self._by_pod.setdefault(lease.pod.uid, {})[lease.key] = lease
        if (place := lease.stateful_set) is not None:
            self._by_set.setdefault((place.namespace, place.name), {})[lease.key] = lease
            self._by_place.setdefault((place.namespace, place.name, place.index), {})[lease.key] = lease

    def _unindex(self, lease: Lease) -> None:
        _drop(self._by_pool, lease.pool, lease)
        if lease.pod is not None:
            _drop(self._by_pod, lease.pod.uid, lease)
        if (place := lease.stateful_set) is not None:
            _drop(self._by_set, (place.namespace, place.name), lease)
            _drop(self._by_place, (place.namespace, place.name, place.index), lease)


_NOTHING = Runs()


def _drop(index: _Index[KeyT], key: KeyT, lease: Lease) -> None:
    del index[key][lease.key]
    if not index[key]:
        del index[key]
