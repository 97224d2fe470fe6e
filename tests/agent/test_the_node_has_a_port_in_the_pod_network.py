"""The management port: the node reaches its overlay pods, and they reach the outside with the node's address."""

from __future__ import annotations

import ipaddress
import subprocess
from typing import Any

import pytest

from tests.agent.conftest import run, until
from trunkline.intent.attachment import Attachment, AttachmentRoute
from trunkline.kit.addresses import mac_of
from trunkline.kit.ids import PortId

pytestmark = pytest.mark.lab

NODE_PORT = PortId("node/n1")


def overlay(site: Any, node: Any) -> None:
    """One pod network with a router whose way out is the node's port."""
    site.nbctl("ls-add", "ov1")
    site.nbctl("lr-add", "lr")
    site.nbctl("lrp-add", "lr", "lr-ov1", "0a:58:0a:f4:01:01", "10.244.1.1/24")
    site.nbctl("lsp-add", "ov1", "ov1-lr", "--", "lsp-set-type", "ov1-lr", "router", "--", "lsp-set-addresses", "ov1-lr", "router",
               "--", "lsp-set-options", "ov1-lr", "router-port=lr-ov1")  # fmt: skip
    own = ipaddress.ip_interface("10.244.1.2/24")
    site.nbctl("lsp-add", "ov1", NODE_PORT, "--", "lsp-set-addresses", NODE_PORT, f"{mac_of(own.ip)} {own.ip}")
    site.nbctl("lr-route-add", "lr", "0.0.0.0/0", "10.244.1.2")
    route = AttachmentRoute(ipaddress.ip_network("10.244.0.0/16"), ipaddress.ip_address("10.244.1.1"))
    note = Attachment(uid="uid-n1", port=NODE_PORT, mac=mac_of(own.ip), mtu=1400, addresses=(own,), routes=(route,))
    node.attachments["/node"] = {"uid": "uid-n1", "note": note.encode()}
    node.write_attachments()


def pings(namespace: str, address: str) -> bool:
    command = ["ip", "netns", "exec", namespace, "ping", "-c", "2", "-i", "0.2", "-W", "1", address]
    return subprocess.run(command, capture_output=True, timeout=10).returncode == 0


def ready(node: Any) -> int:
    """How many agents have made the port and let the pods out by it; before that, the node may reach pods already."""
    return (node.directory / "agent.log").read_text().count("the node has its port in the pod network")


def test_the_node_reaches_its_pods_and_they_reach_the_outside_with_its_address(site: Any) -> None:
    outside = site.neighbour("outside", "10.77.0.1/24")
    node = site.node("n1", "10.77.0.11")
    node.start_controller()
    overlay(site, node)
    node.start_agent()
    note = site.bind(node, "ov1", "p", "10.244.1.11/24", mtu=1400)
    node.attach("p", Attachment(uid=note.uid, port=note.port, mac=note.mac, mtu=1400, addresses=note.addresses,
                                gateways=(ipaddress.ip_address("10.244.1.1"),)))  # fmt: skip
    assert node.cni("ADD", "p", netns=site.pod("p"))[0] == 0
    until(lambda: ready(node) == 1)
    until(lambda: pings(node.namespace, "10.244.1.11"))
    assert pings(f"{site.prefix}-p", "10.77.0.1"), "the outside has no route back: it must have seen the node's address"
    assert "10.244.0.0/16 via 10.244.1.1" in node.ip("route", "show", "dev", "trk0")
    assert outside

    # An agent that starts again finds all well, and foreign tables are let be.
    run("ip", "netns", "exec", node.namespace, "nft", "add", "table", "inet", "foreign")
    node.daemons.stop("agent")
    node.start_agent()
    until(lambda: ready(node) == 2)
    assert "foreign" in run("ip", "netns", "exec", node.namespace, "nft", "list", "tables")
    assert pings(f"{site.prefix}-p", "10.77.0.1")
