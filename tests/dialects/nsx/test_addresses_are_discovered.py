"""From what hypervisors hear at a port to its bindings, as the IP discovery profile says."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.dialects.nsx import discovery, effective, port_state
from trunkline.dialects.nsx.discovery import Heard, Profile
from trunkline.dialects.nsx.realized import Nobody, Realisation
from trunkline.policy.addresses import Addresses

MINUTE = 60_000
NOW = 1000 * MINUTE
MAC, OTHER = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
SEGMENT, PARENT = "/infra/segments/web", "/infra/segments/parent"
PORT, SECOND = f"{SEGMENT}/ports/a", f"{SEGMENT}/ports/b"
PROFILES = "/infra/ip-discovery-profiles"


def heard(address: str, first: int = NOW - MINUTE, last: int = NOW, mac: str = MAC, **more: Any) -> Heard:
    return Heard(port=PORT, mac=mac, address=address, first_ms=first, last_ms=last, **more)


def asked(arp: int = 1, **fields: Any) -> Profile:
    return discovery.profile({"ip_v4_discovery_options": {"arp_snooping_config": {"arp_binding_limit": arp}}, **fields})


def found(body: Any, words: list[Heard], rules: Profile) -> tuple[list[str], list[str]]:
    """The addresses that are discovered, and those that are realised."""
    bindings = discovery.bindings(body, words, rules, NOW)
    return [each.address for each in bindings.discovered], [each.address for each in bindings.realized]


A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
LATER = [heard(A, NOW - 3 * MINUTE), heard(B, NOW - 2 * MINUTE), heard(C, NOW - MINUTE)]


def test_of_all_that_is_discovered_the_first_is_trusted():
    assert found({}, LATER[::-1], asked()) == ([A, B, C], [A])
    assert found({}, LATER, asked(2)) == ([A, B, C], [A, B])


def test_defaults_listen_to_arp_and_not_to_neighbour_discovery():
    words = [heard("2001:db8::1"), heard(A)]
    assert found({}, words, discovery.profile({})) == ([A], [A])
    both = {"ip_v6_discovery_options": {"nd_snooping_config": {"nd_snooping_enabled": True}}}
    words += [heard(f"2001:db8::{number}", NOW - 1) for number in range(2, 5)]
    discovered, realized = found({}, words, discovery.profile(both))
    assert len(discovered) == 5
    assert realized == [A, "2001:db8::1", "2001:db8::2", "2001:db8::3"], "three, and IPv4 apart from it"


def test_a_source_that_is_switched_off_says_nothing():
    off = {"ip_v4_discovery_options": {"arp_snooping_config": {"arp_snooping_enabled": False}}}
    assert found({}, LATER, discovery.profile(off)) == ([], [])


def test_whoever_is_trusted_stays_and_the_others_are_forgotten_in_time():
    silent = [heard(A, 0, NOW - 11 * MINUTE), heard(B, 1, NOW - 11 * MINUTE), heard(C, 2, NOW - 9 * MINUTE)]
    assert found({}, silent, asked()) == ([A, C], [A])
    assert found({}, silent, asked(tofu_enabled=False)) == ([C], [C])
    assert found({}, silent, asked(tofu_enabled=False, arp_nd_binding_timeout=12)) == ([A, B, C], [A])


def test_declared_addresses_come_first_and_take_no_place():
    declared = {"address_bindings": [{"ip_address": B, "mac_address": MAC.upper()}, {"ip_address": "10.0.0.9"}]}
    assert found(declared, LATER, asked(2)) == ([A, B, C], [B, "10.0.0.9", A])


@pytest.mark.parametrize(
    ("ignored", "realized"),
    [
        ({"ip_address": A}, [B]),
        ({"ip_address": A, "mac_address": MAC.upper()}, [B]),
        ({"ip_address": A, "mac_address": OTHER}, [A]),
        ({"mac_address": MAC}, []),
        ({}, [A]),
    ],
)
def test_ignored_addresses_are_discovered_and_not_relied_on(ignored, realized):
    assert found({"ignored_address_bindings": [ignored]}, LATER, asked()) == ([A, B, C], realized)


class Ears(Nobody):
    """A network in which these words were heard."""

    def __init__(self, *words: Heard) -> None:
        self.words = words

    def heard(self, path: str) -> list[Heard]:
        return [each for each in self.words if each.port == path]


class Behind(Ears):
    """The same, asked by binding map."""

    def heard(self, path: str) -> list[Heard]:
        return [each for each in self.words if each.binding == path]


def state(manager: Any, path: str, *words: Heard) -> Any:
    known = Addresses(manager.tree, Ears(*words), NOW)
    entry = manager.tree.entry(path)
    return port_state.state(entry, Realisation(state="REALIZED"), known.bindings(entry), known.containers(entry))


def limit(manager: Any, name: str, arp: int, **fields: Any) -> str:
    options = {"arp_snooping_config": {"arp_binding_limit": arp}}
    manager.patch(f"{PROFILES}/{name}", ip_v4_discovery_options=options, **fields)
    return f"{PROFILES}/{name}"


def test_the_ports_profile_overrules_the_segments_which_overrules_the_default(manager):
    manager.patch(SEGMENT)
    manager.patch(PORT)

    def relied() -> list[str]:
        return [each["binding"]["ip_address"] for each in state(manager, PORT, *LATER)["realized_bindings"]]

    assert relied() == [A]
    two = limit(manager, "two", 2)
    manager.patch(f"{SEGMENT}/segment-discovery-profile-binding-maps/m", ip_discovery_profile_path=two)
    assert relied() == [A, B]
    three = limit(manager, "three", 3)
    manager.patch(f"{PORT}/port-discovery-profile-binding-maps/m", ip_discovery_profile_path=three)
    assert relied() == [A, B, C]
    entry = manager.tree.entry(PORT)
    assert effective.profile("IPDiscoveryProfile", entry, manager.tree)["id"] == "three"


def test_an_answer_says_what_how_and_since_when(manager):
    manager.patch(SEGMENT)
    manager.patch(PORT)
    answer = state(manager, PORT, heard(A, NOW - 5))
    binding = {"ip_address": A, "mac_address": MAC}
    shown = [{"binding": binding, "source": "ARP_SNOOPING", "binding_timestamp": NOW - 5}]
    assert (answer["discovered_bindings"], answer["realized_bindings"]) == (shown, shown)
    assert "trunkline_containers" not in answer


def test_an_address_that_another_port_of_the_segment_had_before_is_a_duplicate(manager):
    manager.patch(SEGMENT)
    for path in (PORT, SECOND):
        manager.patch(path)
    words = [heard(A, NOW - 9), Heard(port=SECOND, mac=OTHER, address=A, first_ms=NOW - 5, last_ms=NOW)]

    def told(path: str) -> tuple[int, list[str]]:
        answer = state(manager, path, *words)
        return len(answer["realized_bindings"]), [each["conflicting_port"] for each in answer["duplicate_bindings"]]

    assert [told(path) for path in (PORT, SECOND)] == [(1, []), (1, [])], "nobody asked"
    checked = limit(manager, "checked", 1, duplicate_ip_detection={"duplicate_ip_detection_enabled": True})
    manager.patch(f"{SEGMENT}/segment-discovery-profile-binding-maps/m", ip_discovery_profile_path=checked)
    assert [told(path) for path in (PORT, SECOND)] == [(1, []), (0, [PORT])]
    manager.patch(SECOND, address_bindings=[{"ip_address": A, "mac_address": OTHER}])
    assert [told(path) for path in (PORT, SECOND)] == [(0, [SECOND]), (1, [])], "who declares has it"


def test_containers_are_found_behind_their_tag_as_the_childs_profile_says(manager):
    for path in (PARENT, SEGMENT, f"{PARENT}/ports/vm"):
        manager.patch(path)
    manager.bind(SEGMENT, PARENT, 7)
    binding = f"{SEGMENT}/segment-connection-binding-maps/map"
    words = [
        Heard(port=f"{PARENT}/ports/vm", mac=MAC, address="192.0.2.1", first_ms=NOW - 1, last_ms=NOW),
        *(
            Heard(
                port=f"{PARENT}/ports/vm", binding=binding, tag=7, mac=OTHER, address=address, first_ms=1, last_ms=last
            )
            for address, last in ((A, NOW), (B, NOW), (C, NOW - 11 * MINUTE))
        ),
    ]
    answer = state(manager, f"{PARENT}/ports/vm", *words)
    assert [each["binding"]["ip_address"] for each in answer["discovered_bindings"]] == ["192.0.2.1"]
    of_map = Addresses(manager.tree, Behind(*words), NOW).behind(manager.tree.entry(binding))
    assert [(each["binding"]["ip_address"], each["segment_port_path"]) for each in of_map["discovered_bindings"]] == [
        (address, f"{PARENT}/ports/vm") for address in (A, B)
    ]
    (behind,) = answer["trunkline_containers"]
    assert (behind["connected_segment_path"], behind["vlan_traffic_tag"]) == (SEGMENT, 7)
    shown = [each["binding"] for each in behind["discovered_bindings"]]
    assert shown == [{"ip_address": address, "mac_address": OTHER, "vlan": 7} for address in (A, B)]

    options = {"arp_snooping_config": {"arp_snooping_enabled": False}}
    manager.patch(f"{PROFILES}/off", ip_v4_discovery_options=options)
    manager.patch(f"{PARENT}/segment-discovery-profile-binding-maps/m", ip_discovery_profile_path=f"{PROFILES}/off")
    answer = state(manager, f"{PARENT}/ports/vm", *words)
    assert (answer["discovered_bindings"], len(answer["trunkline_containers"])) == ([], 1), "a child inherits nothing"
    manager.patch(f"{SEGMENT}/segment-discovery-profile-binding-maps/m", ip_discovery_profile_path=f"{PROFILES}/off")
    assert "trunkline_containers" not in state(manager, f"{PARENT}/ports/vm", *words)
