"""How addresses come back.

A pod's end gives its addresses back, except those kept for an ordinal of a stateful set.  A stateful set's end drops what
was kept for it, but never takes an address from a pod that still runs: dropping that, too, would let two pods answer on
one address.  So every function here removes one owner, and the lease ends with its last.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import msgspec

from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease, LeaseChange, Release, Update


def pod_gone(book: Book, uid: str) -> tuple[LeaseChange, ...]:
    """The pod with this UID is gone or has come to its end."""
    return tuple(_without_pod(lease) for lease in book.of_pod(uid))


def stateful_set_gone(book: Book, namespace: str, name: str, successor: str = "") -> tuple[LeaseChange, ...]:
    """The set is gone; what is kept for the set with the UID `successor`, which has its name now, stays."""
    leases = book.of_stateful_set(namespace, name)
    return tuple(_without_set(lease) for lease in leases if not (successor and _belongs(lease, successor)))


def orphans(book: Book, pods: Container[str], stateful_sets: Container[str]) -> tuple[LeaseChange, ...]:
    """What must be given back when only the pods and stateful sets with these UIDs exist.

    Looks at every lease: for a start, and for a periodic check that nothing has leaked.
    """
    changes: list[LeaseChange] = []
    for lease in book:
        pod = lease.pod if lease.pod and lease.pod.uid in pods else None
        place = lease.stateful_set
        if place is not None and place.uid and place.uid not in stateful_sets:
            place = None
        changes += _with_owners(lease, msgspec.structs.replace(lease, pod=pod, stateful_set=place))
    return tuple(changes)


def _belongs(lease: Lease, uid: str) -> bool:
    kept_for = lease.stateful_set.uid if lease.stateful_set else ""
    return not kept_for or kept_for == uid


def _without_pod(lease: Lease) -> LeaseChange:
    return Update(lease, msgspec.structs.replace(lease, pod=None)) if lease.stateful_set else Release(lease)


def _without_set(lease: Lease) -> LeaseChange:
    return Update(lease, msgspec.structs.replace(lease, stateful_set=None)) if lease.pod else Release(lease)


def _with_owners(before: Lease, after: Lease) -> Iterable[LeaseChange]:
    if before == after:
        return ()
    return (Update(before, after) if after.pod or after.stateful_set else Release(before),)
