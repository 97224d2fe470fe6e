"""Where one address stands: in whose hands, or why in nobody's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease
from trunkline.ipam.pools import Pool, PoolSubnet
from trunkline.kit.addresses import IPAddress
from trunkline.kit.ids import NetworkId

State = Literal["leased", "kept", "free", "reserved", "unlisted"]
"""A pod has it; it is kept for a place in a stateful set; a pod may get it; nobody ever gets it; no range lists it."""

_ORDER: tuple[State, ...] = ("leased", "kept", "free", "reserved", "unlisted")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An address on one network; `reason` says why it is reserved or unlisted."""

    network: NetworkId
    state: State
    pool: str
    lease: Lease | None = None
    reason: str = ""


def standings(address: IPAddress, pools: Iterable[Pool], book: Book) -> list[Standing]:
    """How the address stands on each network that knows it, held ones first; empty when none does."""
    best: dict[NetworkId, Standing] = {}
    for each in (*_held(address, book), *_offered(address, pools)):
        known = best.get(each.network)
        if known is None or _rank(each) < _rank(known):
            best[each.network] = each
    return sorted(best.values(), key=lambda each: (_rank(each), each.network))


def _rank(standing: Standing) -> int:
    return _ORDER.index(standing.state)


def _held(address: IPAddress, book: Book) -> Iterator[Standing]:
    for lease in book:
        if lease.address == address:
            state: State = "leased" if lease.pod else "kept"
            yield Standing(network=lease.network, state=state, pool=lease.pool, lease=lease)


def _offered(address: IPAddress, pools: Iterable[Pool]) -> Iterator[Standing]:
    for pool in pools:
        for subnet in pool.subnets:
            if address in subnet.prefix:
                state, reason = _without_lease(address, subnet)
                yield Standing(network=subnet.network, state=state, pool=pool.name, reason=reason)


def _without_lease(address: IPAddress, subnet: PoolSubnet) -> tuple[State, str]:
    if (reason := subnet.reserved().get(address)) is not None:
        return "reserved", f"it is {reason} of {subnet.prefix}"
    if address not in subnet:
        return "unlisted", f"it is in {subnet.prefix}, and in no range"
    return "free", ""
