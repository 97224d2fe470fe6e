"""With the datapath in user space, the kernel sees the same frames; it must leave them alone."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from tests.agent.conftest import run

pytestmark = pytest.mark.lab

ETH0 = [{"interface": "eth0", "physical_network": "trunk"}]


def said(namespace: str, *command: str) -> str:
    """What a command that may fail prints."""
    argv = ["ip", "netns", "exec", namespace, *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout


def test_given_a_card_in_a_bridge_then_the_node_answers_once(site: Any) -> None:
    router = site.neighbour("router", "10.77.0.1/24")
    node = site.node("n1", "10.77.0.11", uplinks=ETH0)
    node.ip("link", "set", "eth1", "down")  # on the same wire, it would answer, too
    node.start_agent()

    pings = said(router, "ping", "-c", "5", "-i", "0.2", "10.77.0.11")
    neighbours = said(router, "arping", "-c", "3", "-I", "eth0", "10.77.0.11")

    assert "5 received" in pings
    assert "duplicates" not in pings
    assert len(re.findall("reply from", neighbours)) == 3


def test_given_a_card_in_a_bridge_then_the_node_forwards_nothing_twice(site: Any) -> None:
    router = site.neighbour("router", "10.77.0.1/24")
    node = site.node("n1", "10.77.0.11", uplinks=ETH0)
    behind = site.namespace("behind")
    run("ip", "-n", node.namespace, "link", "add", "in0", "type", "veth", "peer", "eth0", "netns", behind)
    node.ip("addr", "add", "10.66.0.1/24", "dev", "in0")
    node.ip("link", "set", "in0", "up")
    run("ip", "netns", "exec", node.namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    run("ip", "-n", behind, "addr", "add", "10.66.0.2/24", "dev", "eth0")
    run("ip", "-n", behind, "link", "set", "eth0", "up")
    run("ip", "-n", behind, "route", "add", "default", "via", "10.66.0.1")
    run("ip", "-n", router, "route", "add", "10.66.0.0/24", "via", "10.77.0.11")
    node.start_agent()

    pings = said(router, "ping", "-c", "5", "-i", "0.2", "10.66.0.2")

    assert "5 received" in pings
    assert "duplicates" not in pings


def test_given_a_pod_then_no_frame_reaches_the_node_past_the_datapath(site: Any) -> None:
    site.vlan("v19", 19)
    node = site.node("n1", "10.77.0.11")
    node.start_controller()
    node.start_agent()
    site.bind(node, "v19", "web", "172.16.19.11/24")
    assert node.cni("ADD", "web", netns=site.pod("web"))[0] == 0
    pod = f"{site.prefix}-web"
    run("ip", "-n", pod, "route", "add", "10.77.0.11", "dev", "eth0")

    assert "reply from" not in said(pod, "arping", "-c", "2", "-w", "2", "-I", "eth0", "10.77.0.11")
    everybody = said(pod, "ping", "-6", "-c", "2", "-W", "1", "ff02::1%eth0")
    assert "2 received" in everybody, "the pod itself answers"
    assert "duplicates" not in everybody


def test_restored_the_card_speaks_for_itself_again(site: Any) -> None:
    router = site.neighbour("router", "10.77.0.1/24")
    node = site.node("n1", "10.77.0.11", uplinks=ETH0)
    node.start_agent()
    node.daemons.stop("agent")

    node.restore()

    assert "3 received" in said(router, "ping", "-c", "3", "-i", "0.2", "10.77.0.11")
    assert "trunkline" not in run("ip", "netns", "exec", node.namespace, "nft", "list", "tables")
