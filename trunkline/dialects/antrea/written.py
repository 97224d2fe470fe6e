"""Ranges and subnets as pools of any kind write them: a range by its prefix or by its ends, a subnet by its gateway.

Readers note every mistake and answer None when nothing usable is left.  Wording follows Antrea's webhook where it has a word
for it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from trunkline.dialects.antrea import fields, mixed
from trunkline.dialects.antrea.fields import Findings, Raw
from trunkline.ipam import ranges
from trunkline.ipam.ranges import Range
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress, IPNetwork

BAD_RANGE = problems.register("TRK-0314", "A range of a pool contradicts itself.")
OUTSIDE_SUBNET = problems.register("TRK-0315", "A range of a pool is outside its subnet.")
OVERLAP = problems.register("TRK-0316", "Two ranges of one pool overlap.")
HOST_BITS = problems.register("TRK-0317", "A prefix of a pool has host bits.")
EMPTY = problems.register("TRK-0319", "A pool has no address to hand out.")

MAX_VLAN = 4094  # IEEE 802.1Q: 4095 is reserved


class BareRange(msgspec.Struct, frozen=True, kw_only=True):
    """A sound range: where it is written, as it is written, and what it means."""

    field: str
    text: str
    range: Range

    def __str__(self) -> str:
        return f"[{self.text}]"


class ListedRange(BareRange, frozen=True, kw_only=True):
    """A sound range and its subnet; VLAN 0 is untagged."""

    gateway: IPAddress
    prefix: IPNetwork
    vlan: int


class WrittenSubnet(msgspec.Struct, frozen=True):
    """A sound `subnetInfo`, or what a v1alpha2 range has of it."""

    gateway: IPAddress
    prefix: IPNetwork
    vlan: int


AnyRange = TypeVar("AnyRange", bound=BareRange)


def on_subnet(found: BareRange, subnet: WrittenSubnet) -> ListedRange:
    """The range as one of a subnet."""
    return ListedRange(
        field=found.field,
        text=found.text,
        range=found.range,
        gateway=subnet.gateway,
        prefix=subnet.prefix,
        vlan=subnet.vlan,
    )


def raw_ranges(raw: Raw, names: tuple[str, ...], findings: Findings, elsewhere: Raw) -> list[tuple[str, Raw]]:
    """The mappings in `ipRanges`, each with its path; `names` are the keys they may have."""
    found = raw.get("ipRanges")
    if not isinstance(found, list):
        findings.wrong(fields.WRONG_TYPE, "spec.ipRanges", fields.shown(found), "a list of ranges is wanted")
        return []
    result = []
    for at, each in enumerate(found):
        field = f"spec.ipRanges[{at}]"
        if fields.mapping(each, field, findings) is not None:
            fields.known(each, field, names, findings, elsewhere)
            result.append((field, each))
    return result


def subnet(raw: Raw, field: str, findings: Findings) -> WrittenSubnet | None:
    """The subnet that `gateway`, `prefixLength` and `vlan` (0 unless said) tell."""
    gateway = fields.address(raw, field, "gateway", "gateway", findings)
    longest = 31 if gateway is not None and gateway.version == 4 else 127
    length = fields.integer(raw, field, "prefixLength", (1, longest), findings)
    vlan = fields.integer({"vlan": 0, **raw}, field, "vlan", (0, MAX_VLAN), findings)
    if gateway is None or length is None or vlan is None:
        return None
    return WrittenSubnet(gateway, ipaddress.ip_network(f"{gateway}/{length}", strict=False), vlan)


def bare_range(raw: Raw, field: str, findings: Findings) -> BareRange | None:
    """The range that `cidr`, or `start` and `end`, tell."""
    given = [name for name in mixed.RANGE_FIELDS if raw.get(name) is not None]
    if given == ["cidr"]:
        return _cidr(raw, field, findings)
    if given != ["start", "end"]:
        found = " and ".join(given) or "neither cidr nor start and end"
        findings.wrong(BAD_RANGE, field, found, "either cidr, or start and end, are wanted")
        return None
    start = fields.address(raw, field, "start", "start ip address", findings)
    end = fields.address(raw, field, "end", "end ip address", findings)
    if start is None or end is None:
        return None
    found = f"range start {start} and range end {end}"
    if start.version != end.version:
        findings.wrong(BAD_RANGE, field, found, "they should belong to same family")
        return None
    if int(start) > int(end):
        hint = "exchange the two" if int(end) else ""
        findings.wrong(BAD_RANGE, field, found, "range start should not be greater than range end", hint)
        return None
    return BareRange(field=field, text=f"{start}-{end}", range=Range(start, end))


def _cidr(raw: Raw, field: str, findings: Findings) -> BareRange | None:
    network = fields.network(raw, field, "cidr", findings)
    if network is None:
        return None
    text = raw["cidr"]
    if ipaddress.ip_interface(text).ip != network.network_address:
        findings.odd(HOST_BITS, f"{field}.cidr", f"{text}, which has host bits", f"it is read as {network}")
    return BareRange(field=field, text=text, range=ranges.of_network(network))


def fits(found: BareRange, subnet: WrittenSubnet, findings: Findings) -> bool:
    """Whether the range lies in the subnet."""
    whole = ranges.of_network(subnet.prefix)
    if found.range.first in whole and found.range.last in whole:
        return True
    allowed = f"it must be within the subnet {subnet.gateway}/{subnet.prefix.prefixlen} of its gateway"
    hint = "correct the range, the gateway or the prefixLength"
    findings.wrong(OUTSIDE_SUBNET, found.field, f"range {found}", allowed, hint)
    return False


def note_overlaps(found: Iterable[AnyRange], vlan: Callable[[AnyRange], int], findings: Findings) -> None:
    """Note ranges of one pool that share addresses; on different VLANs they may."""
    for one, other in _overlaps(found, vlan):
        findings.wrong(OVERLAP, other.field, f"range {other} overlaps with range {one}", "each address stands once")


def _overlaps(found: Iterable[AnyRange], vlan: Callable[[AnyRange], int]) -> Iterator[tuple[AnyRange, AnyRange]]:
    """Ranges of one VLAN that share addresses, each with one it overlaps."""
    widest: dict[tuple[int, int], AnyRange] = {}
    for each in sorted(found, key=lambda one: (one.range.first.version, one.range.span)):
        domain = (each.range.first.version, vlan(each))
        before = widest.setdefault(domain, each)
        if before is not each and ranges.overlap(before.range, each.range):
            yield before, each
        if each.range.span[1] > before.range.span[1]:
            widest[domain] = each
