"""Pools: which addresses may be handed out, and how many that truly are.

Never handed out, whichever way a range was written: the subnet's gateway, its network address (IPv6: the subnet-router
anycast address, RFC 4291 section 2.6.1) and its IPv4 broadcast address.  Subnets of two addresses have neither of the
latter two (RFC 3021, RFC 6164).  There is no upper bound on a range's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from trunkline.intent.model import Source
from trunkline.ipam.ranges import Range, Span
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.ids import NetworkId


class PoolSubnet(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a pool that lies in one subnet; ranges in the order in which they are used up."""

    network: NetworkId
    prefix: IPNetwork
    gateway: IPAddress
    ranges: tuple[Range, ...]

    def reserved(self) -> dict[IPAddress, str]:
        """The addresses of the subnet that are never handed out, and what each of them is."""
        found = {self.gateway: "the gateway"}
        if self.prefix.num_addresses > 2:
            found.setdefault(self.prefix.network_address, "the network address")
            if self.prefix.version == 4:
                found.setdefault(self.prefix.broadcast_address, "the broadcast address")
        return found

    def spans(self) -> Iterator[Span]:
        """What may be handed out, as spans in the order of use."""
        barred = sorted(int(address) for address in self.reserved())
        inside = (int(self.prefix.network_address), int(self.prefix.broadcast_address))
        for listed in self.ranges:
            first, last = max(listed.span[0], inside[0]), min(listed.span[1], inside[1])
            for number in barred:
                if first <= number <= last:
                    if first < number:
                        yield first, number - 1
                    first = number + 1
            if first <= last:
                yield first, last

    def __contains__(self, address: IPAddress) -> bool:
        """Whether a range of the pool lists the address, reserved or not."""
        return address in self.prefix and any(address in listed for listed in self.ranges)


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A named supply of addresses of one family; its subnets (perhaps on several VLANs) are used up in order."""

    name: str
    family: int
    subnets: tuple[PoolSubnet, ...]
    source: Source = Source("")

    def __str__(self) -> str:
        return str(self.source) if self.source.kind else f"pool {self.name}"

    def subnet_of(self, address: IPAddress) -> PoolSubnet | None:
        """The subnet whose ranges list the address."""
        return next((subnet for subnet in self.subnets if address in subnet), None)

    def subnet_on(self, network: NetworkId) -> PoolSubnet | None:
        """The subnet on this network: the way from a lease back to its gateway and prefix."""
        return next((subnet for subnet in self.subnets if subnet.network == network), None)


def capacity(pool: Pool) -> int:
    """How many different addresses the pool can hand out."""
    return sum(last - first + 1 for _network, (first, last) in distinct(pool))


def distinct(pool: Pool) -> Iterator[tuple[NetworkId, Span]]:
    """The pool's allocatable spans, ascending per network, where overlapping ranges count once."""
    networks: dict[NetworkId, list[Span]] = {}
    for subnet in pool.subnets:
        networks.setdefault(subnet.network, []).extend(subnet.spans())
    for network, spans in networks.items():
        for span in merged(spans):
            yield network, span


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same numbers as ascending spans that do not overlap."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result
