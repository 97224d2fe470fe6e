"""Transport zones: overlay or VLAN, told twice for clients of two eras, and one default of each."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Body, Draft, View

COLLECTION = "/infra/sites/default/enforcement-points/default/transport-zones"
_NEW_OF_OLD = {"OVERLAY_STANDARD": "OVERLAY_BACKED", "OVERLAY_ENS": "OVERLAY_BACKED"}


def is_overlay(zone: Body | None) -> bool:
    """Whether segments of the zone are carried in tunnels; a missing zone counts as overlay.

    A zone that is written in the same request may not be completed yet, and tell its kind in one way only.
    """
    if zone is None:
        return True
    short = zone.get("transport_zone_type")
    return bool(short == "OVERLAY" if short else zone.get("tz_type") != "VLAN_BACKED")


def default_overlay(view: View) -> str | None:
    """The path of the zone that overlay segments lie in when they name none: the default one, else the only one."""
    zones = {path: view.body(path) or {} for path in view.members(COLLECTION)}
    overlays = {path: zone for path, zone in sorted(zones.items()) if is_overlay(zone)}
    chosen = [path for path, zone in overlays.items() if zone.get("is_default")]
    return next(iter(chosen), None) or (next(iter(overlays)) if len(overlays) == 1 else None)


def _complete(draft: Draft, view: View) -> None:
    body = draft.body
    given, short = body.get("tz_type"), body.get("transport_zone_type")
    if given is None and short is None:
        raise errors.wrong(draft.path, "tz_type", None, "required property tz_type is missing")
    body["tz_type"] = given or f"{short}_BACKED"
    body["transport_zone_type"] = short or ("VLAN" if given == "VLAN_BACKED" else "OVERLAY")
    # The id is derived, not drawn: the same zone has the same backend id on every manager.
    body.setdefault("nsx_id", str(uuid.uuid5(uuid.NAMESPACE_URL, draft.path)))


def _check(draft: Draft, view: View) -> None:
    zone = draft.body
    if _NEW_OF_OLD.get(zone["tz_type"], zone["tz_type"]) not in ("UNKNOWN", f"{zone['transport_zone_type']}_BACKED"):
        raise errors.wrong(
            draft.path, "transport_zone_type", zone["transport_zone_type"], f"it contradicts {zone['tz_type']}"
        )
    if draft.before and draft.old["transport_zone_type"] != zone["transport_zone_type"]:
        allowed = "a zone keeps its kind"
        raise errors.wrong(draft.path, "tz_type", zone["tz_type"], allowed, trk=errors.IMMUTABLE)
    others = [path for path in sorted(view.members(COLLECTION)) if path != draft.path]
    same = [path for path in others if is_overlay(view.body(path)) == is_overlay(zone)]
    if zone["is_default"] and (default := [path for path in same if (view.body(path) or {}).get("is_default")]):
        raise errors.wrong(draft.path, "is_default", True, f"path=[{default[0]}] is the default already")


RULES = Rules(complete=_complete, check=_check)
