"""A pod that resets and reopens a connection from one source port, under a stateful policy (the agent's guard)."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from tests.agent.conftest import run, until

pytestmark = pytest.mark.lab

SERVER = """
import socket, threading
s = socket.create_server(("", 80), backlog=64)
print("up", flush=True)
while True:
    c, _ = s.accept()
    threading.Thread(target=c.recv, args=(1,), daemon=True).start()
"""

CLIENT = """
import socket, struct, sys
for _ in range(6):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(1.5)
    s.bind(("", 33333))
    try:
        s.connect((sys.argv[1], 80))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError as error:
        print(error)
    s.close()
"""


@pytest.fixture
def guarded(site: Any) -> Any:
    """A node with a web server that a stateful policy protects, and a client."""
    site.vlan("v19", 19)
    node = site.node("n1", "10.77.0.11")
    node.start_controller()
    node.start_agent()
    for pod, address in (("web", "172.16.19.11/24"), ("client", "172.16.19.12/24")):
        site.bind(node, "v19", pod, address)
        assert node.cni("ADD", pod, netns=site.pod(pod))[0] == 0
    site.nbctl("pg-add", "web", "shop/web/uid")
    site.nbctl("acl-add", "web", "to-lport", "2000", "outport == @web && ip4 && tcp.dst == 80", "allow-related")
    site.nbctl("--wait=hv", "acl-add", "web", "to-lport", "1000", "outport == @web && ip4", "drop")
    server = ["ip", "netns", "exec", f"{site.prefix}-web", sys.executable, "-c", SERVER]
    with subprocess.Popen(server, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield node
        process.kill()


def reset_and_reopen(site: Any) -> None:
    run("ip", "netns", "exec", f"{site.prefix}-client", sys.executable, "-c", CLIENT, "172.16.19.11")
    time.sleep(0.5)


def capability(node: Any) -> str:
    datapath = node.vsctl("get", "open", ".", "datapaths:netdev").strip()
    return node.vsctl("get", "datapath", datapath, "capabilities:ct_zero_snat").strip('"\n')


def flows_that_translate(node: Any) -> int:
    return run("ovs-ofctl", "dump-flows", f"unix:{node.directory}/br-int.mgmt").count("nat(src)")


def test_given_the_guard_when_a_connection_is_reset_and_reopened_then_the_data_plane_lives(
    site: Any, guarded: Any
) -> None:
    assert capability(guarded) == "false"
    assert flows_that_translate(guarded) == 0
    reset_and_reopen(site)
    assert guarded.alive("ovs-vswitchd")


def test_given_vswitchd_killed_and_restarted_then_the_guard_is_back_by_itself(site: Any, guarded: Any) -> None:
    guarded.daemons.stop("ovs-vswitchd")
    guarded.start_vswitchd()
    log = guarded.directory / "agent.log"
    until(lambda: log.read_text().count("data-plane guard set") >= 2)
    until(lambda: capability(guarded) == "false")
    until(lambda: flows_that_translate(guarded) == 0 and "nat" in dump(guarded), 10)
    reset_and_reopen(site)
    assert guarded.alive("ovs-vswitchd")


def test_without_the_guard_the_same_loop_stops_the_data_plane(site: Any, guarded: Any) -> None:
    guarded.daemons.stop("agent")
    datapath = guarded.vsctl("get", "open", ".", "datapaths:netdev").strip()
    guarded.vsctl("set", "datapath", datapath, "capabilities:ct_zero_snat=true")
    until(lambda: flows_that_translate(guarded) > 0, 10)
    reset_and_reopen(site)
    if guarded.alive("ovs-vswitchd"):
        pytest.skip("this Open vSwitch has been repaired; the guard is not needed with it")


def dump(node: Any) -> str:
    return run("ovs-ofctl", "dump-flows", f"unix:{node.directory}/br-int.mgmt")
