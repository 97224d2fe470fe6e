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


def ways_out(node: Node) -> set[str]:
    """The patch ports by which networks leave, by uuid: ovn-controller makes new ones after it has removed those that were there."""
    return set(node.vsctl("--bare", "--columns=_uuid", "find", "interface", "type=patch").split())


def looks(node: Node) -> str:
    """How often ovn-controller was made to look again."""
    return node.vsctl("--if-exists", "get", "open_vswitch", ".", f"external_ids:{TOUCHED}").strip()


def test_given_a_network_made_again_on_a_young_node_then_its_frames_are_on_the_wire(site: Any) -> None:
    nodes = {"a": site.node("n1", "10.77.0.11"), "b": site.node("n2", "10.77.0.12")}
    for node in nodes.values():
        node.start_agent()
    for node in nodes.values():
        node.start_controller()  # last, for it is young for ten seconds
    network_with_pods(site, nodes, 1)
    for node in nodes.values():
        until(lambda node=node: ways_out(node))
    site.nbctl("ls-del", NETWORK)
    for pod, node in nodes.items():
        node.forget(f"{pod}1")
        until(lambda node=node: "iface-id" not in node.vsctl("--columns=external_ids", "list", "interface"))
    before = {pod: (ways_out(node), looks(node)) for pod, node in nodes.items()}

    network_with_pods(site, nodes, 2)
    for pod, node in nodes.items():
        code, answer = node.cni("ADD", f"{pod}2", netns=site.pod(pod), uid=f"uid-{pod}2")
        assert code == 0, answer

    # On a machine so slow that ovn-controller grows old meanwhile it makes new ones, and needs no telling.
    young = [node for pod, node in nodes.items() if before[pod][0] and ways_out(node) == before[pod][0]]
    until(lambda: all(looks(node) != before[pod][1] for pod, node in nodes.items() if node in young))
    assert received(f"{site.prefix}-a", "172.16.19.12", count=2)
    tagged = capture_of_a_ping(site)
    assert "vlan 19" in tagged
    assert "172.16.19.11 > 172.16.19.12" in tagged
    for node in nodes.values():
        assert "trunkline-look-again" not in node.vsctl("--columns=external_ids", "list", "interface")
    if len(young) < len(nodes):
        pytest.skip(
            "ovn-controller grew old before the network was there again; the frames were on the wire all the same"
        )
