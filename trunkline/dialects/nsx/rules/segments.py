"""Segments: overlay or VLAN by their transport zone, routed or not by their gateway."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors, scopes
from trunkline.dialects.nsx.resource import Rules
from trunkline.dialects.nsx.rules import bindings, ports, zones

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

_VNI_FIRST, _VNI_COUNT = 65536, 16_711_679
"""The 24-bit VNI space above 65535, where NSX's own default pool begins."""

_ADVANCED = {
    "hybrid": False,
    "inter_router": False,
    "local_egress": False,
    "urpf_mode": "STRICT",
    "connectivity": "ON",
}


def vni_claim(vni: int) -> str:
    """The store's claim on one overlay network identifier."""
    return f"nsx/vni/{vni}"


def _claims(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    if "overlay_id" in body:
        yield vni_claim(body["overlay_id"])


def _complete(draft: Draft, view: View) -> None:
    body = draft.body
    body.setdefault("advanced_config", dict(_ADVANCED))
    _choose_zone(draft, view)
    fixed = "/tier-1s/" in draft.path
    body["type"] = "ROUTED" if fixed or "connectivity_path" in body else "DISCONNECTED"
    for subnet in body.get("subnets", ()):
        subnet["network"] = str(ipaddress.ip_interface(subnet["gateway_address"]).network)
    if zones.is_overlay(view.body(body["transport_zone_path"])):
        body.setdefault("overlay_id", _free_vni(draft.path, view))
    else:
        body.pop("overlay_id", None)  # what a segment had, or a client read, while it was an overlay segment


def _choose_zone(draft: Draft, view: View) -> None:
    given, default = draft.body.get("transport_zone_path"), zones.default_overlay(view)
    if scopes.scope(draft.path) and given not in (None, default):
        allowed = "a project's segment lies in the default overlay transport zone"
        raise errors.wrong(draft.path, "transport_zone_path", given, allowed, "leave the field out")
    if given is None:
        if default is None or ("vlan_ids" in draft.body and not draft.before):
            raise errors.wrong(
                draft.path, "transport_zone_path", None, "required property transport_zone_path is missing"
            )
        draft.body["transport_zone_path"] = default


def _free_vni(path: str, view: View) -> int:
    start = zlib.crc32(path.encode())
    offsets = ((start + step) % _VNI_COUNT for step in range(_VNI_COUNT))
    return next(vni for vni in (_VNI_FIRST + offset for offset in offsets) if not view.claimant(vni_claim(vni)))


def _check(draft: Draft, view: View) -> None:
    body, path = draft.body, draft.path
    if "/tier-1s/" in path and "connectivity_path" in body:
        allowed = "the Tier-1 in the segment's own path is its gateway"
        raise errors.wrong(path, "connectivity_path", body["connectivity_path"], allowed, "leave the field out")
    if "overlay_id" in draft.old and body.get("overlay_id", draft.old["overlay_id"]) != draft.old["overlay_id"]:
        allowed = f"it is {draft.old['overlay_id']} and may not change"
        raise errors.wrong(path, "overlay_id", body.get("overlay_id"), allowed, trk=errors.IMMUTABLE)
    if zones.is_overlay(view.body(body["transport_zone_path"])):
        pass
    elif "connectivity_path" in body:
        raise errors.wrong(path, "connectivity_path", body["connectivity_path"], "a VLAN segment has no gateway")
    elif not body.get("vlan_ids"):
        raise errors.wrong(path, "vlan_ids", None, "required property vlan_ids is missing")
    _check_subnets(draft)


def _check_subnets(draft: Draft) -> None:
    networks = [ipaddress.ip_network(subnet["network"]) for subnet in draft.body.get("subnets", ())]
    if sum(network.version == 4 for network in networks) > 1:
        raise errors.wrong(draft.path, "subnets", [str(each) for each in networks], "at most one IPv4 subnet")


def _release(path: str, view: View) -> None:
    maps = bindings.maps_of(path, view) + bindings.maps_onto(path, view)
    if maps:
        raise errors.in_use(path, maps)
    if attached := ports.attached(path, view):
        raise errors.attached(path, attached)


RULES = Rules(complete=_complete, check=_check, claims=_claims, release=_release)
