"""ExternalIPPool objects: addresses for what nodes do on a cluster's behalf (Egress, Services of type LoadBalancer).

Such a pool need not say on which subnet it is; then its addresses are on the nodes' own.  Both versions are one form: Antrea's
v1alpha2 has no `subnetInfo`, and losing it there would move a pool to another network.

Addresses are not handed out yet: `AWAITED` says so wherever the pool is shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.dialects.antrea import fields, mixed, written
from trunkline.dialects.antrea.fields import Findings, Raw
from trunkline.dialects.antrea.ippools import V1ALPHA2, V1BETA1
from trunkline.dialects.antrea.written import BareRange, ListedRange, WrittenSubnet
from trunkline.intent.model import Source
from trunkline.ipam.pools import merged
from trunkline.ipam.ranges import Span
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress
from trunkline.kit.problems import Problem

AWAITED = problems.register("TRK-0327", "Addresses of an ExternalIPPool are not handed out yet.")

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_IN_SUBNET_INFO = dict.fromkeys(mixed.SUBNET_FIELDS, "it stands once, in spec.subnetInfo")


class ExternalIPPool(msgspec.Struct, frozen=True, kw_only=True):
    """An ExternalIPPool object: what it offers, and what is wrong or odd about it.

    `listed` are the sound ranges that lie in the pool's subnet, `ranges` all sound ones.
    """

    name: str
    source: Source
    ranges: tuple[BareRange, ...] = ()
    listed: tuple[ListedRange, ...] = ()
    has_subnet: bool = False
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return f"ExternalIPPool {self.name}"


def decode(raw: Raw) -> ExternalIPPool:
    """The ExternalIPPool in this object, of either version.

    Never raises: what is wrong is in `problems`, all of it.
    """
    metadata = raw.get("metadata") or {}
    source = Source("ExternalIPPool", "", str(metadata.get("name", "")), str(metadata.get("uid", "")))
    findings = Findings(str(source))
    spec = _spec(raw, findings)
    subnet = _subnet(spec, findings)
    ranges = tuple(_ranges(spec, findings))
    listed = tuple(
        written.on_subnet(each, subnet) for each in ranges if subnet and written.fits(each, subnet, findings)
    )
    written.note_overlaps(ranges, lambda _: 0, findings)
    _note_selector(spec, findings)
    return ExternalIPPool(
        name=source.name,
        source=source,
        ranges=ranges,
        listed=listed,
        has_subnet="subnetInfo" in spec,
        problems=tuple(findings.problems),
        warnings=tuple(findings.warnings),
    )


def capacity(pool: ExternalIPPool) -> int:
    """How many different addresses the pool can hand out."""
    return sum(last - first + 1 for family in (4, 6) for first, last in merged(_spans(pool, family)))


def awaited(pool: ExternalIPPool) -> Problem:
    """What everybody who makes such a pool has to know."""
    return Problem(
        code=AWAITED,
        object=str(pool),
        found="a pool for Egress and Services of type LoadBalancer, neither of which exists here yet",
        allowed="its VLAN is attached; no address of it is handed out, and nodeSelector has no effect",
    )


def _spans(pool: ExternalIPPool, family: int) -> Iterator[Span]:
    """What may be handed out: every range without the addresses that stand for something else."""
    gateways = {each.gateway for each in pool.listed}
    for each in pool.ranges:
        if each.range.first.version != family:
            continue
        first, last = each.range.span
        for number in sorted(int(address) for address in {*gateways, *_ends(each)} if address in each.range):
            if first < number:
                yield first, number - 1
            first = number + 1
        if first <= last:
            yield first, last


def _ends(listed: BareRange) -> Iterator[IPAddress]:
    """First address of a prefix and its IPv4 broadcast address, which Antrea never hands out; a range by its ends has neither."""
    if "/" in listed.text and listed.range.span[1] - listed.range.span[0] > 1:
        yield listed.range.first
        if listed.range.last.version == 4:
            yield listed.range.last


def _spec(raw: Raw, findings: Findings) -> Raw:
    if raw.get("apiVersion") not in (V1ALPHA2, V1BETA1):
        allowed = f"{V1ALPHA2} and {V1BETA1} are known"
        findings.wrong(fields.WRONG_TYPE, "apiVersion", fields.shown(raw.get("apiVersion")), allowed)
    spec = fields.mapping(raw.get("spec"), "spec", findings) or {}
    fields.known(spec, "spec", ("ipRanges", "nodeSelector", "subnetInfo"), findings, {})
    return spec


def _subnet(spec: Raw, findings: Findings) -> WrittenSubnet | None:
    if "subnetInfo" not in spec:
        return None
    info = fields.mapping(spec["subnetInfo"], "spec.subnetInfo", findings)
    if info is None:
        return None
    fields.known(info, "spec.subnetInfo", mixed.SUBNET_FIELDS, findings, {})
    return written.subnet(info, "spec.subnetInfo", findings)


def _ranges(spec: Raw, findings: Findings) -> Iterator[BareRange]:
    for field, each in written.raw_ranges(spec, mixed.RANGE_FIELDS, findings, _IN_SUBNET_INFO):
        if (found := written.bare_range(each, field, findings)) is not None:
            yield found


def _note_selector(spec: Raw, findings: Findings) -> None:
    """Which nodes may hold the addresses: a label selector, which must be there (`{}` is every node)."""
    field = "spec.nodeSelector"
    selector = fields.mapping(spec.get("nodeSelector"), field, findings)
    if selector is None:
        return
    fields.known(selector, field, ("matchLabels", "matchExpressions"), findings, {})
    for at, each in enumerate(selector.get("matchExpressions") or ()):
        operator = each.get("operator") if isinstance(each, dict) else None
        if operator not in _OPERATORS:
            path = f"{field}.matchExpressions[{at}].operator"
            findings.wrong(fields.WRONG_TYPE, path, fields.shown(operator), f"known are {', '.join(_OPERATORS)}")
