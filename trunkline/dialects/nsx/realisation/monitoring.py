"""Monitoring binding maps: which frames of which interfaces are copied where, and whose flows are told to whom.

A segment's frames are those of the interfaces on it and those of the containers behind its tags, on whichever parent.  What
is bound to a parent holds for the machines' own frames only: a child inherits nothing from its parents, and shows them
nothing.  A port's own map overrules its segment's, each of the two profiles by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from trunkline.dialects.nsx.realisation import destinations, documents, made, ports, segments
from trunkline.dialects.nsx.realisation.documents import IPFIXL2Profile, MirrorFilter, PortMirroringProfile
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.intent.monitors import Encapsulation, Export, Filter, Local, Mirror, Remote, Source, Uplink
from trunkline.kit.problems import Problem

MOST_DESTINATIONS = 3
"""Addresses that one mirror may send to (NSX's own bound)."""

_MIRROR, _EXPORT = "port_mirroring_profile_path", "ipfix_l2_profile_path"
_ENCAPSULATIONS: dict[str, Encapsulation] = dict(
    zip(("GRE", "ERSPAN_TWO", "ERSPAN_THREE"), get_args(Encapsulation), strict=True)
)
_WHOLE = 1 << 16
"""What sampling probabilities are parts of."""


def monitors_of(look: Look, path: str) -> Made | None:
    """What a map of a segment or of a port asks for."""
    found = look.document(path, documents.MonitoringMap)
    if found is None:
        return None
    return Made.union([_mirror(look, path, found), _export(look, path, found)])


def _mirror(look: Look, path: str, found: documents.MonitoringMap) -> Made:
    named = found.port_mirroring_profile_path
    profile = look.document(named, PortMirroringProfile)
    if profile is None:
        return made.NOTHING
    if other := _overruled(look, path, _MIRROR):
        return Made(remarks=(_second(path, _MIRROR, named, other),))
    if profile.profile_type.startswith("REMOTE_SPAN"):
        allowed = "copies go to an address or an interface, never into a VLAN"
        return Made(problems=(_unsupported(named, "profile_type", profile.profile_type, allowed),))
    to, remarks, problem = _destinations(look, named, profile)
    if problem:
        return Made(problems=(problem,), remarks=remarks)
    holder = path.rsplit("/", 2)[0]
    uplink = profile.profile_type == "LOCAL_UPLINK_SPAN"
    passing = _uplinks(look, holder) if uplink else ()
    taken = {each.port for each in to if isinstance(each, Local)}
    mirror = Mirror(
        id=f"{made.identity(path)}/mirror",
        # What an interface gets as a copy is not copied again.
        sources=() if uplink else tuple(each for each in _sources(look, holder, _MIRROR) if each.port not in taken),
        uplinks=passing,
        ingress=profile.direction != "EGRESS",
        egress=profile.direction != "INGRESS",
        length=profile.snap_length,
        filters=tuple(map(_filter, profile.port_mirroring_filters)),
        exclude=profile.filter_action == "EXCLUDE",
        destinations=to,
        source=made.source(_kind(path), path),
    )
    return Made((mirror,), remarks=(*remarks, *_mirror_remarks(named, profile, passing)))


def _destinations(
    look: Look, named: str, profile: PortMirroringProfile
) -> tuple[tuple[Remote | Local, ...], tuple[Problem, ...], Problem | None]:
    """Where copies go, what is odd about it, and why they cannot go anywhere."""
    group = look.ask(destinations.members, profile.destination_group)
    remote = tuple(_remote(profile, address) for address in group.addresses)
    local = tuple(Local(port=interface) for interface in group.interfaces)
    wanted: tuple[Remote | Local, ...] = local
    if profile.profile_type == "REMOTE_L3_SPAN":
        wanted = remote
    elif profile.profile_type == "LOCAL_UPLINK_SPAN":
        wanted = (*local, *remote)  # the original has interfaces alone
    if wanted and len(wanted) <= MOST_DESTINATIONS:
        return wanted, group.remarks, None
    kind = "addresses" if profile.profile_type == "REMOTE_L3_SPAN" else "interfaces"
    allowed = f"the group names 1 to {MOST_DESTINATIONS} {kind}"
    problem = _unsupported(named, "destination_group", f"{len(wanted)} in {profile.destination_group}", allowed)
    return (), group.remarks, problem


def _remote(profile: PortMirroringProfile, address: str) -> Remote:
    key = profile.gre_key if profile.encapsulation_type == "GRE" else profile.erspan_id
    return Remote(address=address, encapsulation=_ENCAPSULATIONS[profile.encapsulation_type], key=key)


def _filter(found: MirrorFilter) -> Filter:
    protocol = {"TCP": "tcp", "UDP": "udp"}.get(found.ip_protocol, "")
    return Filter(
        sources=_prefixes(found.src_ips),
        destinations=_prefixes(found.dst_ips),
        protocol=protocol,  # type: ignore[arg-type]  # one of the three
        source_ports=found.src_ports,
        destination_ports=found.dst_ports,
    )


def _prefixes(found: documents.IPAddresses) -> tuple[str, ...]:
    return tuple(str(prefix) for text in found.ip_addresses for prefix in documents.networks_in(text))


def _mirror_remarks(path: str, profile: PortMirroringProfile, passing: tuple[Uplink, ...]) -> Iterator[Problem]:
    for index, each in enumerate(profile.port_mirroring_filters):
        if (each.src_ports or each.dst_ports) and not each.ip_protocol:
            where = f"port_mirroring_filters[{index}]"
            yield _unsupported(path, where, "ports without ip_protocol", "ports of both TCP and UDP are meant")
    if any(not each.physical_network for each in passing):
        allowed = "the cards with the tunnels are mirrored with all overlay segments, as frames are on the wire"
        yield _unsupported(path, "profile_type", profile.profile_type, allowed)


def _export(look: Look, path: str, found: documents.MonitoringMap) -> Made:
    named = found.ipfix_l2_profile_path
    profile = look.document(named, IPFIXL2Profile)
    if profile is None:
        return made.NOTHING
    if other := _overruled(look, path, _EXPORT):
        return Made(remarks=(_second(path, _EXPORT, named, other),))
    to = look.document(profile.ipfix_collector_profile_path, documents.IPFIXL2CollectorProfile)
    collectors = [(each.collector_ip_address, each.collector_port) for each in to.ipfix_l2_collectors] if to else []
    export = Export(
        id=f"{made.identity(path)}/ipfix",
        sources=_sources(look, path.rsplit("/", 2)[0], _EXPORT),
        collectors=tuple(f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}" for ip, port in collectors),
        probability=min(max(round(profile.packet_sample_probability / 100 * _WHOLE), 1), _WHOLE),
        active_timeout=profile.active_timeout,
        flows=profile.max_flows,
        domain=profile.observation_domain_id,
        source=made.source(_kind(path), path),
    )
    return Made((export,))


def _sources(look: Look, holder: str, field: str) -> tuple[Source, ...]:
    """What a map on a segment or a port watches."""
    if "/ports/" in holder:
        own = look.ask(_own, holder)
        return (own,) if own else ()
    if not look.ask(segments.is_up, holder):
        return ()
    return tuple(sorted({*_machines(look, holder, field), *_containers(look, holder)}))


def _machines(look: Look, segment: str, field: str) -> Iterator[Source]:
    for port in look.under("in", f"{segment}/ports"):
        own = look.ask(_own, port)
        if own and not look.ask(_holding, port, field):
            yield own


def _containers(look: Look, segment: str) -> Iterator[Source]:
    for binding in look.under("in", f"{segment}/segment-connection-binding-maps"):
        found = look.document(binding, documents.SegmentConnectionBindingMap)
        for port in look.under("in", f"{found.segment_path}/ports") if found else ():
            behind = look.ask(ports.interface_of, port)
            if found and behind and behind.id:
                yield Source(behind.id, found.vlan_traffic_tag)


def _own(look: Look, port: str) -> Source | None:
    """The frames that belong to a segment port, None if there can be none."""
    found = look.document(port, documents.SegmentPort)
    if found is None or not found.attachment.id or not look.ask(ports.carries, port):
        return None
    if found.attachment.type != "CHILD":
        return Source(found.attachment.id)
    parent = look.ask(ports.parent_of, port)
    return Source(parent, found.attachment.traffic_tag) if parent else None


def _uplinks(look: Look, holder: str) -> tuple[Uplink, ...]:
    segment = ports.segment_of(holder) if "/ports/" in holder else holder
    network = look.ask(segments.network_of, segment)
    if not isinstance(network, model.Network):
        return ()
    return (Uplink(physical_network=network.physical_network, vlan=network.vlan),)


def _overruled(look: Look, path: str, field: str) -> str:
    """The map of the same segment or port that counts instead of this one, "" if this one does."""
    holding: str = look.ask(_holding, path.rsplit("/", 2)[0], field)
    return "" if holding == path else holding


def _holding(look: Look, holder: str, field: str) -> str:
    """The map that counts: of several, the one with the first priority, then the first by name; "" if there is none."""
    word = "port" if "/ports/" in holder else "segment"
    found = []
    for path in look.under("in", f"{holder}/{word}-monitoring-profile-binding-maps"):
        bound = look.document(path, documents.MonitoringMap)
        named = getattr(bound, field, "")
        if named:
            profile = look.document(named, IPFIXL2Profile)
            found.append((profile.priority if profile else 0, path))
    return min(found)[1] if found else ""


def _second(path: str, field: str, named: str, other: str) -> Problem:
    return made.unsupported(_kind(path), path, field, named, f"one profile counts, and it is that of {other}")


def _kind(path: str) -> str:
    return "PortMonitoringProfileBindingMap" if "/ports/" in path else "SegmentMonitoringProfileBindingMap"


def _unsupported(path: str, field: str, found: object, allowed: str) -> Problem:
    return made.unsupported("PortMirroringProfile", path, field, found, allowed)
