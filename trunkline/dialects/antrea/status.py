"""An IPPool's status, published from the leases and never read back as truth; and the words of a Pod's Events.

`ipAddresses` and `usage` are shaped exactly as Antrea's tools expect them.  `conditions` are in addition; Antrea has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.dialects.antrea.ippools import IPPool
from trunkline.ipam.leases import Lease
from trunkline.ipam.pools import capacity
from trunkline.kit.clock import rfc3339
from trunkline.kit.problems import Problem

_MOST = 2**63 - 1  # an int64 on the wire; an IPv6 /64 alone has more addresses


def status(
    pool: IPPool, leases: Iterable[Lease], *, previous: Mapping[str, Any] | None, now: datetime
) -> dict[str, Any]:
    """The pool's status; `previous` is its present one, so that a condition's time moves only with its status."""
    entries = [_entry(lease) for lease in sorted(leases, key=lambda lease: int(lease.address))]
    total = min(capacity(pool.pool), _MOST)
    return {
        "ipAddresses": entries,
        "usage": {"total": total, "used": len(entries)},
        "conditions": _conditions(pool, total, len(entries), previous or {}, now),
    }


def _entry(lease: Lease) -> dict[str, Any]:
    owner: dict[str, Any] = {}
    if lease.pod is not None:
        pod = lease.pod
        owner["pod"] = {"name": pod.name, "namespace": pod.namespace, "containerID": pod.container_id}
    if lease.stateful_set is not None:
        place = lease.stateful_set
        owner["statefulSet"] = {"name": place.name, "namespace": place.namespace, "index": place.index}
    phase = "Allocated" if lease.pod is not None else "Reserved"
    return {"ipAddress": str(lease.address), "phase": phase, "owner": owner}


def _conditions(
    pool: IPPool, total: int, used: int, previous: Mapping[str, Any], now: datetime
) -> Sequence[Mapping[str, str]]:
    before = {each.get("type"): each for each in previous.get("conditions") or ()}
    valid = ("Ready", not pool.problems, "Valid", "Invalid", "; ".join(map(str, pool.problems)))
    full = ("Exhausted", used >= total, "NoFreeAddress", "FreeAddresses", f"{used} of {total} addresses are in use")
    return [_condition(before, now, *each) for each in (valid, full)]


def _condition(
    before: Mapping[Any, Any], now: datetime, kind: str, holds: bool, reason: str, otherwise: str, message: str
) -> Mapping[str, str]:
    value = "True" if holds else "False"
    earlier = before.get(kind) or {}
    since = earlier.get("lastTransitionTime") if earlier.get("status") == value else None
    return {
        "type": kind,
        "status": value,
        "reason": reason if holds else otherwise,
        "message": message,
        "lastTransitionTime": since or rfc3339(now),
    }


class EventText(msgspec.Struct, frozen=True):
    """What an Event on a Pod says."""

    type: str
    reason: str
    message: str


def refused(problem: Problem) -> EventText:
    """The pod waits because of this problem."""
    return EventText("Warning", "FailedAllocateIP", str(problem))


def warned(problem: Problem) -> EventText:
    """The pod goes on, but perhaps not as intended."""
    return EventText("Warning", "IPAnnotationIgnored", str(problem))


def granted(pool: IPPool, lease: Lease) -> EventText:
    """The pod has its address."""
    vlans = [each.vlan for each in pool.listed if lease.address in each.range]
    return EventText("Normal", "AllocatedIP", f"{lease.address} from {pool} (VLAN {vlans[0] if vlans else 'unknown'})")
