"""Filters of mirrors as OpenFlow matches.  Pure.

Source: ovs-fields(7); a VLAN tag does not hide what is matched here.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from trunkline.intent.monitors import Filter

_PORT_BITS = 16


class Chosen(msgspec.Struct, frozen=True):
    """The frames that some filter names, and whether it is the others that pass (`otherwise`)."""

    matches: tuple[str, ...]
    otherwise: bool


def flows(filters: Sequence[Filter], *, exclude: bool) -> Chosen:
    """What passes the filters; everything does if there are none."""
    return Chosen(tuple(match for each in filters for match in _matches(each)), exclude or not filters)


def _matches(wanted: Filter) -> Iterator[str]:
    """One match for each combination of what a filter lists."""
    ports = [_masks("tp_src", wanted.source_ports), _masks("tp_dst", wanted.destination_ports)]
    with_ports = wanted.source_ports or wanted.destination_ports
    protocols = (wanted.protocol,) if wanted.protocol else ("tcp", "udp") if with_ports else ("",)
    for version, protocol in itertools.product((4, 6), protocols):
        sources, destinations = (_side(version, listed) for listed in (wanted.sources, wanted.destinations))
        word = _word(version, protocol)
        names = ("nw_src", "nw_dst") if version == 4 else ("ipv6_src", "ipv6_dst")
        for source, destination, sending, receiving in itertools.product(sources, destinations, *ports):
            sides = (f"{names[0]}={source}" if source else "", f"{names[1]}={destination}" if destination else "")
            yield ",".join(part for part in (word, *sides, sending, receiving) if part)


def _word(version: int, protocol: str) -> str:
    if version == 4:
        return protocol or "ip"
    return f"{protocol}6" if protocol else "ipv6"


def _side(version: int, listed: Iterable[str]) -> list[str]:
    """The prefixes of a family; [""] if any will do, [] if those that are listed are all of the other one."""
    found = list(listed)
    return [text for text in found if ipaddress.ip_network(text).version == version] if found else [""]


def _masks(field: str, ports: str) -> list[str]:
    """A range of ports as values with masks; [""] if any will do."""
    if not ports:
        return [""]
    first, _, last = ports.partition("-")
    return [f"{field}={value:#x}/{mask:#x}" for value, mask in _aligned(int(first), int(last or first))]


def _aligned(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The fewest blocks of a power of two, each aligned to its size, that make up a range."""
    while first <= last:
        size = first & -first or 1 << _PORT_BITS
        while size > last - first + 1:
            size >>= 1
        yield first, ((1 << _PORT_BITS) - size)
        first += size
