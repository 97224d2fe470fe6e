"""Recorded walks, held to sightings of a packet: what is said to be observed, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from trunkline.dialects.nsx.traceflow import reasons, story
from trunkline.dialects.nsx.traceflow.observed import Sees
from trunkline.dialects.nsx.traceflow.scene import Component, Lport
from trunkline.trace import walk
from trunkline.trace.errands import Sighting
from trunkline.trace.frame import Seen, Tunnel
from trunkline.trace.walk import Stage

RECORDED = Path(__file__).with_name("recorded")
A, B = "c6c9cb71-4751-5350-8525-95371006c791", "59d47716-2867-51d0-994c-03ef3704f672"
C, PLAIN = "ac8ad426-2319-58ff-9c7a-2cc008e8159d", "d4bd55fa-e859-5d45-8f14-fccad39198db"
GATEWAY = "cr-router:infra/tier-0s/t0/locale-services/default/interfaces/uplink"
CHILD = "686cabbe-ac55-4b4e-9f61-862d86a3f684"
PROFILE = "/infra/segment-security-profiles/strict"
NAMES = {A: "node-a", B: "node-b", C: "node-c", PLAIN: "plain"}
PLACES = {A: "hv-1", B: "hv-2", C: "hv-3", PLAIN: "hv-3"}


class Network:
    """The lab's network as it was when the walks were recorded, with changes."""

    def __init__(self, guarded: bool = False, **places: str) -> None:
        self._guarded, self._places = guarded, places

    def component(self, datapath: str) -> Component:
        return (
            Component(type="LS", name="child", id="id", vni=77)
            if datapath == CHILD
            else Component(type="LR", name=datapath[:4])
        )

    def lport(self, port: str) -> Lport:
        machine, _, tag = port.partition("/")
        return Lport(NAMES[machine], f"id-{machine}", machine, int(tag or 0)) if machine in NAMES else Lport(port)

    def place(self, port: str) -> str:
        machine = port.partition("/")[0]
        if port == GATEWAY:
            return self._places.get("gateway", "hv-2")
        return self._places.get(NAMES.get(machine, ""), PLACES.get(machine, ""))

    def profile(self, group: str) -> str:
        return PROFILE if group == "filter_strict" else ""

    def guarded(self, port: str) -> bool:
        return self._guarded


def recorded(name: str) -> walk.Walk:
    return walk.parse((RECORDED / f"{name}.txt").read_text())


def sighting(interface: str, port: str = "", vlan: int = 0, *, outgoing: bool = True, tunnel: Any = None) -> Sighting:
    seen = Seen(source="02:00:00:00:00:01", destination="02:00:00:00:00:02", vlan=vlan, ttl=64, tunnel=tunnel)
    return Sighting(interface=interface, port=port, outgoing=outgoing, seen=seen, micros=5_000_000)


def evidence(**seen: list[Sighting]) -> story.Evidence:
    by_name = {name.replace("_", "-"): sightings for name, sightings in seen.items()}
    return story.Evidence(port=f"{A}/1002", hypervisor="hv-1", sent_ms=4000, seen=by_name)


class Told(msgspec.Struct):
    """A story as one caller reads it."""

    complete: bool
    observations: list[dict[str, Any]]
    analysis: list[str]


def read(found: story.Story, sees: Sees = lambda path: True) -> Told:
    observations = [each.seen_by(sees) for each in found.observations]
    return Told(found.complete, observations, [each.text for each in found.analysis if each.seen_by(sees)])


def told(name: str, network: Network, **seen: list[Sighting]) -> Told:
    return read(story.tell(recorded(name), network, evidence(**seen)))


def kinds(found: Told) -> list[str]:
    return [each["resource_type"].removeprefix("TraceflowObservation") for each in found.observations]


def test_packet_that_was_seen_at_the_machine_with_its_tag_is_delivered() -> None:
    found = told("child-to-child", Network(), hv_1=[], hv_2=[sighting("vif", B, 1002)])

    assert found.complete
    assert kinds(found) == ["ReceivedLogical", "ForwardedLogical", "Delivered"]
    first, _, last = found.observations
    assert (first["sequence_no"], first["vlan"], first["lport_name"], first["timestamp"]) == (0, 1002, "node-a", 4000)
    assert (last["sequence_no"], last["vlan_id"], last["transport_node_name"]) == (1, 1002, "hv-2")
    assert (last["timestamp"], last["timestamp_micro"]) == (5000, 5_000_000)


@pytest.mark.parametrize("seen", [[], [sighting("vif", B, 1003)], [sighting("vif", B)], [sighting("other", C, 1002)]])
def test_packet_that_was_not_seen_with_the_tag_at_the_machine_is_not_delivered_there(seen: list[Sighting]) -> None:
    found = told("child-to-child", Network(), hv_1=[], hv_2=seen)

    dropped = next(each for each in found.observations if each["resource_type"].endswith("DroppedLogical"))
    assert (dropped["lport_name"], dropped["reason"]) == ("node-b", "UNKNOWN")
    assert "node-b" in found.analysis[0]


def test_hypervisor_that_did_not_look_leaves_the_story_open() -> None:
    found = told("child-to-child", Network(), hv_1=[])

    assert not found.complete
    assert kinds(found) == ["ReceivedLogical", "ForwardedLogical"]
    assert "hv-2" in found.analysis[0]


def test_both_ends_of_the_tunnel_are_told_if_they_were_seen() -> None:
    to_b, to_c = Tunnel("10.0.0.1", "10.0.0.2", 6), Tunnel("10.0.0.1", "10.0.0.3", 6)
    found = told(
        "flood",
        Network(),
        hv_1=[sighting("eth0", tunnel=to_b), sighting("eth0", tunnel=to_c)],
        hv_2=[sighting("eth0", outgoing=False, tunnel=to_b), sighting("vif", B, 1002)],
        hv_3=[sighting("eth0", outgoing=False, tunnel=to_c), sighting("vif", C, 2002), sighting("plain", PLAIN)],
    )

    forwarded = [each for each in found.observations if each["resource_type"].endswith("Forwarded")]
    assert [(each["dst_transport_node_name"], each["remote_ip_address"]) for each in forwarded] == [
        ("hv-2", "10.0.0.2"),
        ("hv-3", "10.0.0.3"),
        ("hv-3", "10.0.0.3"),
    ]
    assert kinds(found).count("Delivered") == 3
    assert {each["sequence_no"] for each in found.observations} == {0, 1}


def test_port_on_no_hypervisor_gets_nothing() -> None:
    found = told("child-to-child", Network(**{"node-b": ""}), hv_1=[])

    assert (found.complete, found.observations[-1]["reason"]) == (True, "IFACE")


def test_guard_of_the_port_is_the_reason_when_nobody_saw_anything() -> None:
    kept_out = told("child-to-child", Network(guarded=True), hv_1=[], hv_2=[])
    let_in = told("child-to-child", Network(guarded=True), hv_1=[], hv_2=[sighting("vif", B, 1002)])

    assert kinds(kept_out) == ["ReceivedLogical", "DroppedLogical"]
    assert kept_out.observations[-1]["component_type"] == "SPOOFGUARD"
    assert kinds(let_in)[-1] == "Delivered"


@pytest.mark.parametrize(
    ("name", "component", "reason", "node"),
    [
        ("acl", "DFW", "FW_RULE", "hv-2"),
        ("security-profile", "LS", "LSWITCH", "hv-1"),
        ("ttl", "LR", "TTL_ZERO", "hv-1"),
        ("neighbour-unknown", "LR", "ARP_FAIL", "hv-1"),
    ],
)
def test_walk_that_ends_says_where_and_why(name: str, component: str, reason: str, node: str) -> None:
    found = told(name, Network(), hv_1=[], hv_2=[])

    last = found.observations[-1]
    assert last["resource_type"] == "TraceflowObservationDroppedLogical"
    assert (last["component_type"], last["reason"], last["transport_node_name"]) == (component, reason, node)
    assert "northd.c" in found.analysis[0]


def test_security_profile_that_blocks_a_packet_is_named() -> None:
    whole = story.tell(recorded("security-profile"), Network(), evidence(hv_1=[]))

    assert read(whole).analysis[1] == f"the segment security profile {PROFILE} blocks such packets"
    assert PROFILE not in "".join(read(whole, lambda path: path != PROFILE).analysis)


def test_machine_that_got_the_packet_against_the_walk_is_told() -> None:
    found = told("ttl", Network(), hv_1=[sighting("vif", B, 1002)])

    assert kinds(found)[-2:] == ["DroppedLogical", "Delivered"]
    assert found.observations[-1]["sequence_no"] == 999
    assert "against the logical walk" in found.analysis[-1]


def test_way_out_is_delivered_by_a_card_of_the_gateways_hypervisor() -> None:
    card = sighting("eth1", vlan=310)
    found = told("outside", Network(), hv_1=[], hv_2=[card])
    wrong_place = told("outside", Network(), hv_1=[card], hv_2=[])

    last = found.observations[-1]
    assert (last["component_type"], last["uplink_name"], last["vlan_id"]) == ("PHYSICAL", "eth1", 310)
    assert (last["transport_node_name"], last["sequence_no"]) == ("hv-2", 1)
    assert kinds(wrong_place)[-1] == "DroppedLogical"


def test_gateway_tells_the_route_that_it_chose() -> None:
    found = told("outside", Network(), hv_1=[], hv_2=[sighting("eth1", vlan=310)])

    forwarded = [each for each in found.observations if each.get("lr_forward_type")]
    assert [(each["route_prefix"], each["next_hop"]) for each in forwarded] == [
        ("0.0.0.0/0", "100.64.192.9"),
        ("0.0.0.0/0", "172.16.31.254"),
    ]


def test_of_what_a_caller_may_not_see_only_that_something_was_observed_is_told() -> None:
    class Owned(Network):
        def component(self, datapath: str) -> Component:
            path = "/red/infra/segments/child" if datapath == CHILD else "/infra/tier-0s/t0"
            return msgspec.structs.replace(super().component(datapath), path=path)

        def lport(self, port: str) -> Lport:
            return msgspec.structs.replace(super().lport(port), path="/red/infra/segments/node/ports/p")

    whole = story.tell(recorded("outside"), Owned(), evidence(hv_1=[], hv_2=[sighting("eth1", vlan=310)]))
    red = read(whole, lambda path: path.startswith("/red/"))

    assert [(each["component_type"], each.get("component_name")) for each in red.observations[:2]] == [
        ("LS", "child")
    ] * 2
    assert red.observations[0]["lport_name"] == "node-a"
    assert "dst_component_name" not in red.observations[1]
    assert "dst_component_name" in read(whole).observations[1]
    rest = red.observations[2:]
    assert {each["resource_type"] for each in rest} == {"TraceflowObservationProtected"}
    assert [each["original_type"] for each in rest] == [each["resource_type"] for each in read(whole).observations[2:]]
    common = {"resource_type", "original_type", "sequence_no", "transport_node_type", "timestamp", "timestamp_micro"}
    assert all(each.keys() == common | {"component_type"} for each in rest)


def test_analysis_names_nothing_that_a_caller_may_not_see() -> None:
    whole = story.tell(recorded("ttl"), Network(), evidence(hv_1=[]))

    assert read(whole).analysis
    assert read(whole, lambda path: path.startswith("/red/")).analysis == []


def test_settled_means_seen_everywhere() -> None:
    everywhere = {"hv_1": [], "hv_2": [sighting("b", B, 1002)], "hv_3": [sighting("c", C, 2002), sighting("p", PLAIN)]}
    partly = everywhere | {"hv_3": [sighting("c", C, 2002)]}

    assert story.settled(recorded("flood"), Network(), evidence(**everywhere))
    assert not story.settled(recorded("flood"), Network(), evidence(**partly))
    assert not story.settled(recorded("ttl"), Network(), evidence(hv_1=[]))


def test_whole_means_that_both_ends_of_every_crossing_were_seen() -> None:
    to_b = Tunnel("10.0.0.1", "10.0.0.2", 6)
    left, came = sighting("eth0", tunnel=to_b), sighting("eth0", outgoing=False, tunnel=to_b)
    arrived = sighting("vif", B, 1002)

    def whole(hv_1: list[Sighting], hv_2: list[Sighting]) -> bool:
        known = evidence(hv_1=hv_1, hv_2=hv_2)
        assert story.settled(recorded("child-to-child"), Network(), known)
        return story.whole(recorded("child-to-child"), Network(), known)

    assert whole([left], [came, arrived])
    assert not whole([], [came, arrived])
    assert not whole([left], [arrived])


def test_hypervisors_on_the_way_are_those_of_machines_and_gateways() -> None:
    assert story.expected(recorded("flood"), Network()) == {"hv-1", "hv-2", "hv-3"}
    assert story.expected(recorded("outside"), Network(gateway="hv-9")) == {"hv-9"}
    assert story.expected(recorded("acl"), Network()) == {"hv-2"}


@pytest.mark.parametrize(
    ("stage", "word"),
    [
        (Stage(number=8, name="ls_in_acl"), "FW_RULE"),
        (Stage(number=13, name="lr_in_ip_routing"), "NO_ROUTE"),
        (Stage(number=3, name="lr_in_ip_input", match="ip4.mcast"), "IP"),
        (Stage(number=99, name="something_new"), "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_reasons(stage: Stage | None, word: str) -> None:
    assert reasons.of(stage).word == word
