"""The documents we make and how to know them again.  Pure.

A document is ours if it stands where we would put it *and* carries our cluster's tag.  Anything else is somebody else's, also
something of theirs under our name, or a copy of ours elsewhere.

    child segment   <root>/segments/<cluster>-vlan-<vlan>
    binding         <child>/segment-connection-binding-maps/<parent's id>-<hash of its path>
    tags            trunkline/cluster = <cluster>; trunkline/pool = <pool>, one for each pool on the VLAN
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from trunkline.controller.segments.routable import Wanted
from trunkline.kit import ids

Document = dict[str, Any]

CLUSTER, POOL, GATEWAY = "trunkline/cluster", "trunkline/pool", "trunkline/gateway"
SEGMENT, BINDING = "Segment", "SegmentConnectionBindingMap"
MAPS = "segment-connection-binding-maps"

_SCOPES = frozenset({CLUSTER, POOL, GATEWAY})
_MOST_POOL_TAGS = 24  # managers allow 30 tags on an object; the rest is left to the manager's people
_ROUTED = ("connectivity_path", "subnets")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How this cluster's documents look."""

    cluster: str
    root: str = "/infra"
    parents: tuple[str, ...] = ()
    vlan_backed: bool = False
    transport_zone: str = ""
    tier1: str = ""

    def child(self, vlan: int) -> str:
        """Path of the child segment of a VLAN."""
        return f"{self.root}/segments/{self.cluster}-vlan-{vlan}"

    def binding(self, vlan: int, parent: str) -> str:
        """Path of the binding between a VLAN's child segment and a parent."""
        name = ids.fitted(parent.rsplit("/", 1)[1], 64)
        return f"{self.child(vlan)}/{MAPS}/{name}-{ids.short_hash(parent)}"

    def vlan_of(self, path: str) -> int | None:
        """The VLAN whose child segment, or binding of it, has a path of this form; None for any other path."""
        pattern = rf"{re.escape(self.root)}/segments/{re.escape(self.cluster)}-vlan-([1-9]\d{{0,3}})(/{MAPS}/[^/]+)?"
        found = re.fullmatch(pattern, path)
        return int(found[1]) if found else None

    def owns(self, document: Mapping[str, Any]) -> bool:
        """Whether the document is ours: by its place and by its tag."""
        return self.vlan_of(str(document.get("path"))) is not None and tagged(document, CLUSTER) == [self.cluster]

    def segment_body(self, wanted: Wanted, gateways: Sequence[str] = ()) -> Document:
        """What we say of a child segment; `gateways` are the addresses that the Tier-1 takes."""
        tags = [_tag(CLUSTER, self.cluster), *(_tag(POOL, pool) for pool in wanted.pools[:_MOST_POOL_TAGS])]
        body: Document = {"resource_type": SEGMENT, "display_name": f"{self.cluster}-vlan-{wanted.vlan}"}
        if self.transport_zone:
            body["transport_zone_path"] = self.transport_zone
        if self.vlan_backed:
            body["vlan_ids"] = [str(wanted.vlan)]
        if self.tier1:
            tags.append(_tag(GATEWAY, ids.fitted(self.tier1, 256)))
            body |= {
                "connectivity_path": self.tier1,
                "subnets": [{"gateway_address": each} for each in gateways],
            }
        return body | {"tags": tags}

    def binding_body(self, vlan: int, parent: str) -> Document:
        """What we say of a binding."""
        return {
            "resource_type": BINDING,
            "vlan_traffic_tag": vlan,
            "segment_path": parent,
            "tags": [_tag(CLUSTER, self.cluster)],
        }


def tagged(document: Mapping[str, Any], scope: str) -> list[str]:
    """The values of the document's tags of a scope."""
    return [str(tag.get("tag", "")) for tag in document.get("tags") or () if tag.get("scope") == scope]


def switched_off(document: Mapping[str, Any], *, routed: bool) -> Iterator[str]:
    """The fields by which somebody has switched off a segment of ours, or its gateway if that is ours (`routed`).

    We set none of them, so they are somebody's wish: `revised` leaves them alone.
    """
    if document.get("admin_state", "UP") != "UP":
        yield f"admin_state {document['admin_state']}"
    connectivity = (document.get("advanced_config") or {}).get("connectivity", "ON")
    if routed and connectivity != "ON":
        yield f"advanced_config.connectivity {connectivity}"


def revised(current: Document, body: Document) -> Document:
    """The present document (one of ours) with what we say of it; everything else in it stays as it is.

    Tags of other scopes stay.  A gateway that is not ours to configure stays; one that we configured earlier, which our tag
    tells, goes when we no longer want it.
    """
    result = {**current, **body, "tags": _tags(current, body)}
    if tagged(current, GATEWAY) and not tagged(body, GATEWAY):
        for field in _ROUTED:
            result.pop(field, None)
    elif "subnets" in body:
        result["subnets"] = _subnets(current, body)
    return result


def _tags(current: Document, body: Document) -> list[Document]:
    present = list(current.get("tags") or ())
    ours = [tag for tag in present if tag.get("scope") in _SCOPES]
    if _in_order(ours) == _in_order(body["tags"]):
        return present
    return [*body["tags"], *(tag for tag in present if tag.get("scope") not in _SCOPES)]


def _subnets(current: Document, body: Document) -> list[Document]:
    """Present subnets keep what else is said of them (their DHCP, for one)."""
    present = {str(each.get("gateway_address")): each for each in current.get("subnets") or ()}
    wanted = [each["gateway_address"] for each in body["subnets"]]
    if set(present) == set(wanted):
        return list(current["subnets"])
    return [present.get(gateway, {"gateway_address": gateway}) for gateway in wanted]


def _in_order(tags: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return sorted((str(tag.get("scope", "")), str(tag.get("tag", ""))) for tag in tags)


def _tag(scope: str, tag: str) -> Document:
    return {"scope": scope, "tag": tag}
