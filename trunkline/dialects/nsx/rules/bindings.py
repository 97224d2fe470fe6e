"""Child segments: a binding map on the child says which tag on which parent belongs to it.

Depth is one: no child of a child.  The tag is unique per parent across all children, and a child is bound to one parent at
most once; both are claims in the store, so that racing writers cannot both win.  A binding makes no port and passes nothing
on from parent to child.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors, scopes
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

KIND = "SegmentConnectionBindingMap"
COLLECTION = "segment-connection-binding-maps"


def child_of(map_path: str) -> str:
    """The child segment that a binding map belongs to."""
    return map_path.rsplit("/", 2)[0]


def tag_claim(parent: str, tag: int) -> str:
    """The store's claim on one VLAN tag of one parent segment."""
    return f"nsx/tag/{tag}{parent}"


def pair_claim(parent: str, child: str) -> str:
    """The store's claim on the one binding between a parent and a child."""
    return f"nsx/pair{parent}|{child}"


def maps_of(segment: str, view: View) -> list[str]:
    """The binding maps that make the segment a child, sorted."""
    return sorted(view.members(f"{segment}/{COLLECTION}"))


def maps_onto(segment: str, view: View) -> list[str]:
    """The binding maps that make the segment a parent, sorted."""
    return sorted(path for path in view.referrers(segment) if view.kind(path) == KIND)


def refused_claim(claim: str, path: str, holder: str) -> errors.Refused | None:
    """What to answer when a binding's claim is held by another map; None if the claim is not a binding's."""
    if claim.startswith("nsx/tag/"):
        tag, _, parent = claim.removeprefix("nsx/tag/").partition("/")
        allowed = f"parent segment path=[/{parent}] already has VLAN {tag} bound by path=[{holder}]"
        hint = "choose a tag that no other child of this parent uses"
        return errors.wrong(path, "vlan_traffic_tag", int(tag), allowed, hint, trk=errors.TAG_TAKEN, code=8327)
    if claim.startswith("nsx/pair/"):
        parent = claim.removeprefix("nsx/pair").partition("|")[0]
        allowed = f"the child is already bound to this parent by path=[{holder}]"
        return errors.wrong(path, "segment_path", parent, allowed, "change that map", trk=errors.PAIR_TAKEN)
    return None


def _claims(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    yield tag_claim(body["segment_path"], body["vlan_traffic_tag"])
    yield pair_claim(body["segment_path"], child_of(path))


def _check(draft: Draft, view: View) -> None:
    parent, child = draft.body["segment_path"], child_of(draft.path)
    if parent == child:
        raise _nested(draft, "a segment cannot be its own parent")
    if scopes.scope(parent) != scopes.scope(child):
        allowed = "parent and child must belong to the same project"
        raise errors.wrong(draft.path, "segment_path", parent, allowed, trk=errors.OTHER_PROJECT)
    if maps := maps_of(parent, view):
        raise _nested(draft, f"it is a child segment itself, by path=[{', '.join(maps)}]; a child has no children")
    if maps := maps_onto(child, view):
        raise _nested(draft, f"path=[{child}] is a parent, by path=[{', '.join(maps)}]; a parent cannot become a child")


def _nested(draft: Draft, why: str) -> errors.Refused:
    return errors.wrong(draft.path, "segment_path", draft.body["segment_path"], why, trk=errors.NESTED)


RULES = Rules(check=_check, claims=_claims)
