"""A node's only card goes into a bridge and comes back, while somebody keeps talking to the node."""

from __future__ import annotations

import difflib
import itertools
import json
import re
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.agent.conftest import until

pytestmark = pytest.mark.lab

UPLINK = [{"interface": "eth0", "physical_network": "trunk"}]


class Pinger:
    """Pings an address every 10 ms until told to stop."""

    def __init__(self, namespace: str, address: str) -> None:
        command = ["ip", "netns", "exec", namespace, "ping", "-i", "0.01", "-W", "1", address]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)

    def lost(self) -> int:
        time.sleep(0.5)
        self._process.send_signal(signal.SIGINT)
        text = self._process.communicate(timeout=10)[0]
        found = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        assert found, text
        return int(found[1]) - int(found[2])


def dressed_node(site: Any) -> Any:
    """A node with what real ones have: second addresses, IPv6, static routes, a metric, a rule, an odd MTU."""
    site.neighbour("router", "10.77.0.1/24")
    node = site.node("n1", "10.77.0.11", uplinks=UPLINK)
    node.ip("addr", "add", "10.77.0.99/24", "dev", "eth0", "label", "eth0:1")
    node.ip("-6", "addr", "add", "fd77::11/64", "dev", "eth0", "nodad")
    node.ip("route", "add", "default", "via", "10.77.0.1", "dev", "eth0", "metric", "100")
    node.ip("route", "add", "10.99.0.0/16", "via", "10.77.0.1", "src", "10.77.0.99", "mtu", "1300")
    node.ip("route", "add", "10.98.0.0/16", "via", "10.77.0.1", "table", "77")
    node.ip("-6", "route", "add", "fd99::/32", "via", "fd77::1")
    node.ip("rule", "add", "iif", "eth0", "table", "77", "priority", "1000")
    node.ip("link", "set", "eth0", "mtu", "1480")
    time.sleep(2.5)  # IPv6 duplicate detection of the link-local address
    return node


def picture(node: Any, interface: str = "eth0") -> Any:
    """Addresses in order, routes in any order (the kernel's depends on which interface came up first), and rules."""
    (link,) = json.loads(node.ip("-j", "addr", "show", "dev", interface))
    shown = {key: link[key] for key in ("mtu", "address", "operstate", "addr_info", "txqlen")}
    routes = json.loads(node.ip("-j", "route", "show", "table", "all")) + json.loads(node.ip("-j", "-6", "route"))
    return shown, sorted(routes, key=json.dumps), json.loads(node.ip("-j", "rule"))


def assert_given_back(node: Any, before: Any) -> None:
    deadline = time.monotonic() + 4  # the kernel looks for duplicates of the link-local address again
    while (now := picture(node)) != before and time.monotonic() < deadline:
        time.sleep(0.1)
    lines = [json.dumps(each, indent=1).splitlines() for each in (before, now)]
    difference = "\n".join(difflib.unified_diff(*lines, lineterm=""))
    assert not difference, difference


def test_given_a_dressed_card_when_it_moves_then_the_node_stays_reachable_and_restore_gives_everything_back(
    site: Any,
) -> None:
    node = dressed_node(site)
    before = picture(node)
    pings = Pinger(f"{site.prefix}-router", "10.77.0.11")
    node.start_agent()
    lost = pings.lost()
    assert lost <= 3, f"{lost} pings of 10 ms lost by the move"

    shown, routes, rules = picture(node, "br-trunk")
    assert shown["address"] == before[0]["address"]
    assert shown["mtu"] == 1480
    assert {found["local"] for found in shown["addr_info"]} == {found["local"] for found in before[0]["addr_info"]}
    assert not picture(node)[0]["addr_info"]
    assert not [route for route in routes if route.get("dev") == "eth0"]
    assert [(r["dst"], r.get("gateway"), r.get("metric")) for r in routes if r["dst"] == "default"] == [
        ("default", "10.77.0.1", 100)
    ]
    assert [rule for rule in rules if rule.get("iif") == "br-trunk"]

    moves = (node.directory / "agent.log").read_text().count("speaks for the node")
    assert moves == 1, "what is done is not done again"
    node.daemons.stop("agent")
    pings = Pinger(f"{site.prefix}-router", "10.77.0.11")
    node.restore()
    lost = pings.lost()
    assert lost <= 3, f"{lost} pings of 10 ms lost by the restoration"
    assert_given_back(node, before)
    assert "br-trunk" not in node.vsctl("list-br")


def test_given_an_agent_killed_at_any_line_of_the_move_then_the_next_one_completes_it(site: Any) -> None:
    node = dressed_node(site)
    before = picture(node)
    for line in itertools.count(1, 37):
        node.start_agent(ready=False, env={"DIE_AT_LINE": str(line)})
        agent = node.daemons.running["agent"]
        until(lambda agent=agent: agent.poll() is not None or "ready" in (node.directory / "agent.log").read_text(), 20)
        if agent.poll() is None:
            break
        assert node.daemons.running.pop("agent").returncode == -signal.SIGKILL
    assert line > 60, "the move is longer than that; was it traced?"
    shown, routes, _rules = picture(node, "br-trunk")
    assert {found["local"] for found in shown["addr_info"]} == {found["local"] for found in before[0]["addr_info"]}
    assert not [route for route in routes if route.get("dev") == "eth0"]
    node.daemons.stop("agent")
    node.restore()
    assert_given_back(node, before)


def test_given_a_bare_card_then_it_is_only_plugged_in(site: Any) -> None:
    node = site.node("n1", "10.77.0.11")
    before = node.ip("-4", "addr", "show", "dev", "eth0"), node.ip("-4", "route")
    node.start_agent()
    assert (node.ip("-4", "addr", "show", "dev", "eth0"), node.ip("-4", "route")) == before
    assert node.vsctl("port-to-br", "eth1").strip() == "br-trunk"
    assert not list(node.directory.glob("state/*"))
