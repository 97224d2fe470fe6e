"""Segment profiles: which one holds for a port, and what it makes of the port."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.dialects.nsx import effective
from trunkline.dialects.nsx.realisation import documents, made, security
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit.problems import Problem

_DIRECTIONS = {"IngressRateLimiter": model.Direction.FROM_PORT, "EgressRateLimiter": model.Direction.TO_PORT}
"""Ingress is what enters the network from a port."""
_KBIT_PER_MBIT = 1000
_BITS_PER_BYTE = 8


class Policy(msgspec.Struct, frozen=True):
    """What the profiles say for a port: whether it may send only from its bound addresses, its filter, limits and marks."""

    guarded: bool = False
    filter: str = ""
    qos_path: str = ""
    qos: documents.QoSProfile | None = None


def policy(look: Look, port: str, segment: str) -> Policy:
    """What holds for a port of the segment; `port` is "" for what has no segment port.

    Every segment port has a security profile, if only the default one.  What has none, containers, NSX gives no profile at
    all: for them one counts that somebody has bound to the segment.
    """
    path = look.ask(_bound, port, segment, "security", "spoofguard_profile_path")
    guard = look.document(path, documents.SpoofGuardProfile)
    qos_path = look.ask(_bound, port, segment, "qos", "qos_profile_path")
    guarded = guard is not None and guard.address_binding_allowlist
    security_path = look.ask(_bound, port, segment, "security", "segment_security_profile_path")
    if port and not security_path:
        security_path = effective.DEFAULT["SegmentSecurityProfile"]
    filtered = look.ask(security.filter_of, security_path) if security_path else ""
    return Policy(guarded, filtered, qos_path, look.document(qos_path, documents.QoSProfile))


def limits(policy: Policy, on: model.Port) -> Made:
    """The limits and marks of a network port."""
    if policy.qos is None:
        return made.NOTHING
    qos = [_qos(on, direction, policy.qos) for direction in model.Direction]
    return Made(tuple(each for each in qos if each), remarks=tuple(_remarks(policy.qos_path, policy.qos)))


def _bound(look: Look, port: str, segment: str, word: str, field: str) -> str:
    """The path of the profile that the port's own map names, else the segment's, else ""."""
    maps = look.under("in", f"{port}/port-{word}-profile-binding-maps") if port else []
    for path in [*maps, *look.under("in", f"{segment}/segment-{word}-profile-binding-maps")]:
        found = look.document(path, documents.ProfileMap)
        profile: str = getattr(found, field, "")
        if profile:
            return profile
    return ""


def _qos(on: model.Port, direction: model.Direction, profile: documents.QoSProfile) -> model.Qos | None:
    shaper = next((each for each in _shapers(profile) if _DIRECTIONS[each.resource_type] is direction), None)
    marks = profile.dscp.mode == "UNTRUSTED" and direction is model.Direction.FROM_PORT
    if shaper is None and not marks:
        return None
    return model.Qos(
        id=f"{on.id}/{direction.value}",
        port=on.id,
        direction=direction,
        rate=shaper.average_bandwidth * _KBIT_PER_MBIT if shaper else 0,
        burst=-(-shaper.burst_size * _BITS_PER_BYTE // 1000) if shaper else 0,
        dscp=profile.dscp.priority if marks else None,
        source=on.source,
    )


def _shapers(profile: documents.QoSProfile) -> Iterator[documents.Shaper]:
    for each in profile.shaper_configurations:
        if each.enabled and each.resource_type in _DIRECTIONS and each.average_bandwidth:
            yield each


def _remarks(path: str, profile: documents.QoSProfile) -> Iterator[Problem]:
    if profile.class_of_service:
        found, allowed = profile.class_of_service, "802.1p priorities are not set"
        yield made.unsupported("QoSProfile", path, "class_of_service", found, allowed)
    for index, each in enumerate(profile.shaper_configurations):
        field = f"shaper_configurations[{index}]"
        if not each.enabled:
            continue
        if each.resource_type not in _DIRECTIONS:
            allowed = "broadcasts have no limit of their own"
            yield made.unsupported("QoSProfile", path, field, each.resource_type, allowed)
        elif each.peak_bandwidth > each.average_bandwidth:
            found, allowed = each.peak_bandwidth, "the average is the limit, also for a moment"
            yield made.unsupported("QoSProfile", path, f"{field}.peak_bandwidth", found, allowed)
