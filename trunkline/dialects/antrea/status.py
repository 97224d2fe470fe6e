"""The status of pools, published from the leases and never read back as truth; and the words of Events.

`ipAddresses` and `usage` are shaped exactly as Antrea's tools expect them.  `conditions` are in addition; Antrea has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from trunkline.dialects.antrea import external_ippools
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.dialects.antrea.external_ippools import ExternalIPPool
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.ipam.leases import Lease
from trunkline.ipam.pools import capacity
from trunkline.kit.clock import rfc3339
from trunkline.kit.problems import Problem

_MOST = 2**63 - 1  # an int64 on the wire; an IPv6 /64 alone has more addresses


class Condition(msgspec.Struct, frozen=True):
    """One condition of a pool, without its time."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def status(
    pool: IPPool,
    leases: Iterable[Lease],
    *,
    previous: Mapping[str, Any] | None,
    now: datetime,
    further: Iterable[Condition] = (),
) -> dict[str, Any]:
    """The pool's status; `previous` is its present one, so that a condition's time moves only with its status.

    `further` are conditions that do not follow from the pool and its leases.
    """
    entries = [_entry(lease) for lease in sorted(leases, key=lambda lease: int(lease.address))]
    total = min(capacity(pool.pool), _MOST)
    return {
        "ipAddresses": entries,
        "usage": {"total": total, "used": len(entries)},
        "conditions": _dated((*_conditions(pool, total, len(entries)), *further), previous or {}, now),
    }


def external(
    pool: ExternalIPPool, *, previous: Mapping[str, Any] | None, now: datetime, further: Iterable[Condition] = ()
) -> dict[str, Any]:
    """An ExternalIPPool's status: no address is in use, and a condition says why."""
    total = min(external_ippools.capacity(pool), _MOST)
    awaited = Condition("Allocating", "False", "NotImplemented", external_ippools.awaited(pool).finding)
    return {
        "usage": {"total": total, "used": 0},
        "conditions": _dated((*_conditions(pool, total, 0), awaited, *further), previous or {}, now),
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


def conditions(written: Mapping[str, Any]) -> list[Condition]:
    """The conditions in a status as it was written."""
    fields = ("type", "status", "reason", "message")
    return [Condition(*(each.get(field, "") for field in fields)) for each in written.get("conditions") or ()]


def _conditions(pool: AnyPool, total: int, used: int) -> Sequence[Condition]:
    full, usage = used >= total, f"{used} of {total} addresses are in use"
    return (
        Condition("Ready", "False", "Invalid", "; ".join(map(str, pool.problems)))
        if pool.problems
        else Condition("Ready", "True", "Valid", ""),
        Condition("Exhausted", "True" if full else "False", "NoFreeAddress" if full else "FreeAddresses", usage),
    )


def _dated(found: Iterable[Condition], previous: Mapping[str, Any], now: datetime) -> Sequence[Mapping[str, str]]:
    before = {each.get("type"): each for each in previous.get("conditions") or ()}
    dated = []
    for each in found:
        earlier = before.get(each.type) or {}
        since = earlier.get("lastTransitionTime") if earlier.get("status") == each.status else None
        dated.append({**msgspec.structs.asdict(each), "lastTransitionTime": since or rfc3339(now)})
    return dated


class EventText(msgspec.Struct, frozen=True):
    """What an Event on a Pod or an IPPool says."""

    type: str
    reason: str
    message: str


def refused(problem: Problem) -> EventText:
    """The pod waits because of this problem."""
    return EventText("Warning", "FailedAllocateIP", str(problem))


def warned(problem: Problem) -> EventText:
    """The pod goes on, but perhaps not as intended."""
    return EventText("Warning", "IPAnnotationIgnored", str(problem))


def attached(found: Condition) -> EventText:
    """How far the pool is attached to the network below the nodes has changed."""
    return EventText("Normal" if found.status == "True" else "Warning", f"{found.type}{found.reason}", found.message)


def granted(pool: IPPool, lease: Lease) -> EventText:
    """The pod has its address."""
    vlans = [each.vlan for each in pool.listed if lease.address in each.range]
    return EventText("Normal", "AllocatedIP", f"{lease.address} from {pool} (VLAN {vlans[0] if vlans else 'unknown'})")
