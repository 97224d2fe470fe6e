"""What is asked of the allocator, and its two answers."""

from __future__ import annotations

import msgspec

from trunkline.ipam.leases import Lease, LeaseChange, PodOwner, StatefulSetOwner
from trunkline.kit.addresses import IPAddress
from trunkline.kit.problems import Problem


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A pod asks for one address of each family that its pools have.

    `pools` are names, in the order in which they are tried; `addresses` are wanted exactly, or not at all.
    The two `field`s say where the wish is written, for messages.
    """

    pod: PodOwner
    pools: tuple[str, ...]
    addresses: tuple[IPAddress, ...] = ()
    stateful_set: StatefulSetOwner | None = None
    pools_field: str = ""
    addresses_field: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The pod has these leases (IPv4 first) once all changes are carried out, in one transaction.

    No changes: it has had them before.
    """

    leases: tuple[Lease, ...]
    changes: tuple[LeaseChange, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The pod cannot have an address now; nothing changes.

    `free` and `total` count the pools' addresses; `held` is the lease that stands in the way of a wanted address.
    Worth another try when a lease of `pools` is released or a pool changes.
    """

    problem: Problem
    pools: tuple[str, ...]
    asked: tuple[IPAddress, ...] = ()
    free: int = 0
    total: int = 0
    held: Lease | None = None
