"""The cloud provider's routes on a real OVN, and a Tier-1's own interface with frames on its VLAN."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils import rdpcap

POINT = "/infra/sites/default/enforcement-points/default"
CLUSTER = f"{POINT}/edge-clusters/edge-cluster"
T1 = "/infra/tier-1s/t1"
VM, BEHIND = "02:00:00:00:00:05", "02:00:00:00:00:40"


async def test_the_cloud_providers_route_is_listed_made_realised_within_ten_seconds_and_deleted(
    manager: Any, ovn_central: Any
) -> None:
    await manager.put(T1)
    subnets = [{"gateway_address": "10.1.0.1/24"}]
    await manager.put("/infra/segments/nodes", connectivity_path=T1, subnets=subnets)
    search = {
        "query": r"resource_type:StaticRoutes AND tags.scope:vsphere.k8s.io\/cluster-name AND tags.tag:c",
    }
    assert (await manager.get("/search/query", **search))["result_count"] == 0
    path = f"{T1}/static-routes/6f0c_100.96.1.0_24"
    body = {
        "display_name": "c_n_100.96.1.0/24",
        "network": "100.96.1.0/24",
        "next_hops": [{"ip_address": "10.1.0.11"}],
        "tags": [
            {"scope": "vsphere.k8s.io/cluster-name", "tag": "c"},
            {"scope": "vsphere.k8s.io/node-name", "tag": "n"},
        ],
    }
    assert (await manager.call("PATCH", path, body)).status_code == 200
    entity = await manager.becomes(path, "REALIZED", seconds=10)
    assert entity["intent_paths"] == [path]
    assert "100.96.1.0/24" in ovn_central.nbctl("lr-route-list", "infra/tier-1s/t1")
    (found,) = (await manager.get("/search/query", **search))["results"]
    assert (found["id"], found["network"]) == ("6f0c_100.96.1.0_24", "100.96.1.0/24")
    unreachable = f"{T1}/static-routes/astray"
    await manager.put(unreachable, network="100.96.2.0/24", next_hops=[{"ip_address": "172.31.0.1"}])
    astray = await manager.becomes(unreachable, "ERROR")
    assert "172.31.0.1" in astray["alarms"][0]["message"]
    alarms = (await manager.get("/infra/realized-state/alarms"))["results"]
    assert [each["source_reference"] for each in alarms] == [unreachable]
    for gone in (path, unreachable):
        await manager.delete(gone)
    await manager.put("/infra/segments/after")
    await manager.becomes("/infra/segments/after", "REALIZED")
    assert "100.96.1.0/24" not in ovn_central.nbctl("lr-route-list", "infra/tier-1s/t1")


def card(hypervisor: Any) -> Path:
    """A network card on the trunk that writes down what is sent."""
    written = Path(hypervisor.home) / "card.pcap"
    port = ("add-port", "br-trunk", "card", "--", "set", "interface", "card", f"options:tx_pcap={written}")
    hypervisor.vsctl(*port)
    subprocess.run(["ovs-ofctl", "add-flow", f"unix:{hypervisor.home}/br-trunk.mgmt", "actions=NORMAL"], check=True)
    return written


def receive(hypervisor: Any, port: str, flow: str) -> None:
    command = ["ovs-appctl", "-t", hypervisor._control("ovs-vswitchd"), "netdev-dummy/receive", port, flow]
    subprocess.run(command, check=True, capture_output=True, text=True)


async def sent(written: Path, wanted: Any, again: Any) -> Any:
    """The first frame that is wanted; what brings it about is done again until it comes."""
    async with asyncio.timeout(20):
        while True:
            again()
            frames = rdpcap(str(written)) if written.exists() and written.stat().st_size > 24 else []
            for frame in frames:
                if wanted(frame):
                    return frame
            await asyncio.sleep(0.2)  # a capture tells nobody


async def test_a_tier_1s_own_interface_carries_frames_to_its_vlan(manager: Any, hypervisors: list[Any]) -> None:
    # With two candidates they would have to hear each other's BFD, and tunnels of the dummy datapath carry nothing.
    hypervisors[0].vsctl("set", "open", ".", "external_ids:ovn-cms-options=enable-chassis-as-gw")
    here = f"{CLUSTER}/edge-nodes/{hypervisors[0].name}"
    async with asyncio.timeout(20):
        while (await manager.call("GET", here)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # clients poll
    written = card(hypervisors[0])
    await manager.put(T1)
    await manager.put(f"{T1}/locale-services/default", edge_cluster_path=CLUSTER, preferred_edge_paths=[here])
    zone = f"{POINT}/transport-zones/vlan"
    await manager.put("/infra/segments/side", transport_zone_path=zone, vlan_ids=["40"])
    interface = f"{T1}/locale-services/default/interfaces/side"
    subnets = [{"ip_addresses": ["192.168.40.2"], "prefix_len": 24}]
    await manager.put(interface, segment_path="/infra/segments/side", subnets=subnets)
    await manager.put("/infra/segments/web", connectivity_path=T1, subnets=[{"gateway_address": "10.1.0.1/24"}])
    await manager.put("/infra/segments/web/ports/vm", attachment={"id": "vm"}, address_bindings=[{"mac_address": VM}])
    hypervisors[0].plug("vm")
    await manager.becomes(interface, "REALIZED", seconds=20)
    packet = "eth_type(0x0800),ipv4(src=10.1.0.5,dst=192.168.40.9,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)"

    def send() -> None:
        hypervisors[0].send("vm", f"eth(src={VM},dst=0a:58:0a:01:00:01),{packet}")

    def asks(frame: Any) -> bool:
        return ARP in frame and (frame[ARP].psrc, frame[ARP].pdst) == ("192.168.40.2", "192.168.40.9")

    question = await sent(written, asks, send)
    assert question[Dot1Q].vlan == 40
    router = question[Ether].src
    answer = f"arp(sip=192.168.40.9,tip=192.168.40.2,op=2,sha={BEHIND},tha={router})"
    ends = f"eth(src={BEHIND},dst={router})"

    def tell_and_send() -> None:
        inner = f"encap(eth_type(0x0806),{answer})"
        receive(hypervisors[0], "card", f"{ends},eth_type(0x8100),vlan(vid=40,pcp=0),{inner}")
        send()

    frame = await sent(written, lambda each: IP in each and each[IP].dst == "192.168.40.9", tell_and_send)
    assert (frame[Dot1Q].vlan, frame[Ether].src, frame[Ether].dst) == (40, router, BEHIND)
    assert (frame[IP].src, frame[IP].ttl) == ("10.1.0.5", 63), "routed, and not translated"
