"""Which profiles hold for a segment or a port: its own, for a port else its segment's, else the ones that every manager has."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.dialects.nsx.view import Body, Entry, View

_PROFILES = (
    ("IPDiscoveryProfile", "discovery", "ip_discovery_profile_path"),
    ("MacDiscoveryProfile", "discovery", "mac_discovery_profile_path"),
    ("SegmentSecurityProfile", "security", "segment_security_profile_path"),
    ("SpoofGuardProfile", "security", "spoofguard_profile_path"),
    ("QoSProfile", "qos", "qos_profile_path"),
)
"""Type, the word in the names of its binding maps, and the field there that names it."""

DEFAULT = {
    "IPDiscoveryProfile": "/infra/ip-discovery-profiles/default-ip-discovery-profile",
    "MacDiscoveryProfile": "/infra/mac-discovery-profiles/default-mac-discovery-profile",
    "SegmentSecurityProfile": "/infra/segment-security-profiles/default-segment-security-profile",
    "SpoofGuardProfile": "/infra/spoofguard-profiles/default-spoofguard-profile",
    "QoSProfile": "/infra/qos-profiles/default-qos-profile",
}
"""The ones that every manager has."""


def profiles(entry: Entry, view: View) -> list[Body]:
    """A reference to the profile of each type that holds for a segment or a port."""
    return [_reference(kind, _path(entry, word, field, view) or DEFAULT[kind], view) for kind, word, field in _PROFILES]


def profile(kind: str, entry: Entry, view: View) -> Body:
    """The profile of a type that holds for a segment or a port."""
    word, field = next((word, field) for each, word, field in _PROFILES if each == kind)
    return view.body(_path(entry, word, field, view) or DEFAULT[kind]) or {}


def _path(entry: Entry, word: str, field: str, view: View) -> str:
    for collection in _maps(entry, word):
        for path in sorted(view.members(collection)):
            if named := (view.body(path) or {}).get(field):
                return str(named)
    return ""


def _maps(entry: Entry, word: str) -> Iterator[str]:
    segment = entry.path
    if entry.kind == "SegmentPort":
        yield f"{entry.path}/port-{word}-profile-binding-maps"
        segment = entry.path.rpartition("/ports/")[0]
    yield f"{segment}/segment-{word}-profile-binding-maps"


def _reference(kind: str, path: str, view: View) -> Body:
    name = (view.body(path) or {}).get("display_name", path.rpartition("/")[2])
    named = {"target_id": path, "target_display_name": name, "target_type": kind, "is_valid": True}
    return {**named, "profile_type": kind}
