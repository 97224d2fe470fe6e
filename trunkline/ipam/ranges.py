"""Inclusive ranges of addresses, and sets of integers kept as runs.

Addresses are integers inside the allocator: a /64 costs as little as a /24, and nothing here is ever enumerated.
"""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Iterator

import msgspec

from trunkline.kit.addresses import IPAddress, IPNetwork

Span = tuple[int, int]
"""First and last of consecutive addresses, both inclusive, as integers of one family."""


class Range(msgspec.Struct, frozen=True):
    """Addresses from `first` to `last`, both inclusive, of one family."""

    first: IPAddress
    last: IPAddress

    @property
    def span(self) -> Span:
        return int(self.first), int(self.last)

    def __contains__(self, address: IPAddress) -> bool:
        return address.version == self.first.version and self.span[0] <= int(address) <= self.span[1]

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def of_network(network: IPNetwork) -> Range:
    """Every address of the prefix, network and broadcast address included."""
    return Range(network.network_address, network.broadcast_address)


def overlap(one: Range, other: Range) -> bool:
    """Whether the two share an address."""
    same_family = one.first.version == other.first.version
    return same_family and one.span[0] <= other.span[1] and other.span[0] <= one.span[1]


def address(family: int, number: int) -> IPAddress:
    """The address with this number in family 4 or 6."""
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


class Runs:
    """A set of integers, held as sorted runs that neither touch nor overlap.

    Finding is a binary search; adding and removing also shift one C array of runs, which is microseconds at 100,000 runs.
    """

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __contains__(self, number: int) -> bool:
        index = self._at(number)
        return index >= 0 and number <= self._last[index]

    def __len__(self) -> int:
        """How many runs there are (not how many numbers)."""
        return len(self._first)

    def _at(self, number: int) -> int:
        """The run that begins last at or before `number`; -1 when there is none."""
        return bisect.bisect_right(self._first, number) - 1

    def add(self, number: int) -> None:
        """Put the number in; it is not in yet."""
        index = self._at(number)
        joins_left = index >= 0 and self._last[index] == number - 1
        joins_right = index + 1 < len(self._first) and self._first[index + 1] == number + 1
        if joins_left and joins_right:
            self._last[index] = self._last.pop(index + 1)
            self._first.pop(index + 1)
        elif joins_left:
            self._last[index] = number
        elif joins_right:
            self._first[index + 1] = number
        else:
            self._first.insert(index + 1, number)
            self._last.insert(index + 1, number)

    def remove(self, number: int) -> None:
        """Take the number out; it is in."""
        index = self._at(number)
        first, last = self._first[index], self._last[index]
        if first == last:
            del self._first[index], self._last[index]
        elif number == first:
            self._first[index] = number + 1
        elif number == last:
            self._last[index] = number - 1
        else:
            self._last[index] = number - 1
            self._first.insert(index + 1, number + 1)
            self._last.insert(index + 1, last)

    def gaps(self, span: Span) -> Iterator[Span]:
        """The spans of absent numbers within `span`, in ascending order; the first costs one binary search."""
        start, end = span
        index = self._at(start)
        if index >= 0 and self._last[index] >= start:
            start = self._last[index] + 1
        while start <= end:
            index += 1
            following = self._first[index] if index < len(self._first) else end + 1
            yield start, min(following - 1, end)
            if following > end:
                return
            start = self._last[index] + 1

    def count(self, span: Span) -> int:
        """How many numbers of `span` are in the set; costs the runs within the span."""
        return span[1] - span[0] + 1 - sum(last - first + 1 for first, last in self.gaps(span))
