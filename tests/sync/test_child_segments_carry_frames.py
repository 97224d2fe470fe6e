"""The child-segment document's picture on two hypervisors with real daemons: tags go in at a VM's port, and come out there.

    hv1: VM a, VM b'                hv2: VM b, VM c, VM d                     wires: the VMs' own switches, and a ToR
    parent segment: a, b untagged   another parent: c                        outside: behind VLAN 300
    web:    tag 1002 of a and b, tag 2002 of c, VM d itself, tier-1 -> tier-0 -> VLAN 300
    db:     tag 1003 of a and b, with the same addresses as web
    legacy: tag 1005 of a, VLAN 100, a host of another kind

The VMs' switches are bridges of one Open vSwitch, unconnected with each other, because the kernel pushes no tags here.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec
import pytest

from tests.support import wait_until
from trunkline.adapters import ovsdb
from trunkline.intent import model
from trunkline.ovn import identity
from trunkline.sync.northbound import Northbound

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces"),
]

HYPERVISORS = ("hv1", "hv2")
BRIDGES = {"br-int": "secure", "br-trunk": "standalone", "br-phys": "standalone"}
OUTSIDE = "172.30.0.10"

PARENT, PARENT_OF_C = "infra/segments/parent", "infra/segments/other-parent"
WEB, DB, LEGACY, UPLINK = (f"infra/segments/{name}" for name in ("web", "db", "legacy", "uplink"))
T1, T0, UP = "infra/tier-1s/t1", "infra/tier-0s/t0", "infra/tier-0s/t0/up"


def overlay(network: str) -> model.Network:
    return model.Network(id=network, kind=model.NetworkKind.OVERLAY)


def vlan(network: str, number: int, physical: str = "trunk") -> model.Network:
    return model.Network(id=network, kind=model.NetworkKind.VLAN, physical_network=physical, vlan=number)


def vif(name: str, network: str, chassis: str) -> model.Port:
    return model.Port(id=name, network=network, guard=model.Guard.NONE, chassis=chassis)


def nested(parent: str, tag: int, network: str) -> model.Port:
    return model.Port(id=f"{parent}/{tag}", network=network, guard=model.Guard.NONE, parent=parent, tag=tag)


def leg(name: str, router: str, network: str, number: int, address: str, chassis: tuple[str, ...] = ()) -> Any:
    return model.RouterPort(
        id=name,
        router=router,
        network=network,
        mac=f"02:00:00:01:00:{number:02x}",
        addresses=(ip_interface(address),),
        gateway_chassis=chassis,
    )


def route(router: str, prefix: str, hop: str | None) -> model.Route:
    next_hop = ip_address(hop) if hop else None
    return model.Route(id=f"{router}/{prefix}/{hop}", router=router, prefix=ip_network(prefix), next_hop=next_hop)


def link_end(router: str, address: str) -> model.LinkEnd:
    interface = ip_interface(address)
    return model.LinkEnd(router, f"02:00:00:02:00:{int(interface.ip) & 0xFF:02x}", (interface,))


VIFS = (
    vif("vif-a", PARENT, "hv1"),
    vif("vif-b", PARENT, "hv2"),
    vif("vif-c", PARENT_OF_C, "hv2"),
    vif("vif-d", WEB, "hv2"),
)
BINDINGS = (
    nested("vif-a", 1002, WEB),
    nested("vif-b", 1002, WEB),
    nested("vif-c", 2002, WEB),
    nested("vif-a", 1003, DB),
    nested("vif-b", 1003, DB),
    nested("vif-a", 1005, LEGACY),
)
FABRIC = (
    *(overlay(network) for network in (PARENT, PARENT_OF_C, WEB, DB)),
    vlan(LEGACY, 100),
    vlan(UPLINK, 300),
    *VIFS,
    *BINDINGS,
    model.Router(id=T1),
    model.Router(id=T0),
    leg(WEB, T1, WEB, 1, "10.2.0.1/24"),
    leg(UP, T0, UPLINK, 2, "192.168.30.2/24", ("hv2", "hv1")),
    model.RouterLink(id=T1, ends=(link_end(T1, "100.64.0.1/31"), link_end(T0, "100.64.0.0/31"))),
    route(T1, "0.0.0.0/0", "100.64.0.0"),
    route(T0, "10.2.0.0/24", "100.64.0.1"),
    route(T0, "172.30.0.0/16", "192.168.30.1"),
)

# place: (VM, tag, address); tag 0 is the VM's own, untagged.
INSIDE = {
    "a-vm": ("a", 0, "10.1.0.10/24"),
    "b-vm": ("b", 0, "10.1.0.11/24"),
    "a-web": ("a", 1002, "10.2.0.21/24"),
    "b-web": ("b", 1002, "10.2.0.22/24"),
    "c-web": ("c", 2002, "10.2.0.23/24"),
    "a-db": ("a", 1003, "10.2.0.21/24"),
    "b-db": ("b", 1003, "10.2.0.22/24"),
    "a-legacy": ("a", 1005, "10.100.0.5/24"),
    "a-wrong": ("a", 1999, "10.2.0.29/24"),
}
MACS = {place: f"02:00:00:00:00:{number:02x}" for number, place in enumerate(INSIDE, 1)}
GATEWAYS = {"a-web": "10.2.0.1", "b-web": "10.2.0.1", "c-web": "10.2.0.1"}


class Fabric:
    """The machines, and the intent they are held to."""

    def __init__(self, lab: Any, central: Any) -> None:
        self.lab = lab
        self._central = central

    def realise(self, *changed: model.Object, without: tuple[model.Object, ...] = ()) -> None:
        """Hold everything to FABRIC with changes, as a restarted manager would; returns when all chassis have it."""
        gone = {identity.key_of(item) for item in without}
        objects = [item for item in (*FABRIC, *changed) if identity.key_of(item) not in gone]
        asyncio.run(self._write(model.Intent.of(objects)))
        for place in HYPERVISORS:
            self.lab.forget_cached_flows(place)

    async def _write(self, intent: model.Intent) -> None:
        async with ovsdb.Client(self._central.remote("nb"), "OVN_Northbound", connect_timeout=10) as client:
            northbound = Northbound(client, "fabric")
            await northbound.start()
            writing = asyncio.create_task(northbound.run())
            await northbound.written(northbound.replace(intent))
            assert northbound.problems == {}
            await northbound.wait_realized(20)
            writing.cancel()

    def replies(self, place: str, target: str, count: int = 3, interval: str = "0.2") -> int:
        """How many of some pings are answered."""
        command = f"ping -c {count} -i {interval} -W 1 {target} || true"
        text = self.lab.inside(place, "sh", "-c", command, timeout=60)
        found = re.search(r"(\d+) received", text)
        assert found, text
        return int(found[1])

    def reaches(self, place: str, target: str) -> bool:
        """Whether pings are answered; the first may be lost while tunnels, neighbours and MACs are learned anew."""
        return self.replies(place, target, 5) >= 2


@pytest.fixture(scope="module")
def fabric(lab_of_module: Any, ovn_central_of_module: Any, until: Any) -> Iterator[Fabric]:
    lab, central = lab_of_module, ovn_central_of_module
    central.start_northd()
    for place in HYPERVISORS:
        lab.switch(place, BRIDGES)
    lab.switch("wires", dict.fromkeys(("tor", "vm-a", "vm-b", "vm-c"), "standalone"))
    lab.cable(("hv1", "eth0"), ("hv2", "eth0"))
    for number, place in enumerate(HYPERVISORS, 1):
        lab.cable((place, "eth1"), ("wires", f"t-{place}"))
        lab.vsctl("wires", "add-port", "tor", f"t-{place}")
        lab.chassis(place, central.remote("sb"), f"10.9.0.{number}/24")
        add_second_uplink(lab, place)
    known = ("--bare", "--columns=name", "list", "chassis")
    until(lambda: set(central.sbctl(*known).split()) == set(HYPERVISORS), "both chassis known")
    made = Fabric(lab, central)
    made.realise()
    hosts_of_other_kinds(lab)
    for name, chassis in (("a", "hv1"), ("b", "hv2"), ("c", "hv2")):
        start_vm(lab, name, chassis)
    lab.host("d", "02:00:00:00:00:dd", "10.2.0.40/24", ("hv2", "v-d"), "10.2.0.1")
    lab.bind("hv2", "v-d", "vif-d")
    made.realise()
    yield made
    complaints = [line for line in central.northd_log.read_text().splitlines() if "|WARN|" in line]
    assert complaints == []


def add_second_uplink(lab: Any, place: str) -> None:
    """eth2, behind a bridge of its own that has a name of its own."""
    lab.cable((place, "eth2"), ("wires", f"u-{place}"))
    lab.vsctl("wires", "add-port", "tor", f"u-{place}")
    lab.vsctl(place, "add-br", "br-second", "--", "set", "bridge", "br-second", "datapath_type=netdev")
    lab.vsctl(place, "add-port", "br-second", "eth2")
    mappings = '"trunk:br-trunk,second-uplink-first:br-second"'
    lab.vsctl(place, "set", "open", ".", f"external_ids:ovn-bridge-mappings={mappings}")


def hosts_of_other_kinds(lab: Any) -> None:
    """The router outside on VLAN 300, with the outside behind it, and a bare host on VLAN 100."""
    lab.host("outside", "02:00:00:00:00:e1", "192.168.30.1/24", ("wires", "t-outside"))
    lab.inside("outside", "ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")
    lab.inside("outside", "ip", "route", "add", "10.0.0.0/8", "via", "192.168.30.2")
    lab.vsctl("wires", "add-port", "tor", "t-outside", "tag=300")
    lab.host("bare", "02:00:00:00:00:e2", "10.100.0.1/24", ("wires", "t-bare"))
    lab.vsctl("wires", "add-port", "tor", "t-bare", "tag=100")


def start_vm(lab: Any, name: str, chassis: str) -> None:
    """A VM: a bridge with a NIC, and machines on its ports, each with the tag that the bridge pushes."""
    lab.cable(("wires", f"nic-{name}"), (chassis, f"v-{name}"))
    lab.vsctl("wires", "add-port", f"vm-{name}", f"nic-{name}")
    for place, (vm, tag, address) in INSIDE.items():
        if vm == name:
            lab.host(place, MACS[place], address, ("wires", f"p-{place}"), GATEWAYS.get(place, ""))
            lab.vsctl("wires", "add-port", f"vm-{name}", f"p-{place}", f"tag={tag}")
    lab.bind(chassis, f"v-{name}", f"vif-{name}")


def pings(packets: list[Any]) -> list[Any]:
    return [packet for packet in packets if packet.kind == "echo-request"]


def ends(packet: Any) -> tuple[str, str]:
    return str(packet.source), str(packet.destination)


def between(packets: list[Any], source: str, target: str) -> list[Any]:
    return [packet for packet in pings(packets) if ends(packet) == (source, target)]


def test_container_reaches_one_with_its_tag_on_another_hypervisor_tagged_at_the_vms_and_untagged_between(
    fabric: Fabric,
) -> None:
    lab = fabric.lab
    assert fabric.reaches("a-web", "10.2.0.22")

    with (
        lab.capture("hv1", "v-a") as at_a,
        lab.capture("hv1", "eth0") as tunnel,
        lab.capture("hv2", "v-b") as at_b,
        lab.capture("b-web", "eth0") as at_container,
    ):
        assert fabric.replies("a-web", "10.2.0.22") == 3

    places = {"a": at_a, "b": at_b, "container": at_container}
    seen = {
        name: [packet.vlan for packet in between(found, "10.2.0.21", "10.2.0.22")] for name, found in places.items()
    }
    assert seen == {"a": [1002] * 3, "b": [1002] * 3, "container": [None] * 3}
    carried = between([packet.inner for packet in tunnel if packet.inner], "10.2.0.21", "10.2.0.22")
    assert [packet.vlan for packet in carried] == [None] * 3


def test_same_child_has_different_tags_on_two_parents(fabric: Fabric) -> None:
    with fabric.lab.capture("hv2", "v-c") as at_c:
        assert fabric.reaches("a-web", "10.2.0.23")

    assert {packet.vlan for packet in between(at_c, "10.2.0.21", "10.2.0.23")} == {2002}


def test_vm_directly_on_the_child_is_reached_without_a_tag(fabric: Fabric) -> None:
    with fabric.lab.capture("hv2", "v-d") as at_d:
        assert fabric.reaches("a-web", "10.2.0.40")
        assert fabric.reaches("d", "10.2.0.22")

    assert {packet.vlan for packet in pings(at_d)} == {None}


def test_second_child_with_the_same_addresses_on_the_same_parents_is_separate(fabric: Fabric) -> None:
    lab = fabric.lab
    with lab.capture("b-web", "eth0") as web, lab.capture("b-db", "eth0") as db, lab.capture("hv2", "v-b") as at_b:
        assert fabric.reaches("a-db", "10.2.0.22")

    assert {packet.source_mac for packet in pings(db)} == {MACS["a-db"]}
    assert not [packet for packet in web if packet.source_mac == MACS["a-db"]]
    assert {packet.vlan for packet in between(at_b, "10.2.0.21", "10.2.0.22")} == {1003}


def test_wrong_tag_goes_nowhere(fabric: Fabric) -> None:
    lab = fabric.lab
    with (
        lab.capture("hv1", "v-a") as at_a,
        lab.capture("hv1", "eth0") as tunnel,
        lab.capture("hv1", "eth1") as trunk,
        lab.capture("hv2", "v-b") as at_b,
    ):
        assert fabric.replies("a-wrong", "10.2.0.22") == 0

    mac = MACS["a-wrong"]
    assert {packet.vlan for packet in at_a if packet.source_mac == mac} == {1999}
    inner = [packet.inner for packet in tunnel if packet.inner]
    assert not [packet for packet in (*inner, *trunk, *at_b) if packet.source_mac == mac]


def test_untagged_stays_on_the_parent(fabric: Fabric) -> None:
    lab = fabric.lab
    lab.inside("a-vm", "ip", "neigh", "flush", "dev", "eth0")
    with (
        lab.capture("hv2", "v-b") as at_b,
        lab.capture("b-web", "eth0") as web,
        lab.capture("c-web", "eth0") as other_parent,
        lab.capture("d", "eth0") as plain,
    ):
        assert fabric.reaches("a-vm", "10.1.0.11")

    assert {packet.vlan for packet in at_b if packet.source_mac == MACS["a-vm"]} == {None}
    assert not [packet for packet in (*web, *other_parent, *plain) if packet.source_mac == MACS["a-vm"]]


def test_vlan_backed_child_changes_its_tag_into_the_vlan_on_the_trunk(fabric: Fabric) -> None:
    lab = fabric.lab
    with lab.capture("hv1", "v-a") as at_a, lab.capture("hv1", "eth1") as trunk, lab.capture("hv1", "eth0") as tunnel:
        assert fabric.reaches("a-legacy", "10.100.0.1")

    assert {packet.vlan for packet in between(at_a, "10.100.0.5", "10.100.0.1")} == {1005}
    assert {packet.vlan for packet in between(trunk, "10.100.0.5", "10.100.0.1")} == {100}
    assert not between([packet.inner for packet in tunnel if packet.inner], "10.100.0.5", "10.100.0.1")


def test_vlan_backed_child_leaves_by_the_uplink_that_its_physical_network_is_mapped_to(fabric: Fabric) -> None:
    """A named teaming policy is a physical network; which uplink it means is each hypervisor's affair."""
    lab = fabric.lab
    fabric.realise(vlan(LEGACY, 100, "second-uplink-first"))
    with lab.capture("hv1", "eth1") as first, lab.capture("hv1", "eth2") as second:
        assert fabric.reaches("a-legacy", "10.100.0.1")
        assert fabric.reaches("b-web", OUTSIDE)
    fabric.realise()

    assert {packet.vlan for packet in between(second, "10.100.0.5", "10.100.0.1")} == {100}
    assert not between(first, "10.100.0.5", "10.100.0.1")


def test_container_reaches_the_outside_by_both_tiers_with_its_own_address_and_is_reached_from_there(
    fabric: Fabric,
) -> None:
    lab = fabric.lab
    assert fabric.reaches("a-web", "10.2.0.1")
    with lab.capture("hv2", "eth1") as active, lab.capture("hv1", "eth1") as standby:
        assert fabric.reaches("a-web", OUTSIDE)
        assert fabric.reaches("outside", "10.2.0.21")

    out, back = between(active, "10.2.0.21", OUTSIDE), between(active, "192.168.30.1", "10.2.0.21")
    assert {(packet.vlan, packet.source_mac) for packet in out} == {(300, "02:00:00:01:00:02")}
    assert {packet.vlan for packet in back} == {300}
    assert not pings(standby)


def test_guarded_child_lets_only_known_hosts_send(fabric: Fabric) -> None:
    lab = fabric.lab
    hosts = (model.Host(MACS["a-web"], (ip_interface("10.2.0.21/24"),)),)
    guarded = msgspec.structs.replace(BINDINGS[0], guard=model.Guard.ADDRESSES, hosts=hosts)
    fabric.realise(guarded)
    lab.inside("a-web", "ip", "address", "add", "10.2.0.99/24", "dev", "eth0")

    assert fabric.reaches("a-web", "10.2.0.22")
    assert fabric.replies("a-web", "-I 10.2.0.99 10.2.0.22") == 0

    fabric.realise()
    assert fabric.reaches("a-web", "-I 10.2.0.99 10.2.0.22")
    lab.inside("a-web", "ip", "address", "delete", "10.2.0.99/24", "dev", "eth0")


def test_limit_of_a_child_holds_its_containers_back_and_nobody_beside_them(fabric: Fabric) -> None:
    """Fifty pings of 1000 bytes in half a second are 800 kbit/s."""
    limit = model.Qos(id="q", port="vif-a/1002", direction=model.Direction.FROM_PORT, rate=100)
    fabric.realise(limit)

    def unhindered(place: str, address: str) -> bool:
        """A machine that stands still for a moment loses some, a limit loses them every time."""
        return any(fabric.replies(place, f"-s 1000 {address}", 50, "0.01") == 50 for _ in range(3))

    limited = fabric.replies("a-web", "-s 1000 10.2.0.22", 50, "0.01")
    sibling, itself = unhindered("a-db", "10.2.0.22"), unhindered("a-vm", "10.1.0.11")
    fabric.realise()

    assert limited < 25
    assert sibling
    assert itself


def test_deleted_binding_stops_the_traffic_and_its_return_restores_it(fabric: Fabric) -> None:
    fabric.realise(without=(BINDINGS[0],))
    assert fabric.replies("a-web", "10.2.0.22") == 0
    assert fabric.reaches("a-db", "10.2.0.22")

    fabric.realise()
    assert fabric.reaches("a-web", "10.2.0.22")


def test_containers_whose_binding_changes_its_tag_are_heard_at_once_however_often(fabric: Fabric) -> None:
    """They keep their MACs and know each other's, so nobody asks by ARP: what OVN learned at the ports that went must not count."""
    try:
        for tag in (1011, 1012, 1013, 1014):
            for place in ("a-web", "b-web"):
                fabric.lab.vsctl("wires", "set", "port", f"p-{place}", f"tag={tag}")
            changed = (nested("vif-a", tag, WEB), nested("vif-b", tag, WEB))
            fabric.realise(*changed, without=BINDINGS[:2])
            assert fabric.reaches("a-web", "10.2.0.22")
    finally:
        for place in ("a-web", "b-web"):
            fabric.lab.vsctl("wires", "set", "port", f"p-{place}", "tag=1002")
        fabric.realise()


def test_black_hole_swallows_and_a_longer_prefix_climbs_out(fabric: Fabric) -> None:
    fabric.realise(route(T1, "172.30.0.0/24", None))
    assert fabric.replies("a-web", OUTSIDE) == 0

    fabric.realise(route(T1, "172.30.0.0/24", None), route(T1, "172.30.0.10/32", "100.64.0.0"))
    assert fabric.reaches("a-web", OUTSIDE)
    fabric.realise()


def test_two_gateways_each_translate_what_names_them(fabric: Fabric) -> None:
    """A second uplink on VLAN 100, served by the other machine; the bare host there is reached under a name of its own."""
    second = leg("up-2", T0, LEGACY, 3, "10.100.0.2/24", ("hv1", "hv2"))
    snat = model.Nat(
        id="snat",
        gateway=UP,
        kind=model.NatKind.SNAT,
        external=ip_address("192.168.30.50"),
        internal=ip_network("10.2.0.0/24"),
    )
    floating = model.Nat(
        id="floating",
        gateway="up-2",
        kind=model.NatKind.BOTH,
        external=ip_address("10.100.0.77"),
        internal=ip_network("10.2.0.22/32"),
    )
    fabric.realise(second, snat, floating)

    with fabric.lab.capture("outside", "eth0") as outside, fabric.lab.capture("bare", "eth0") as bare:
        assert fabric.reaches("a-web", OUTSIDE)
        assert fabric.reaches("b-web", "10.100.0.1")
        assert fabric.reaches("bare", "10.100.0.77")
    fabric.realise()

    assert {str(packet.source) for packet in pings(outside)} == {"192.168.30.50"}
    assert {str(packet.source) for packet in pings(bare) if packet.source_mac != "02:00:00:00:00:e2"} == {"10.100.0.77"}


def test_tier_1_with_a_gateway_of_its_own_translates_before_the_tier_0_sees_it(fabric: Fabric) -> None:
    """The tiers then meet on an overlay network, where the tier-1's leg is a gateway, on the machines of the uplink."""
    link = next(item for item in FABRIC if isinstance(item, model.RouterLink))
    snat = model.Nat(
        id="snat",
        gateway="t1-up",
        kind=model.NatKind.SNAT,
        external=ip_address("10.65.0.9"),
        internal=ip_network("10.2.0.0/24"),
    )
    fabric.realise(
        overlay("between"),
        leg("t0-down", T0, "between", 5, "10.65.0.1/24"),
        leg("t1-up", T1, "between", 6, "10.65.0.2/24", ("hv2", "hv1")),
        snat,
        route(T1, "0.0.0.0/0", "10.65.0.1"),
        without=(link, route(T1, "0.0.0.0/0", "100.64.0.0"), route(T0, "10.2.0.0/24", "100.64.0.1")),
    )

    with fabric.lab.capture("outside", "eth0") as outside:
        assert fabric.reaches("a-web", OUTSIDE)
        assert fabric.reaches("b-web", OUTSIDE)
    fabric.realise()

    assert {str(packet.source) for packet in pings(outside)} == {"10.65.0.9"}


def test_gateway_on_a_vlan_with_other_hosts_answers_once_and_serves_them_and_the_containers(fabric: Fabric) -> None:
    lab = fabric.lab
    fabric.realise(leg(LEGACY, T1, LEGACY, 4, "10.100.0.254/24", ("hv2", "hv1")))
    for place in ("bare", "a-legacy"):
        lab.inside(place, "ip", "route", "add", "10.2.0.0/24", "via", "10.100.0.254")

    with lab.capture("bare", "eth0") as bare:
        assert fabric.reaches("bare", "10.2.0.21")
        assert fabric.reaches("a-legacy", "10.2.0.22")
        assert fabric.reaches("a-web", "10.100.0.1")
    for place in ("bare", "a-legacy"):
        lab.inside(place, "ip", "route", "delete", "10.2.0.0/24")
    fabric.realise()

    to_gateway = ("10.100.0.1", "10.100.0.254")
    asked = [packet for packet in bare if packet.kind == "request" and ends(packet) == to_gateway]
    told = [packet for packet in bare if packet.kind == "reply" and ends(packet) == to_gateway[::-1]]
    assert asked
    assert len(told) == len(asked)


def test_gateway_moves_to_the_machine_that_is_named_first(fabric: Fabric) -> None:
    fabric.realise(leg(UP, T0, UPLINK, 2, "192.168.30.2/24", ("hv1", "hv2")))
    with fabric.lab.capture("hv1", "eth1") as first:
        wait_until(lambda: fabric.reaches("b-web", OUTSIDE), "the gateway did not come up again on hv1")
    fabric.realise()

    assert pings(first)
    wait_until(lambda: fabric.reaches("b-web", OUTSIDE), "the gateway did not come up again on the first one named")


def test_containers_of_a_vm_that_moves_to_another_hypervisor_stay_connected(fabric: Fabric) -> None:
    lab, vif_a = fabric.lab, VIFS[0]
    lab.cable(("wires", "nic-a2"), ("hv2", "v-a2"))
    assert fabric.reaches("a-web", "10.2.0.22")
    assert fabric.reaches("a-web", OUTSIDE)
    run = lab.start("a-web", "ping", "-c", "600", "-i", "0.01", "10.2.0.22", stdout=-1, text=True)

    fabric.realise(msgspec.structs.replace(vif_a, moving_to="hv2"))
    lab.bind("hv2", "v-a2", "vif-a")
    lab.vsctl("wires", "del-port", "nic-a", "--", "add-port", "vm-a", "nic-a2")
    fabric.realise(msgspec.structs.replace(vif_a, chassis="hv2"))
    lab.vsctl("hv1", "del-port", "v-a")

    text, _ = run.communicate(timeout=30)
    found = re.search(r"(\d+) received", text)
    assert found
    print(f"lost {600 - int(found[1])} of 600 pings, 10 ms apart")
    assert int(found[1]) > 500
    assert fabric.reaches("a-web", OUTSIDE)
    assert fabric.reaches("a-db", "10.2.0.22")
    assert fabric.reaches("a-legacy", "10.100.0.1")
