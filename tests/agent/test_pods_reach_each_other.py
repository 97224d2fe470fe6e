"""The plugin as a stock runtime calls it, on two nodes with real Open vSwitch and OVN."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.lab

SHAPE = {"0.3.1": {"version"}, "0.4.0": {"version"}, "1.0.0": set(), "1.1.0": set()}


@pytest.mark.parametrize("version", sorted(SHAPE))
def test_two_pods_on_two_nodes_reach_each_other_through_the_vlan(site: Any, version: str) -> None:
    site.vlan("v19", 19)
    results = {}
    for node, host, pod, address in (
        (site.node("n1", "10.77.0.11"), "n1", "a", "172.16.19.11/24"),
        (site.node("n2", "10.77.0.12"), "n2", "b", "172.16.19.12/24"),
    ):
        node.start_controller()
        node.start_agent()
        site.bind(node, "v19", pod, address)
        code, results[pod] = node.cni("ADD", pod, netns=site.pod(pod), version=version, uid=f"uid-{pod}")
        assert code == 0, (host, results[pod])
    answer = results["a"]
    host_end, inside = answer["interfaces"]
    (ip,) = answer["ips"]
    assert answer["cniVersion"] == version
    assert inside["sandbox"] == f"/run/netns/{site.prefix}-a"
    assert inside["mac"] == "0a:58:ac:10:13:0b"
    assert set(ip) == {"address", "gateway", "interface"} | SHAPE[version]
    assert ip["interface"] == 1
    assert answer["routes"] == [{"dst": "0.0.0.0/0", "gw": "172.16.19.254"}]
    assert ("mtu" in inside) == (version == "1.1.0")
    assert re.fullmatch(r"trkp[0-9a-f]{11}", host_end["name"])

    # Ready means ready: the very first packets arrive; a busy datapath may lose one, one that is late loses several.
    assert received(f"{site.prefix}-a", "172.16.19.12", count=20) >= 19
    tagged = capture_of_a_ping(site)
    assert "vlan 19" in tagged
    assert "172.16.19.11 > 172.16.19.12" in tagged


def received(namespace: str, address: str, *, count: int) -> int:
    """Of the first so many pings.  More are sent for a second: ping itself waits for two round trips after the last one, so a
    switch that stands still for a moment would seem to have lost what it only keeps.
    """
    command = ["ip", "netns", "exec", namespace, "ping", "-n", "-c", str(count + 100), "-i", "0.01", "-W", "1", address]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    return len({number for each in re.findall(r"icmp_seq=(\d+) ttl=", said) if (number := int(each)) <= count})


def capture_of_a_ping(site: Any) -> str:
    """What the wire carries while pod a pings pod b."""
    command = ["ip", "netns", "exec", site.wire, "tcpdump", "-lnei", "br0", "-c", "1", "vlan and icmp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as capture:
        assert capture.stderr
        while "listening" not in capture.stderr.readline():
            pass
        received(f"{site.prefix}-a", "172.16.19.12", count=3)
        try:
            return capture.communicate(timeout=10)[0]
        finally:
            capture.kill()


def test_an_add_says_where_its_time_went(site: Any) -> None:
    site.vlan("v19", 19)
    node = site.node("n1", "10.77.0.11")
    node.start_controller()
    node.start_agent()
    site.bind(node, "v19", "a", "172.16.19.11/24")
    assert node.cni("ADD", "a", netns=site.pod("a"))[0] == 0
    line = next(line for line in (node.directory / "agent.log").read_text().splitlines() if "command=ADD" in line)
    phases = dict(re.findall(r"(\w+)_ms=([\d.]+)", line))
    assert set(phases) == {"attachment", "berth", "namespace", "ovs", "ovn", "total"}
    assert float(phases["total"]) >= float(phases["ovn"])
    assert json.dumps(phases)
