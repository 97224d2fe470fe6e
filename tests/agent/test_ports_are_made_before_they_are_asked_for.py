"""A pod's port is in OVN as soon as the pod is bound; ADD then only gives it to the pod."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.agent.conftest import run, until
from trunkline.agent import labels

pytestmark = pytest.mark.lab


@pytest.fixture
def node(site: Any) -> Iterator[Any]:
    """A node with OVN and an agent."""
    site.vlan("v19", 19)
    node = site.node("n1", "10.77.0.11")
    node.start_controller()
    node.start_agent()
    return node


def installed(node: Any) -> dict[str, dict[str, str]]:
    """The external ids of pods' interfaces whose flows are in place, by name."""
    rows = json.loads(node.vsctl("-f", "json", "--columns=name,external_ids", "list", "interface"))["data"]
    found = {name: dict(pairs) for name, (_map, pairs) in rows}
    return {name: ids for name, ids in found.items() if "iface-id" in ids and ids.get("ovn-installed") == "true"}


def links(node: Any, namespace: str = "") -> list[dict[str, Any]]:
    """The ends of cables in the node's namespace, or in another of the site's."""
    answer = run("ip", "-n", namespace or node.namespace, "-j", "-d", "link")
    return [link for link in json.loads(answer) if link["ifname"].startswith(labels.CABLES)]


def phases(node: Any, container: str) -> dict[str, float]:
    log = (node.directory / "agent.log").read_text()
    (line,) = [line for line in log.splitlines() if "command=ADD" in line and f"container={container} " in line]
    return {phase: float(value) for phase, value in re.findall(r"(\w+)_ms=([\d.]+)", line)}


def test_ovn_has_installed_the_flows_when_the_runtime_calls_and_add_keeps_the_port(site: Any, node: Any) -> None:
    site.bind(node, "v19", "web-0", "172.16.19.11/24", mtu=1400)
    (before,) = until(lambda: installed(node))
    index = links(node)[0]["ifindex"]
    code, answer = node.cni("ADD", "web-0", netns=site.pod("web-0"))
    assert code == 0, answer
    assert answer["interfaces"][0]["name"] == before == labels.host_name("uid-web-0")
    assert [link["ifindex"] for link in links(node)] == [index]
    assert installed(node)[before]["trunkline-container"] == "c-web-0"
    assert phases(node, "c-web-0")["ovn"] < 3
    inside = json.loads(run("ip", "-n", f"{site.prefix}-web-0", "-j", "link", "show", "eth0"))[0]
    assert (inside["mtu"], inside["address"]) == (1400, "0a:58:ac:10:13:0b")
    assert node.cni("ADD", "web-0", netns=f"/run/netns/{site.prefix}-web-0") == (0, answer)
    assert node.cni("DEL", "web-0") == (0, None)
    assert (links(node), links(node, f"{site.prefix}-n1-waiting")) == ([], [])


def test_the_waiting_end_is_not_on_the_node_and_cannot_speak(site: Any, node: Any) -> None:
    site.bind(node, "v19", "web-0", "172.16.19.11/24")
    until(lambda: installed(node))
    waiting = f"{site.prefix}-n1-waiting"
    (far,) = links(node, waiting)
    assert far["address"] == "0a:58:ac:10:13:0b"
    assert all(link["address"] != far["address"] for link in links(node))
    assert json.loads(run("ip", "-n", waiting, "-j", "addr", "show", "dev", far["ifname"]))[0]["addr_info"] == []
    assert run("ip", "-n", waiting, "route", "show", "table", "all").strip() == ""
    (near,) = links(node)
    (addresses,) = json.loads(node.ip("-j", "addr", "show", "dev", near["ifname"]))
    assert addresses["addr_info"] == [], "the host end has no business with IP, and costs ovs-vswitchd dearly if it has"
    assert near["ifname"] not in node.ip("-6", "route", "show", "table", "all")
    sent = int(
        run("ip", "netns", "exec", node.namespace, "cat", f"/sys/class/net/{near['ifname']}/statistics/rx_packets")
    )
    assert sent == 0


def test_a_pod_that_goes_before_its_add_gives_the_port_back(site: Any, node: Any) -> None:
    for pod, last in (("web-0", 11), ("web-1", 12)):
        site.bind(node, "v19", pod, f"172.16.19.{last}/24")
    until(lambda: len(installed(node)) == 2)
    assert node.cni("ADD", "web-1", netns=site.pod("web-1"))[0] == 0
    node.forget("web-0")
    node.forget("web-1")
    until(lambda: list(installed(node)) == [labels.host_name("uid-web-1")])
    until(lambda: len(links(node)) == 1)
    time.sleep(0.2)
    assert len(installed(node)) == 1, "a port that a container has goes with DEL, not with the Pod"


def test_a_pod_made_anew_under_the_same_name_gets_a_port_of_its_own(site: Any, node: Any) -> None:
    note = site.bind(node, "v19", "web-0", "172.16.19.11/24")
    until(lambda: installed(node))
    site.nbctl("lsp-del", note.port)
    site.nbctl("lsp-add", "v19", "shop/web-0/uid2")
    site.nbctl("lsp-set-addresses", "shop/web-0/uid2", f"{note.mac} 172.16.19.11")
    node.attach("web-0", msgspec.structs.replace(note, uid="uid2-web-0", port="shop/web-0/uid2"))
    until(lambda: list(installed(node)) == [labels.host_name("uid2-web-0")])
    assert node.cni("ADD", "web-0", netns=site.pod("web-0"))[0] == 0
    assert len(links(node)) == 1


def test_what_a_killed_agent_left_is_kept_where_it_is_wanted_and_removed_where_not(site: Any, node: Any) -> None:
    for pod, last in (("web-0", 11), ("web-1", 12), ("web-2", 13)):
        site.bind(node, "v19", pod, f"172.16.19.{last}/24")
    until(lambda: len(installed(node)) == 3)
    names = {pod: labels.host_name(f"uid-{pod}") for pod in ("web-0", "web-1", "web-2")}
    node.daemons.stop("agent")
    node.vsctl("del-port", names["web-1"])  # killed between pair and port, the pod gone meanwhile
    node.forget("web-1")
    node.vsctl("del-port", names["web-2"])  # the same, the pod still there
    kept = next(link["ifindex"] for link in links(node) if link["ifname"] == names["web-0"])
    node.start_agent()
    until(lambda: {link["ifname"] for link in links(node)} == {names["web-0"], names["web-2"]})
    until(lambda: set(installed(node)) == {names["web-0"], names["web-2"]})
    assert next(link["ifindex"] for link in links(node) if link["ifname"] == names["web-0"]) == kept


@pytest.mark.parametrize("what_next", ["DEL", "ADD"])
def test_an_add_killed_between_the_labels_and_the_pods_interface_is_undone_by_del_and_done_by_the_next_add(
    site: Any, node: Any, what_next: str
) -> None:
    site.bind(node, "v19", "web-0", "172.16.19.11/24")
    until(lambda: installed(node))
    path = site.pod("web-0")
    assert node.cni("ADD", "web-0", netns=path)[0] == 0
    node.daemons.stop("agent")
    run("ip", "-n", f"{site.prefix}-web-0", "link", "del", "eth0")
    node.start_agent()
    assert node.cni(what_next, "web-0", netns=path)[0] == 0
    assert len(links(node)) == (what_next == "ADD")
    assert ("eth0" in run("ip", "-n", f"{site.prefix}-web-0", "link")) == (what_next == "ADD")


def test_a_new_sandbox_takes_a_port_over_whose_former_namespace_is_gone(site: Any, node: Any) -> None:
    site.bind(node, "v19", "web-0", "172.16.19.11/24")
    assert node.cni("ADD", "web-0", netns=site.pod("old"), container="old")[0] == 0
    run("ip", "netns", "del", f"{site.prefix}-old")
    assert node.cni("ADD", "web-0", netns=site.pod("new"), container="new")[0] == 0
    assert node.cni("DEL", "web-0", container="old") == (0, None)
    (ids,) = installed(node).values()
    assert ids["trunkline-container"] == "new"
