"""IPPool objects of both versions, as pools of addresses and the VLAN networks they imply.

A pool with mistakes still yields what is sound in it, beside the problems, so that pods which have addresses keep them;
admission and annotations refuse to work with such a pool.  Wording follows Antrea's webhook where it has a word for it.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from trunkline.dialects.antrea import fields, mixed
from trunkline.dialects.antrea.fields import Findings, Raw
from trunkline.intent.model import Network, NetworkKind, Source, Subnet
from trunkline.ipam import ranges
from trunkline.ipam.pools import Pool, PoolSubnet, capacity
from trunkline.ipam.ranges import Range
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.ids import NetworkId
from trunkline.kit.problems import Problem

BAD_RANGE = problems.register("TRK-0314", "A range of an IPPool contradicts itself.")
OUTSIDE_SUBNET = problems.register("TRK-0315", "A range of an IPPool is outside its subnet.")
OVERLAP = problems.register("TRK-0316", "Two ranges of one IPPool overlap.")
HOST_BITS = problems.register("TRK-0317", "A prefix of an IPPool has host bits.")
NEVER_ALLOCATED = problems.register("TRK-0318", "A range of an IPPool lists an address that is never handed out.")
EMPTY = problems.register("TRK-0319", "An IPPool has no address to hand out.")

GROUP = "crd.antrea.io"
V1ALPHA2 = f"{GROUP}/v1alpha2"
V1BETA1 = f"{GROUP}/v1beta1"
MAX_VLAN = 4094  # IEEE 802.1Q: 4095 is reserved

_IN_SUBNET_INFO = dict.fromkeys(mixed.SUBNET_FIELDS, "v1beta1 has it once, in spec.subnetInfo")
_IN_RANGES = {"subnetInfo": "v1alpha2 has gateway, prefixLength and vlan in every range"}
_IN_GATEWAY = {"ipVersion": "v1beta1 knows it from the gateway; remove it"}


class ListedRange(msgspec.Struct, frozen=True, kw_only=True):
    """One sound range of an IPPool: where it is written, as it is written, and its subnet."""

    field: str
    text: str
    range: Range
    gateway: IPAddress
    prefix: IPNetwork
    vlan: int

    def __str__(self) -> str:
        return f"[{self.text}]"


class IPPool(msgspec.Struct, frozen=True, kw_only=True):
    """An IPPool object: what it offers, and what is wrong or odd about it."""

    name: str
    pool: Pool
    listed: tuple[ListedRange, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return f"IPPool {self.name}"


def decode(raw: Raw, *, physical_network: str = "trunk") -> IPPool:
    """The IPPool in this object, of either version; its VLANs are on `physical_network`.

    Never raises: what is wrong is in `problems`, all of it.
    """
    metadata = raw.get("metadata") or {}
    source = Source("IPPool", "", str(metadata.get("name", "")), str(metadata.get("uid", "")))
    findings = Findings(str(source))
    listed = tuple(_listed(raw, metadata, findings))
    for one, other in _overlaps(listed):
        findings.wrong(OVERLAP, other.field, f"range {other} overlaps with range {one}", "each address stands once")
    pool = _pool(listed, source, physical_network)
    if not findings.problems and capacity(pool) == 0:
        findings.odd(EMPTY, "spec.ipRanges", "no address that can be handed out")
    return IPPool(
        name=source.name, pool=pool, listed=listed, problems=tuple(findings.problems), warnings=tuple(findings.warnings)
    )


def _overlaps(listed: Iterable[ListedRange]) -> Iterator[tuple[ListedRange, ListedRange]]:
    """Ranges of one VLAN that share addresses, each with one it overlaps."""
    widest: dict[tuple[int, int], ListedRange] = {}
    for each in sorted(listed, key=lambda one: (one.prefix.version, one.range.span)):
        domain = (each.prefix.version, each.vlan)
        before = widest.setdefault(domain, each)
        if before is not each and ranges.overlap(before.range, each.range):
            yield before, each
        if each.range.span[1] > before.range.span[1]:
            widest[domain] = each


def network_id(physical_network: str, vlan: int, prefix: IPNetwork) -> NetworkId:
    """The network that pools of this VLAN and prefix share."""
    return NetworkId(f"vlan/{physical_network}/{vlan}/{str(prefix).replace('/', '-')}")


def networks(pool: IPPool, *, physical_network: str = "trunk", mtu: int = 1500) -> Iterator[Network | Subnet]:
    """The VLAN networks and subnets that the pool implies; pools of one VLAN and prefix imply equal networks.

    Subnets of one network that differ in their gateway are subnets of their own.
    """
    for listed in dict.fromkeys((each.vlan, each.prefix, each.gateway) for each in pool.listed):
        vlan, prefix, gateway = listed
        network = network_id(physical_network, vlan, prefix)
        # No source: the network belongs to every pool on it, and must not change with the order of pools.
        yield Network(id=network, kind=NetworkKind.VLAN, physical_network=physical_network, vlan=vlan, mtu=mtu)
        yield Subnet(id=f"{network}/{gateway}", network=network, prefix=prefix, gateway=gateway)


class _Entry(msgspec.Struct, frozen=True):
    """A raw range and the raw subnet that goes with it, each with its path."""

    range: Raw
    range_field: str
    subnet: Raw
    subnet_field: str


class _Subnet(msgspec.Struct, frozen=True):
    gateway: IPAddress
    prefix: IPNetwork
    vlan: int


def _listed(raw: Raw, metadata: Raw, findings: Findings) -> Iterator[ListedRange]:
    subnets: dict[str, _Subnet | None] = {}
    for entry in _entries(raw, metadata, findings):
        if entry.subnet_field not in subnets:
            subnets[entry.subnet_field] = _subnet(entry, raw, findings)
        subnet, found = subnets[entry.subnet_field], _range(entry, findings)
        if subnet is not None and found is not None and _fits(found[1], found[0], subnet, entry, findings):
            text, listed = found
            _warn_of_reserved(listed, text, subnet, entry, findings)
            yield ListedRange(
                field=entry.range_field,
                text=text,
                range=listed,
                gateway=subnet.gateway,
                prefix=subnet.prefix,
                vlan=subnet.vlan,
            )


def _entries(raw: Raw, metadata: Raw, findings: Findings) -> list[_Entry]:
    spec = fields.mapping(raw.get("spec"), "spec", findings)
    if spec is None:
        return []
    if raw.get("apiVersion") == V1ALPHA2:
        fields.known(spec, "spec", ("ipVersion", "ipRanges"), findings, _IN_RANGES)
        if spec.get("ipVersion") not in (4, 6):
            findings.wrong(fields.WRONG_TYPE, "spec.ipVersion", fields.shown(spec.get("ipVersion")), "4 or 6 is wanted")
        found = _raw_ranges(spec, mixed.RANGE_FIELDS + mixed.SUBNET_FIELDS, findings, {})
        return [_Entry(each, field, each, field) for field, each in found]
    if raw.get("apiVersion") != V1BETA1:
        allowed = f"{V1ALPHA2} and {V1BETA1} are known"
        findings.wrong(fields.WRONG_TYPE, "apiVersion", fields.shown(raw.get("apiVersion")), allowed)
        return []
    return _v1beta1_entries(spec, metadata, findings)


def _v1beta1_entries(spec: Raw, metadata: Raw, findings: Findings) -> list[_Entry]:
    fields.known(spec, "spec", ("ipRanges", "subnetInfo"), findings, _IN_GATEWAY)
    info = fields.mapping(spec.get("subnetInfo"), "spec.subnetInfo", findings)
    found = _raw_ranges(spec, mixed.RANGE_FIELDS, findings, _IN_SUBNET_INFO)
    if info is None:
        return []
    fields.known(info, "spec.subnetInfo", mixed.SUBNET_FIELDS, findings, {})
    entries = [_Entry(each, field, info, "spec.subnetInfo") for field, each in found]
    path = f"metadata.annotations[{mixed.ANNOTATION}]"
    try:
        further = mixed.further(metadata)
    except ValueError as error:
        hint = "remove it, or write the pool as v1alpha2"
        findings.wrong(fields.WRONG_TYPE, path, f"{error}", "what Trunkline wrote there", hint)
        return entries
    for each in sorted(further, key=lambda other: other["index"]):
        field = f"{path}[{each['index']}]"
        entries.insert(each["index"], _Entry(each, field, each, field))
    return entries


def _raw_ranges(
    spec: Raw, names: tuple[str, ...], findings: Findings, elsewhere: Mapping[str, str]
) -> list[tuple[str, Raw]]:
    raw: Any = spec.get("ipRanges")
    if not isinstance(raw, list):
        findings.wrong(fields.WRONG_TYPE, "spec.ipRanges", fields.shown(raw), "a list of ranges is wanted")
        return []
    found = []
    for at, each in enumerate(raw):
        field = f"spec.ipRanges[{at}]"
        if fields.mapping(each, field, findings) is not None:
            fields.known(each, field, names, findings, elsewhere)
            found.append((field, each))
    return found


def _subnet(entry: _Entry, raw: Raw, findings: Findings) -> _Subnet | None:
    field = entry.subnet_field
    gateway = fields.address(entry.subnet, field, "gateway", "gateway", findings)
    longest = 31 if gateway is not None and gateway.version == 4 else 127
    length = fields.integer(entry.subnet, field, "prefixLength", (1, longest), findings)
    vlan = fields.integer({"vlan": 0, **entry.subnet}, field, "vlan", (0, MAX_VLAN), findings)
    if gateway is None or length is None or vlan is None:
        return None
    version = raw["spec"].get("ipVersion", gateway.version)
    if version in (4, 6) and version != gateway.version:
        found = f"the IPv{gateway.version} gateway {gateway}"
        findings.wrong(BAD_RANGE, f"{field}.gateway", found, f"spec.ipVersion is {version}", "make the two agree")
        return None
    return _Subnet(gateway, ipaddress.ip_network(f"{gateway}/{length}", strict=False), vlan)


def _range(entry: _Entry, findings: Findings) -> tuple[str, Range] | None:
    """The range as it is written and as it is meant."""
    given = [name for name in mixed.RANGE_FIELDS if entry.range.get(name) is not None]
    if given == ["cidr"]:
        return _cidr(entry, findings)
    if given != ["start", "end"]:
        found = " and ".join(given) or "neither cidr nor start and end"
        findings.wrong(BAD_RANGE, entry.range_field, found, "either cidr, or start and end, are wanted")
        return None
    start = fields.address(entry.range, entry.range_field, "start", "start ip address", findings)
    end = fields.address(entry.range, entry.range_field, "end", "end ip address", findings)
    if start is None or end is None:
        return None
    if start.version != end.version:
        found = f"range start {start} and range end {end}"
        findings.wrong(BAD_RANGE, entry.range_field, found, "they should belong to same family")
        return None
    if int(start) > int(end):
        found = f"range start {start} and range end {end}"
        hint = "exchange the two" if int(end) else ""
        findings.wrong(BAD_RANGE, entry.range_field, found, "range start should not be greater than range end", hint)
        return None
    return f"{start}-{end}", Range(start, end)


def _cidr(entry: _Entry, findings: Findings) -> tuple[str, Range] | None:
    network = fields.network(entry.range, entry.range_field, "cidr", findings)
    if network is None:
        return None
    text = entry.range["cidr"]
    if ipaddress.ip_interface(text).ip != network.network_address:
        findings.odd(HOST_BITS, f"{entry.range_field}.cidr", f"{text}, which has host bits", f"it is read as {network}")
    return text, ranges.of_network(network)


def _fits(listed: Range, text: str, subnet: _Subnet, entry: _Entry, findings: Findings) -> bool:
    whole = ranges.of_network(subnet.prefix)
    if listed.first in whole and listed.last in whole:
        return True
    found = f"range [{text}]"
    allowed = f"it must be within the subnet {subnet.gateway}/{subnet.prefix.prefixlen} of its gateway"
    findings.wrong(
        OUTSIDE_SUBNET, entry.range_field, found, allowed, "correct the range, the gateway or the prefixLength"
    )
    return False


def _warn_of_reserved(listed: Range, text: str, subnet: _Subnet, entry: _Entry, findings: Findings) -> None:
    """A person who writes start and end means every address between; a prefix always has these addresses."""
    if "cidr" in entry.range:
        return
    for address, reason in _pool_subnet(NetworkId(""), subnet, (listed,)).reserved().items():
        if address in listed:
            found = f"range [{text}] with {address}, {reason}"
            findings.odd(NEVER_ALLOCATED, entry.range_field, found, "this address is never handed out")


def _pool(listed: tuple[ListedRange, ...], source: Source, physical_network: str) -> Pool:
    """Ranges in listed order; neighbours of one subnet are gathered, so the order of use is the order of writing."""
    family = listed[0].prefix.version if listed else 4
    listed = tuple(each for each in listed if each.prefix.version == family)
    subnets = []
    for (gateway, prefix, vlan), group in itertools.groupby(
        listed, lambda each: (each.gateway, each.prefix, each.vlan)
    ):
        network = network_id(physical_network, vlan, prefix)
        subnets.append(_pool_subnet(network, _Subnet(gateway, prefix, vlan), tuple(each.range for each in group)))
    return Pool(name=source.name, family=family, subnets=tuple(subnets), source=source)


def _pool_subnet(network: NetworkId, subnet: _Subnet, found: tuple[Range, ...]) -> PoolSubnet:
    return PoolSubnet(network=network, prefix=subnet.prefix, gateway=subnet.gateway, ranges=found)
