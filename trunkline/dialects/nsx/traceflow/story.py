"""What became of a packet, told as NSX's observations: the logical walk, held to what was seen of a real packet.

The walk says where the packet should go.  Nothing is said to be delivered that was not seen on its way into a machine or
out of a network card; where the walk goes on and the packet does not, the story ends with a drop on the last hypervisor that
is known to have had it.  A hypervisor that did not look is never counted as one that saw nothing: the story is then not
complete, and says so.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.dialects.nsx.traceflow import reasons
from trunkline.dialects.nsx.traceflow.observed import Observation, Remark
from trunkline.dialects.nsx.traceflow.scene import Component, Lport, Scene
from trunkline.dialects.nsx.view import Body
from trunkline.trace.errands import Sighting
from trunkline.trace.walk import Hop, Output, Pass, Walk

_PREFIX = "TraceflowObservation"
_UNKNOWN_HOP = 999
"""`sequence_no` where the way is not known; NSX's own."""


_About = tuple[str, Body]
"""What is said of another object, after its path."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the real packet: who sent it when (ms since 1970), and who looked and saw what."""

    port: str
    hypervisor: str
    sent_ms: int
    seen: Mapping[str, list[Sighting]]
    """By hypervisor that looked; one that did not look is not there."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Observations in order; `complete` unless somebody who would know did not answer."""

    observations: tuple[Observation, ...]
    complete: bool
    analysis: tuple[Remark, ...]


def expected(walk: Walk, scene: Scene) -> set[str]:
    """The hypervisors that the packet should come to, or would have had to."""
    ports = (port for one in walk.own for port in (one.outport, one.redirect, *(out.port for out in one.outputs)))
    return {scene.place(port) for port in ports if port} - {""}


def settled(walk: Walk, scene: Scene, evidence: Evidence) -> bool:
    """Whether the packet was seen wherever the walk takes it."""
    teller = _Teller(scene, evidence)
    teller.tell(walk)
    return bool(walk.deliveries) and teller.complete and teller.missing == 0


def whole(walk: Walk, scene: Scene, evidence: Evidence) -> bool:
    """Whether the packet was seen on both ends of every crossing between hypervisors, too."""
    teller = _Teller(scene, evidence)
    teller.tell(walk)
    return teller.unseen == 0


def tell(walk: Walk, scene: Scene, evidence: Evidence) -> Story:
    """The whole story."""
    teller = _Teller(scene, evidence)
    if walk.deliveries and scene.guarded(evidence.port) and evidence.seen and not any(evidence.seen.values()):
        teller.kept_out(walk)
    else:
        teller.tell(walk)
        teller.tell_unforeseen()
    return Story(
        observations=tuple(teller.observations),
        complete=teller.complete,
        analysis=tuple(dict.fromkeys(teller.analysis)),
    )


class _Teller:
    """Goes along the walk from hypervisor to hypervisor."""

    def __init__(self, scene: Scene, evidence: Evidence) -> None:
        self._scene, self._evidence = scene, evidence
        self._at, self._hop = evidence.hypervisor, 0
        self._time_ms = evidence.sent_ms
        self.observations: list[Observation] = []
        self.analysis: list[Remark] = []
        self.complete, self.missing = True, 0
        self.unseen = 0  # ends of crossings
        self._told: set[tuple[str, str, int]] = set()  # hypervisor, interface's port, tag

    def tell(self, walk: Walk) -> None:
        """Every pass in turn; copies of one packet start from the same place."""
        passes = walk.own
        for index, one in enumerate(passes):
            following = next((other for other in passes[index + 1 :] if other.way == "ingress"), None)
            here = (self._at, self._hop)
            before = passes[index - 1] if index else None
            if one.way == "ingress":
                self._ingress(one, before)
            elif one.stages:
                self._egress(one, following, before.hop if before else None)
            if one.group:
                self._at, self._hop = here

    def tell_unforeseen(self) -> None:
        """What was seen to reach machines to which the walk does not lead: a walk is only what the network should do."""
        for hypervisor, sightings in self._evidence.seen.items():
            for each in sightings:
                if each.outgoing and each.port and (hypervisor, each.port, each.seen.vlan) not in self._told:
                    self._told.add((hypervisor, each.port, each.seen.vlan))
                    self._at, self._hop = hypervisor, _UNKNOWN_HOP
                    port = f"{each.port}/{each.seen.vlan}" if each.seen.vlan else each.port
                    lport = self._scene.lport(port)
                    self._arrived(Component(type="UNKNOWN", name=each.interface, path=lport.path), lport, each)
                    self._remark(lport, f"{each.interface} on {hypervisor} got the packet, against the logical walk")

    def kept_out(self, walk: Walk) -> None:
        """The port's guard let nothing in; ovn-trace knows nothing of guards."""
        first = walk.own[0]
        self._ingress(first, None)
        self._drop(first, reasons.SPOOFGUARD, self._evidence.port)
        self.analysis.append(Remark("the port may send only from the addresses that are bound to it"))

    def _ingress(self, one: Pass, before: Pass | None) -> None:
        component = self._scene.component(one.datapath)
        if before is None:
            lport = self._scene.lport(one.inport)
            facts = {"vlan": lport.tag} if lport.tag else _network(component)
            self._say("ReceivedLogical", component, _lport(lport), **facts)
        else:
            other = _other("src", self._scene.component(before.datapath))
            self._say("ReceivedLogical", component, other, **_network(component))
        if one.dropped:
            self._drop(one, reasons.of(one.last), one.inport if before is None else "")
        elif one.redirect:
            self._go(self._scene.place(one.redirect))

    def _egress(self, one: Pass, following: Pass | None, hop: Hop | None) -> None:
        outputs = [output for output in one.outputs if output.type != "patch"]
        lport = self._scene.lport(one.outport)
        if lport.interface:  # what is behind a port is decided on the hypervisor that has it
            self._forward(one, lport)
            self._go(self._scene.place(one.outport))
        if one.dropped:
            self._drop(one, reasons.of(one.last), one.outport)
        elif outputs:
            self._deliver(one, outputs[0])
        else:
            self._forward(one, None, following, hop)

    def _forward(self, one: Pass, lport: Lport | None, following: Pass | None = None, hop: Hop | None = None) -> None:
        component = self._scene.component(one.datapath)
        facts = _network(component) | (_route(hop) if hop else {})
        about = [_lport(lport)] if lport else []
        if following is not None:
            about.append(_other("dst", self._scene.component(following.datapath)))
        self._say("ForwardedLogical", component, *about, **facts)

    def _deliver(self, one: Pass, output: Output) -> None:
        component = self._scene.component(one.datapath)
        lport = self._scene.lport(output.port)
        if output.type == "" and not self._scene.place(output.port):
            self._remark(lport, f"{lport.name} is plugged in on no hypervisor")
            self._drop(one, reasons.NOT_PLUGGED, output.port)
        elif self._at not in self._evidence.seen:
            self.complete = False
            self._remark(lport, f"hypervisor {self._at or '(none)'} did not tell whether {lport.name} got the packet")
        elif sighting := self._arrival(lport, output.type):
            self._arrived(component if output.type == "" else _card(sighting), lport, sighting)
        else:
            self.missing += 1
            self._remark(lport, f"the packet should have reached {lport.name} on {self._at} and was not seen there")
            self._drop(one, reasons.UNKNOWN, output.port)

    def _arrived(self, component: Component, lport: Lport, sighting: Sighting) -> None:
        vlan = sighting.seen.vlan
        facts: Body = {"vlan_id": vlan} if vlan else {}
        if component.type == "PHYSICAL":
            facts |= {"uplink_name": sighting.interface}
        self._told.add((self._at, sighting.port, vlan))
        self._say("Delivered", component, _lport(lport), **facts, timestamp=sighting.micros // 1000)

    def _arrival(self, lport: Lport, kind: str) -> Sighting | None:
        """How the packet was seen on its way to a machine, or out of a network card if the port is no machine's."""
        leaving = [each for each in self._evidence.seen[self._at] if each.outgoing and each.seen.tunnel is None]
        if kind == "":
            wanted = (lport.interface, lport.tag)
            return next((each for each in leaving if (each.port, each.seen.vlan) == wanted), None)
        return next((each for each in leaving if not each.port), None)

    def _drop(self, one: Pass, reason: reasons.Reason, port: str) -> None:
        component = self._scene.component(one.datapath)
        if one.dropped:
            self._remark(component, f"{component.name}: {reasons.words(one.last)}")
            if profile := self._scene.profile(reasons.group(one.last)):
                reason = reasons.SECURITY
                self.analysis.append(Remark(f"the segment security profile {profile} blocks such packets", profile))
        if reason.component:
            component = Component(type=reason.component, name=component.name, id=component.id, path=component.path)
        about = [_lport(self._scene.lport(port))] if port else []
        self._say("DroppedLogical", component, *about, reason=reason.word)

    def _go(self, hypervisor: str) -> None:
        """The packet goes to another hypervisor, if it is not there already."""
        if hypervisor in ("", self._at):
            return
        left, came = self._crossing(self._at, hypervisor)
        self.unseen += (left, came).count(None)
        if left is not None:
            facts = {"dst_transport_node_id": node_id(hypervisor), "dst_transport_node_name": hypervisor}
            self._physical("Forwarded", left, **facts)
        self._at, self._hop = hypervisor, self._hop + 1
        if came is not None:
            self._physical("Received", came)

    def _crossing(self, origin: str, target: str) -> tuple[Sighting | None, Sighting | None]:
        """How the packet was seen to leave one hypervisor for another, and to come in there."""
        seen = self._evidence.seen
        left = [each for each in seen.get(origin, ()) if each.seen.tunnel and each.outgoing]
        came = [each for each in seen.get(target, ()) if each.seen.tunnel and not each.outgoing]
        for each in left:
            for other in came:
                if each.seen.tunnel == other.seen.tunnel:
                    return each, other
        # One of the two saw nothing of it; with several tunnels nobody knows which one it was.
        return left[0] if len(left) == 1 and not came else None, came[0] if came else None

    def _physical(self, kind: str, sighting: Sighting, **facts: Any) -> None:
        tunnel = sighting.seen.tunnel
        assert tunnel is not None
        local, remote = tunnel.source, tunnel.destination
        if kind == "Received":
            local, remote = remote, local
        ends = {"local_ip_address": local, "remote_ip_address": remote, "uplink_name": sighting.interface}
        self._say(kind, _card(sighting), **ends, **facts, timestamp=sighting.micros // 1000)

    def _remark(self, of: Component | Lport, text: str) -> None:
        self.analysis.append(Remark(text, of.path))

    def _say(self, kind: str, component: Component, *about: _About, **facts: Any) -> None:
        self._time_ms = max(self._time_ms, facts.pop("timestamp", 0))
        said: Body = {
            "resource_type": _PREFIX + kind,
            "sequence_no": self._hop,
            "transport_node_id": node_id(self._at),
            "transport_node_name": self._at,
            "transport_node_type": "OTHERS",
            "timestamp": self._time_ms,
            "timestamp_micro": self._time_ms * 1000,
            "component_type": component.type,
            "component_name": component.name,
        }
        if component.sub_type:
            said["component_sub_type"] = component.sub_type
        if component.id and kind.endswith("Logical"):
            said["component_id"] = component.id
        others: dict[str, Body] = {}
        for path, told in about:
            others[path] = others.get(path, {}) | told
        self.observations.append(Observation(said | facts, component.path, others))


def node_id(hypervisor: str) -> str:
    """The UUID by which NSX's clients know a hypervisor."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"transport-node:{hypervisor}"))


def _card(sighting: Sighting) -> Component:
    return Component(type="PHYSICAL", name=sighting.interface)


def _lport(lport: Lport) -> _About:
    return lport.path, {"lport_name": lport.name} | ({"lport_id": lport.id} if lport.id else {})


def _network(component: Component) -> Body:
    if component.vni:
        return {"vni": component.vni}
    return {"vlan": component.vlan} if component.vlan else {}


def _route(hop: Hop) -> Body:
    return {"lr_forward_type": "STANDARD", "route_prefix": hop.prefix} | ({"next_hop": hop.via} if hop.via else {})


def _other(side: str, component: Component) -> _About:
    facts = {f"{side}_component_type": component.type, f"{side}_component_name": component.name}
    return component.path, facts | ({f"{side}_component_id": component.id} if component.id else {})
