"""A hypervisor's datapath forgets its cached flows when flows of br-int have changed, and only then."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from tests.agent.conftest import Node, Site, run, until

pytestmark = [pytest.mark.lab, pytest.mark.slow]

AGENT = Path(__file__).with_name("hypervisor_process.py")


def cached(host: Node) -> int:
    """Packets that the busiest cached flow has seen since it was cached, 0 if there is none."""
    environment = {**os.environ, **host.environment}
    shown = run("ovs-appctl", "-t", "ovs-vswitchd", "dpctl/dump-flows", "netdev@ovs-netdev", env=environment)
    counts = re.findall(r"eth_type\(0x0800\).* packets:(\d+)", shown)
    return max(map(int, counts), default=0)


def listeners(bridge: str) -> int:
    """Programs that are told when flows of a bridge change."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            found += b"monitor" in words and bridge.encode() in words
    return found


def test_the_cache_is_emptied_after_a_change_of_flows(site: Site) -> None:
    host = site.node("hv1", "10.77.0.11")
    settings = {key: value for key, value in host.agent_settings().items() if key not in ("uplinks", "attach_timeout")}
    path = host.directory / "agent.json"
    path.write_bytes(msgspec.json.encode({**settings, "role": "hypervisor"}))
    host._start("agent", sys.executable, AGENT, path, program=False)
    until(lambda: "ovn-remote" in host.vsctl("get", "open_vswitch", ".", "external_ids"), 20)
    bridge = f"unix:{host.directory}/br-int.mgmt"
    for name in ("a", "b"):
        pod = site.namespace(name)
        host.ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", pod)
        run("ip", "-n", pod, "link", "set", "eth0", "address", f"02:00:00:00:00:0{name}", "up")
        run("ip", "-n", pod, "addr", "add", f"10.1.0.{1 if name == 'a' else 2}/24", "dev", "eth0")
        host.ip("link", "set", f"v{name}", "up")
        for where, end in ((host.namespace, f"v{name}"), (pod, "eth0")):
            run("ip", "netns", "exec", where, "ethtool", "-K", end, "tx", "off")
        host.vsctl("add-port", "br-int", f"v{name}")
    for name, other in (("va", "vb"), ("vb", "va")):
        run("ovs-ofctl", "add-flow", bridge, f"in_port={name},actions=output:{other}")
    site.daemons.start("ping", "ip", "netns", "exec", f"{site.prefix}-a", "ping", "-q", "-i", "0.01", "10.1.0.2")
    until(lambda: cached(host) > 700, 30)  # longer than the agent's pause: nothing has changed, nothing is forgotten

    before = cached(host)
    run("ovs-ofctl", "add-flow", bridge, "table=99,priority=1,actions=drop")

    until(lambda: 0 < cached(host) < before, 10)
    assert listeners(bridge) == 1
    host.daemons.stop("agent", signal.SIGKILL)
    until(lambda: listeners(bridge) == 0)
