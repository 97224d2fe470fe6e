"""Segment ports, and what their interfaces send with a tag.

An interface is known by its attachment id, which is the OVN port's name and the `iface-id` on the hypervisor, so it is
found wherever it turns up.  A binding map makes no segment port, but it makes one nested network port for every interface
on the parent: `nested` is asked for every pair of the two.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from trunkline.dialects.nsx.realisation import documents, made, profiles, segments
from trunkline.dialects.nsx.realisation.documents import AddressBinding
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.kit import problems
from trunkline.kit.ids import PortId
from trunkline.kit.problems import Problem

NOBODY = problems.register("TRK-0958", "A port may send only from its bound addresses, and none is bound.")
HALF_BINDING = problems.register("TRK-0951", "An address is bound to a port without the MAC it belongs to.")
NO_PARENT = problems.register("TRK-0952", "The interface that a CHILD attachment names is attached nowhere.")


_NOBODYS_MAC = "0a:58:00:00:00:00"
"""Stands for all hosts behind a port that may send nothing: what is guarded has to be something."""


class Interface(msgspec.Struct, frozen=True):
    """What is attached to a segment port that is switched on, "" if nothing is, and the addresses bound to it."""

    id: str = ""
    bindings: tuple[AddressBinding, ...] = ()


def port(look: Look, path: str) -> Made | None:
    """The network port of a segment port, if an interface is attached and both are switched on."""
    found = look.document(path, documents.SegmentPort)
    if found is None:
        return None
    segment = segment_of(path)
    if not found.attachment.id or not look.ask(carries, path):
        return made.NOTHING
    parent = ""
    if found.attachment.type == "CHILD" and not (parent := look.ask(parent_of, path)):
        return Made(problems=(_orphan(path, found),))
    bare = model.Port(
        id=PortId(found.attachment.id),
        network=made.network_id(segment),
        parent=PortId(parent),
        tag=found.attachment.traffic_tag,
        source=made.source("SegmentPort", path),
    )
    bound = [each for each in found.address_bindings if not each.vlan_id]
    return _made(bare, look.ask(profiles.policy, path, segment), bound)


def nested(look: Look, binding: str, port_path: str) -> Made | None:
    """What an interface on the parent sends and gets with the tag of a binding map, on the child's network.

    None if the map's parent is not the port's segment.
    """
    found = look.document(binding, documents.SegmentConnectionBindingMap)
    behind = look.ask(interface_of, port_path)
    if found is None or behind is None or found.segment_path != segment_of(port_path):
        return None
    child, tag = binding.rsplit("/", 2)[0], found.vlan_traffic_tag
    if not behind.id or not look.ask(segments.is_up, child):
        return made.NOTHING
    bare = model.Port(
        id=PortId(f"{behind.id}/{tag}"),
        network=made.network_id(child),
        parent=PortId(behind.id),
        tag=tag,
        source=made.source("SegmentConnectionBindingMap", binding),
    )
    bound = [each for each in behind.bindings if each.vlan_id == tag]
    policy = look.ask(profiles.policy, "", child)
    # A segment's profile was never made for the containers behind its tags: without addresses bound to the tag they pass,
    # as the documentation of child segments says.
    return _made(bare, policy if bound else msgspec.structs.replace(policy, guarded=False), bound)


def segment_of(port_path: str) -> str:
    """The segment that a port is on."""
    return port_path.rpartition("/ports/")[0]


def _made(bare: model.Port, policy: profiles.Policy, bound: Sequence[AddressBinding]) -> Made:
    """The port with its hosts, guard, filter and limits."""
    hosts, remarks = _hosts(bare.source, bound)
    if policy.guarded and not hosts:
        hosts = (model.Host(_NOBODYS_MAC),)
        remarks.append(_mute(bare.source))
    full = msgspec.structs.replace(bare, hosts=hosts, guard=_guard(policy, hosts), filter=policy.filter)
    limits = profiles.limits(policy, full)
    return Made((full, *limits.objects), remarks=(*remarks, *limits.remarks))


def _guard(policy: profiles.Policy, hosts: tuple[model.Host, ...]) -> model.Guard:
    if not policy.guarded:
        return model.Guard.NONE
    return model.Guard.ADDRESSES if any(host.addresses for host in hosts) else model.Guard.MACS


def interface_of(look: Look, port_path: str) -> Interface | None:
    """What may send with tags at a segment port; None if there is no such port."""
    found = look.document(port_path, documents.SegmentPort)
    if found is None:
        return None
    if found.attachment.type == "CHILD" or not look.ask(carries, port_path):
        return Interface()
    return Interface(found.attachment.id, found.address_bindings)


def _hosts(source: model.Source, bindings: Sequence[AddressBinding]) -> tuple[tuple[model.Host, ...], list[Problem]]:
    known: dict[str, list[AddressBinding]] = {}
    remarks = []
    for each in bindings:
        if each.mac_address:
            known.setdefault(each.mac_address.lower(), []).append(each)
        else:
            remarks.append(_half(source, each))
    hosts = [
        model.Host(mac, tuple(ipaddress.ip_interface(each.ip_address) for each in found if each.ip_address))
        for mac, found in known.items()
    ]
    return tuple(hosts), remarks


def carries(look: Look, path: str) -> bool:
    """Whether a port and its segment are switched on."""
    found = look.document(path, documents.SegmentPort)
    return found is not None and found.admin_state == "UP" and look.ask(segments.is_up, segment_of(path))


def parent_of(look: Look, path: str) -> str:
    """The interface that the CHILD attachment at a path lies behind: named itself, or by its segment port."""
    found = look.document(path, documents.SegmentPort)
    context = found.attachment.context_id if found else ""
    if not context.startswith("/"):
        return context
    parent = look.document(context, documents.SegmentPort)
    return parent.attachment.id if parent else ""


def _orphan(path: str, found: documents.SegmentPort) -> Problem:
    return Problem(
        code=NO_PARENT,
        object=f"SegmentPort {path}",
        field="attachment.context_id",
        found=found.attachment.context_id,
        allowed="the parent's attachment id or the path of its port is needed",
    )


def _mute(source: model.Source) -> Problem:
    allowed = "SpoofGuard lets bound addresses send, and there are none"
    hint = "bind addresses to the port, or give it another SpoofGuard profile"
    return Problem(code=NOBODY, object=str(source), field="address_bindings", found="none", allowed=allowed, hint=hint)


def _half(source: model.Source, binding: AddressBinding) -> Problem:
    return Problem(
        code=HALF_BINDING,
        object=str(source),
        field="address_bindings",
        found=str(binding.ip_address),
        allowed="an address counts together with its MAC only",
        hint="add mac_address to the binding",
    )
