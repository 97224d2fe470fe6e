"""Leases: who has which address, as it is written in the store, and the changes that lead from one to the next.

A lease is keyed by network and address; the store holds that key once, so two writers cannot both win.  It has a pod, or
a place in a stateful set, or both: a lease with neither does not exist.
"""

from __future__ import annotations

import msgspec

from trunkline.kit.addresses import IPAddress, dec_hook, enc_hook
from trunkline.kit.ids import NetworkId

PREFIX = "address/"
"""The beginning of every lease's key in the store."""


def key(network: NetworkId, address: IPAddress) -> str:
    """The key under which the store holds the lease of this address; unique by the store's index."""
    return f"{PREFIX}{network}/{address}"


class PodOwner(msgspec.Struct, frozen=True, omit_defaults=True):
    """The pod that uses an address; identity is the UID, the names are for people."""

    namespace: str
    name: str
    uid: str
    container_id: str = ""

    def __str__(self) -> str:
        return f"Pod {self.namespace}/{self.name}"


class StatefulSetOwner(msgspec.Struct, frozen=True, omit_defaults=True):
    """The place in a stateful set that an address is kept for, whether its pod runs or not."""

    namespace: str
    name: str
    index: int
    uid: str = ""

    def __str__(self) -> str:
        return f"StatefulSet {self.namespace}/{self.name} (ordinal {self.index})"

    def same_place(self, other: StatefulSetOwner) -> bool:
        """Whether both are one ordinal of one set; a recreated set of the same name is another set."""
        same_set = not self.uid or not other.uid or self.uid == other.uid
        return same_set and (self.namespace, self.name, self.index) == (other.namespace, other.name, other.index)


class Lease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One address of one network in somebody's hands."""

    network: NetworkId
    address: IPAddress
    pool: str
    pod: PodOwner | None = None
    stateful_set: StatefulSetOwner | None = None

    @property
    def key(self) -> str:
        """The claim's key in the store."""
        return key(self.network, self.address)

    @property
    def holder(self) -> str:
        """Who has it, as people say it: "Pod ns-db/db-01"."""
        return str(self.pod or self.stateful_set or "nobody")

    def encode(self) -> bytes:
        """The claim's value in the store (JSON)."""
        return msgspec.json.encode(self, enc_hook=enc_hook)


def decode(data: bytes | str) -> Lease:
    """Read a claim's value.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is not a lease.
    """
    return msgspec.json.decode(data, type=Lease, dec_hook=dec_hook)


class Take(msgspec.Struct, frozen=True):
    """Claim an address that nobody has."""

    lease: Lease


class Update(msgspec.Struct, frozen=True):
    """Replace the owners of a claimed address; right only while `before` is what the store holds."""

    before: Lease
    after: Lease


class Release(msgspec.Struct, frozen=True):
    """Give an address back; right only while this is what the store holds."""

    lease: Lease


LeaseChange = Take | Update | Release
