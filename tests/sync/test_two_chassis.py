"""Intent to packets: two nodes with real daemons, a VLAN between them and an overlay, and pings that cross.

Each node is a network namespace with a trunk (`eth1`) and an underlay (`eth0`) cabled straight to the other's; the
databases are reached by Unix socket, so no management network is needed.
"""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest

from trunkline.intent import model
from trunkline.kit import addresses

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")]

BRIDGES = {"br-int": "secure", "br-trunk": "standalone", "br-phys": "standalone"}
TRUNK = model.Network(id="vlan/trunk/19/172.16.19.0-24", kind=model.NetworkKind.VLAN, physical_network="trunk", vlan=19)


def port(name: str, network: str, address: str, node: str) -> model.Port:
    interface = ip_interface(address)
    host = model.Host(addresses.mac_of(interface.ip), (interface,))
    return model.Port(id=name, network=network, hosts=(host,), chassis=node)


def overlay(number: int) -> list[model.Object]:
    """A node's switch, its leg on the distributed router, and one pod."""
    network = f"overlay/node{number}"
    gateway = ip_interface(f"10.244.{number}.1/24")
    return [
        model.Network(id=network, kind=model.NetworkKind.OVERLAY),
        model.Subnet(id=network, network=network, prefix=ip_network(f"10.244.{number}.0/24"), gateway=gateway.ip),
        model.RouterPort(
            id=network, router="overlay", network=network, mac=addresses.mac_of(gateway.ip), addresses=(gateway,)
        ),
        port(f"shop/over-{number}/aaaa000{number}", network, f"10.244.{number}.3/24", f"node{number}"),
    ]


VLAN_PODS = [port(f"ns-ap/web-{n}/bbbb000{n}", TRUNK.id, f"172.16.19.1{n}/24", f"node{n}") for n in (1, 2)]
INTENT = model.Intent.of([TRUNK, *VLAN_PODS, model.Router(id="overlay"), *overlay(1), *overlay(2)])
OVERLAY_PODS = [INTENT.ports[f"shop/over-{n}/aaaa000{n}"] for n in (1, 2)]


def plug(lab: Any, wanted: model.Port, gateway: str = "") -> None:
    """A pod: a machine whose eth0 has the port's addresses."""
    place = wanted.id.split("/")[1]
    (host,) = wanted.hosts
    lab.host(place, host.mac, str(host.addresses[0]), (wanted.chassis, f"v-{place}"), gateway)
    lab.bind(wanted.chassis, f"v-{place}", wanted.id)


@pytest.fixture
async def pods(lab: Any, ovn_central: Any, writing: Any, until: Any) -> Any:
    """Both nodes joined, the intent realised, and the four pods plugged."""
    ovn_central.start_northd()
    southbound = ovn_central.remote("sb")
    for node in ("node1", "node2"):
        await asyncio.to_thread(lab.switch, node, BRIDGES)
    for interface in ("eth0", "eth1"):
        lab.cable(("node1", interface), ("node2", interface))
    for number in (1, 2):
        await asyncio.to_thread(lab.chassis, f"node{number}", southbound, f"10.9.0.{number}/24")
    known = ("--bare", "--columns=name", "list", "chassis")
    both = {"node1", "node2"}
    await asyncio.to_thread(until, lambda: set(ovn_central.sbctl(*known).split()) == both, "both chassis known")
    async with writing() as northbound:
        await northbound.written(northbound.replace(INTENT))
        for pod in VLAN_PODS:
            await asyncio.to_thread(plug, lab, pod)
        for number, pod in enumerate(OVERLAY_PODS, 1):
            await asyncio.to_thread(plug, lab, pod, f"10.244.{number}.1")
        await northbound.wait_realized(20)
        yield northbound


@pytest.mark.timeout(120)
async def test_pods_reach_each_other_across_nodes_tagged_on_the_vlan_and_tunnelled_on_the_overlay(
    pods: Any, lab: Any, ovn_central: Any
) -> None:
    with lab.capture("node1", "eth1") as trunk, lab.capture("node1", "eth0") as underlay:
        lab.inside("web-1", "ping", "-c", "3", "-i", "0.2", "-W", "2", "172.16.19.12")
        lab.inside("over-1", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.244.2.3")

    requests = [packet for packet in trunk if packet.kind == "echo-request"]
    assert [(packet.vlan, str(packet.source), str(packet.destination)) for packet in requests] == [
        (19, "172.16.19.11", "172.16.19.12")
    ] * 3
    inner = [packet.inner for packet in underlay if packet.inner and packet.inner.kind == "echo-request"]
    # The first is lost while the tunnel's end is looked up.
    assert [str(packet.destination) for packet in inner] in (["10.244.2.3"] * 2, ["10.244.2.3"] * 3)

    complaints = [line for line in ovn_central.northd_log.read_text().splitlines() if "|WARN|" in line]
    assert complaints == []
