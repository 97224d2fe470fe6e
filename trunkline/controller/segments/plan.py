"""From what there should be and what was seen to the smallest ordered list of calls.  Pure.

Order: bindings go before their segments, segments come before their bindings, and what goes goes first, so that a tag is free
before it is claimed.  A binding of ours whose tag or parent was changed by hand is made anew rather than changed: two that were
exchanged would otherwise wait for each other for ever.

Carrying out any beginning of the list, in any of its crashes, leaves a state from which the rest follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from trunkline.controller.segments import documents
from trunkline.controller.segments.documents import Document, Shape
from trunkline.controller.segments.routable import Wanted


class Put(msgspec.Struct, frozen=True):
    """Make the document at `path` say `body`: create it, or revise ours that is there."""

    path: str
    body: Document


class Remove(msgspec.Struct, frozen=True):
    """Delete the document at `path`, if it is ours and nothing of anybody's hangs on it."""

    path: str


Call = Put | Remove


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A VLAN cannot be bound to a parent, because of a binding that is not ours."""

    vlan: int
    parent: str
    binding: str
    tag: int
    cluster: str = ""
    """The other cluster whose tag it carries, if any."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and what cannot be done."""

    calls: tuple[Call, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    routed: dict[int, tuple[str, ...]] = {}
    """By VLAN the gateway addresses that the Tier-1 takes, if there is one."""

    switched_off: dict[int, tuple[str, ...]] = {}
    """By VLAN what somebody has switched off at its child segment ("admin_state DOWN"), where that is so."""


class Observed(msgspec.Struct, frozen=True):
    """Documents as the manager has them: of any kind and anybody's, each once; those that do not matter do no harm."""

    documents: tuple[Document, ...] = ()

    def ours(self, shape: Shape, kind: str) -> dict[str, Document]:
        """Our documents of a kind, by path."""
        found = (each for each in self.documents if each.get("resource_type") == kind and shape.owns(each))
        return {each["path"]: each for each in found}

    def foreign_bindings(self, shape: Shape) -> list[Document]:
        """Bindings that are not ours, by path."""
        bindings = (each for each in self.documents if each.get("resource_type") == documents.BINDING)
        return sorted((each for each in bindings if not shape.owns(each)), key=lambda each: str(each["path"]))


def plan(wanted: Mapping[int, Wanted], observed: Observed, shape: Shape) -> Plan:
    """What to do so that the wanted child segments stand, bound to every parent, and no other of ours."""
    segments = observed.ours(shape, documents.SEGMENT)
    bindings = observed.ours(shape, documents.BINDING)
    conflicts = tuple(_conflicts(wanted, observed.foreign_bindings(shape), shape))
    barred = {(each.vlan, each.parent) for each in conflicts}
    routed = (
        {vlan: _routed(each, segments.get(shape.child(vlan))) for vlan, each in wanted.items()} if shape.tier1 else {}
    )

    wanted_segments: dict[str, Document] = {}
    wanted_bindings: dict[str, Document] = {}
    kept: set[str] = set()
    for vlan, each in wanted.items():
        child = shape.child(vlan)
        parents = [parent for parent in shape.parents if (vlan, parent) not in barred]
        if not parents or (child not in segments and not each.pools):
            continue
        kept.add(child)
        wanted_bindings |= {shape.binding(vlan, parent): shape.binding_body(vlan, parent) for parent in parents}
        if each.pools:  # without pools it is only kept, as it is, for the addresses still in use
            wanted_segments[child] = shape.segment_body(each, routed.get(vlan, ()))

    stale = {path for path, now in bindings.items() if not _same_place(now, wanted_bindings.get(path))}
    return Plan(
        calls=(
            *(Remove(path) for path in sorted(stale)),
            *(Remove(path) for path in sorted(segments.keys() - kept)),
            *_puts(wanted_segments, segments),
            *_puts(wanted_bindings, {path: now for path, now in bindings.items() if path not in stale}),
        ),
        conflicts=conflicts,
        routed=routed,
        switched_off=dict(_switched_off(wanted, segments, shape)),
    )


def _puts(wanted: Mapping[str, Document], present: Mapping[str, Document]) -> Iterator[Put]:
    for path, body in wanted.items():
        now = present.get(path)
        if now is None or documents.revised(now, body) != now:
            yield Put(path, body)


def _same_place(now: Document, body: Document | None) -> bool:
    return body is not None and all(now.get(field) == body[field] for field in ("vlan_traffic_tag", "segment_path"))


def _conflicts(wanted: Iterable[int], foreign: Sequence[Document], shape: Shape) -> Iterator[Conflict]:
    """A tag of a parent is claimed once, and a child is bound to a parent once."""
    by_tag = {(each.get("segment_path"), each.get("vlan_traffic_tag")): each for each in foreign}
    by_pair = {(each.get("segment_path"), each["path"].rsplit("/", 2)[0]): each for each in foreign}
    for vlan in wanted:
        for parent in shape.parents:
            found = by_tag.get((parent, vlan)) or by_pair.get((parent, shape.child(vlan)))
            if found is not None:
                yield Conflict(
                    vlan=vlan,
                    parent=parent,
                    binding=found["path"],
                    tag=int(found.get("vlan_traffic_tag") or 0),
                    cluster=", ".join(documents.tagged(found, documents.CLUSTER)),
                )


def _switched_off(
    wanted: Iterable[int], segments: Mapping[str, Document], shape: Shape
) -> Iterator[tuple[int, tuple[str, ...]]]:
    for vlan in wanted:
        now = segments.get(shape.child(vlan), {})
        if found := tuple(documents.switched_off(now, routed=bool(shape.tier1))):
            yield vlan, found


def _routed(wanted: Wanted, now: Document | None) -> tuple[str, ...]:
    """One gateway address for each family, because a segment can have no more; one that stands is not replaced by another."""
    standing = {str(each.get("gateway_address")) for each in (now or {}).get("subnets") or ()}
    by_family: dict[bool, str] = {}
    for gateway in sorted(wanted.gateways, key=lambda each: (each not in standing, each)):
        by_family.setdefault(":" in gateway, gateway)
    return tuple(by_family.values())
