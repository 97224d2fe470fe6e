"""IPPool objects of both versions, as pools of addresses and the VLAN networks they imply.

A pool with mistakes still yields what is sound in it, beside the problems, so that pods which have addresses keep them;
admission and annotations refuse to work with such a pool.  Wording follows Antrea's webhook where it has a word for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from trunkline.dialects.antrea import fields, mixed, written
from trunkline.dialects.antrea.fields import Findings, Raw
from trunkline.dialects.antrea.written import BareRange, ListedRange, WrittenSubnet
from trunkline.intent.model import Network, NetworkKind, Source, Subnet
from trunkline.ipam.pools import Pool, PoolSubnet, capacity
from trunkline.ipam.ranges import Range
from trunkline.kit import problems
from trunkline.kit.addresses import IPNetwork
from trunkline.kit.ids import NetworkId
from trunkline.kit.problems import Problem

NEVER_ALLOCATED = problems.register("TRK-0318", "A range of an IPPool lists an address that is never handed out.")

GROUP = "crd.antrea.io"
V1ALPHA2 = f"{GROUP}/v1alpha2"
V1BETA1 = f"{GROUP}/v1beta1"

_IN_SUBNET_INFO = dict.fromkeys(mixed.SUBNET_FIELDS, "v1beta1 has it once, in spec.subnetInfo")
_IN_RANGES = {"subnetInfo": "v1alpha2 has gateway, prefixLength and vlan in every range"}
_IN_GATEWAY = {"ipVersion": "v1beta1 knows it from the gateway; remove it"}


class IPPool(msgspec.Struct, frozen=True, kw_only=True):
    """An IPPool object: what it offers, and what is wrong or odd about it."""

    name: str
    pool: Pool
    listed: tuple[ListedRange, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return f"IPPool {self.name}"

    @property
    def source(self) -> Source:
        """The object that this is."""
        return self.pool.source


def decode(raw: Raw, *, physical_network: str = "trunk") -> IPPool:
    """The IPPool in this object, of either version; its VLANs are on `physical_network`.

    Never raises: what is wrong is in `problems`, all of it.
    """
    metadata = raw.get("metadata") or {}
    source = Source("IPPool", "", str(metadata.get("name", "")), str(metadata.get("uid", "")))
    findings = Findings(str(source))
    listed = tuple(_listed(raw, metadata, findings))
    written.note_overlaps(listed, lambda each: each.vlan, findings)
    pool = _pool(listed, source, physical_network)
    if not findings.problems and capacity(pool) == 0:
        findings.odd(written.EMPTY, "spec.ipRanges", "no address that can be handed out")
    return IPPool(
        name=source.name, pool=pool, listed=listed, problems=tuple(findings.problems), warnings=tuple(findings.warnings)
    )


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


def _listed(raw: Raw, metadata: Raw, findings: Findings) -> Iterator[ListedRange]:
    subnets: dict[str, WrittenSubnet | None] = {}
    for entry in _entries(raw, metadata, findings):
        if entry.subnet_field not in subnets:
            subnets[entry.subnet_field] = _subnet(entry, raw, findings)
        subnet = subnets[entry.subnet_field]
        found = written.bare_range(entry.range, entry.range_field, findings)
        if subnet is not None and found is not None and written.fits(found, subnet, findings):
            if "cidr" not in entry.range:
                _warn_of_reserved(found, subnet, findings)
            yield written.on_subnet(found, subnet)


def _entries(raw: Raw, metadata: Raw, findings: Findings) -> list[_Entry]:
    spec = fields.mapping(raw.get("spec"), "spec", findings)
    if spec is None:
        return []
    if raw.get("apiVersion") == V1ALPHA2:
        fields.known(spec, "spec", ("ipVersion", "ipRanges"), findings, _IN_RANGES)
        if spec.get("ipVersion") not in (4, 6):
            findings.wrong(fields.WRONG_TYPE, "spec.ipVersion", fields.shown(spec.get("ipVersion")), "4 or 6 is wanted")
        found = written.raw_ranges(spec, mixed.RANGE_FIELDS + mixed.SUBNET_FIELDS, findings, {})
        return [_Entry(each, field, each, field) for field, each in found]
    if raw.get("apiVersion") != V1BETA1:
        allowed = f"{V1ALPHA2} and {V1BETA1} are known"
        findings.wrong(fields.WRONG_TYPE, "apiVersion", fields.shown(raw.get("apiVersion")), allowed)
        return []
    return _v1beta1_entries(spec, metadata, findings)


def _v1beta1_entries(spec: Raw, metadata: Raw, findings: Findings) -> list[_Entry]:
    fields.known(spec, "spec", ("ipRanges", "subnetInfo"), findings, _IN_GATEWAY)
    info = fields.mapping(spec.get("subnetInfo"), "spec.subnetInfo", findings)
    found = written.raw_ranges(spec, mixed.RANGE_FIELDS, findings, _IN_SUBNET_INFO)
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


def _subnet(entry: _Entry, raw: Raw, findings: Findings) -> WrittenSubnet | None:
    found = written.subnet(entry.subnet, entry.subnet_field, findings)
    if found is None:
        return None
    gateway = found.gateway
    version = raw["spec"].get("ipVersion", gateway.version)
    if version in (4, 6) and version != gateway.version:
        seen, allowed = f"the IPv{gateway.version} gateway {gateway}", f"spec.ipVersion is {version}"
        findings.wrong(written.BAD_RANGE, f"{entry.subnet_field}.gateway", seen, allowed, "make the two agree")
        return None
    return found


def _warn_of_reserved(found: BareRange, subnet: WrittenSubnet, findings: Findings) -> None:
    """A person who writes start and end means every address between; a prefix always has these addresses."""
    for address, reason in _pool_subnet(NetworkId(""), subnet, (found.range,)).reserved().items():
        if address in found.range:
            seen = f"range {found} with {address}, {reason}"
            findings.odd(NEVER_ALLOCATED, found.field, seen, "this address is never handed out")


def _pool(listed: tuple[ListedRange, ...], source: Source, physical_network: str) -> Pool:
    """Ranges in listed order; neighbours of one subnet are gathered, so the order of use is the order of writing."""
    family = listed[0].prefix.version if listed else 4
    listed = tuple(each for each in listed if each.prefix.version == family)
    subnets = []
    for (gateway, prefix, vlan), group in itertools.groupby(
        listed, lambda each: (each.gateway, each.prefix, each.vlan)
    ):
        network = network_id(physical_network, vlan, prefix)
        subnets.append(_pool_subnet(network, WrittenSubnet(gateway, prefix, vlan), tuple(each.range for each in group)))
    return Pool(name=source.name, family=family, subnets=tuple(subnets), source=source)


def _pool_subnet(network: NetworkId, subnet: WrittenSubnet, found: tuple[Range, ...]) -> PoolSubnet:
    return PoolSubnet(network=network, prefix=subnet.prefix, gateway=subnet.gateway, ranges=found)
