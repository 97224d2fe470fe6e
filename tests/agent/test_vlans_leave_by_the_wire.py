"""A network that is removed and made again while ovn-controller is young: its frames are tagged on the wire all the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.conftest import Node, until
from tests.agent.test_pods_reach_each_other import capture_of_a_ping, received
from trunkline.agent.localnets import TOUCHED
from trunkline.ovn import names

pytestmark = pytest.mark.lab

NETWORK = "vlan/trunk/19/172.16.19.0-24"


def network_with_pods(site: Any, nodes: dict[str, Node], generation: int) -> None:
    """The network, and a pod on each node, all decided at once; the pods are `a` and `b`."""
    localnet = names.localnet_port(NETWORK, "trunk")
    site.nbctl("ls-add", NETWORK, "--", "lsp-add", NETWORK, localnet, "--", "lsp-set-type", localnet, "localnet",
               "--", "lsp-set-addresses", localnet, "unknown", "--", "lsp-set-options", localnet, "network_name=trunk",
               "--", "set", "logical_switch_port", localnet, "tag_request=19")  # fmt: skip
    for at, (pod, node) in enumerate(nodes.items()):
        site.bind(node, NETWORK, f"{pod}{generation}", f"172.16.19.1{at + 1}/24", network=NETWORK)


def test_given_a_network_made_again_on_a_young_node_then_its_frames_are_on_the_wire(site: Any) -> None:
    nodes = {"a": site.node("n1", "10.77.0.11"), "b": site.node("n2", "10.77.0.12")}
    for node in nodes.values():
        node.start_controller()
        node.start_agent()
    network_with_pods(site, nodes, 1)
    for node in nodes.values():
        until(lambda node=node: node.vsctl("--bare", "--columns=name", "find", "interface", "type=patch"))
    site.nbctl("ls-del", NETWORK)
    for pod, node in nodes.items():
        node.forget(f"{pod}1")
        until(lambda node=node: "iface-id" not in node.vsctl("--columns=external_ids", "list", "interface"))
    assert all("localnet" in node.vsctl("show") for node in nodes.values()), "the node is no longer young"

    network_with_pods(site, nodes, 2)
    for pod, node in nodes.items():
        code, answer = node.cni("ADD", f"{pod}2", netns=site.pod(pod), uid=f"uid-{pod}2")
        assert code == 0, answer

    until(lambda: all(TOUCHED in node.vsctl("get", "open_vswitch", ".", "external_ids") for node in nodes.values()))
    assert received(f"{site.prefix}-a", "172.16.19.12", count=2)
    tagged = capture_of_a_ping(site)
    assert "vlan 19" in tagged
    assert "172.16.19.11 > 172.16.19.12" in tagged
    for node in nodes.values():
        assert "trunkline-look-again" not in node.vsctl("--columns=external_ids", "list", "interface")
