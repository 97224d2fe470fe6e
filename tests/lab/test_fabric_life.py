"""A fabric comes up, its machines are attached, move, and are where they were after another `up`; nothing stays behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trunkline.lab import namespaces, processes

if TYPE_CHECKING:
    from conftest import Program

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

TWO_HYPERVISORS = """\
name: two-hypervisors
vlans:
  transport: {id: 30, prefix: 10.30.0.0/24, mtu: 1700}
switches:
  tor: {}
fabric:
  links: {eth0: {switch: tor, vlan: transport, address: 10.30.0.1}}
  objects:
    /infra/segments/parent: {}
    /infra/segments/child: {}
    /infra/segments/child/segment-connection-binding-maps/m: {vlan_traffic_tag: 7, segment_path: /infra/segments/parent}
hypervisors:
  hv-1: {links: {eth0: {switch: tor, vlan: transport, address: 10.30.0.11}}}
  hv-2: {links: {eth0: {switch: tor, vlan: transport, address: 10.30.0.12}}}
vms:
  node:
    vif: {hypervisor: hv-1, segment: /infra/segments/parent, address: 10.1.0.2/24}
    containers:
      web: {tag: 7, address: 10.2.0.2/24}
  plain:
    vif: {hypervisor: hv-2, segment: /infra/segments/child, address: 10.2.0.3/24}
"""


@pytest.fixture
def up(program: Program, tmp_path: Path) -> Program:
    file = tmp_path / "two-hypervisors.yaml"
    file.write_text(TWO_HYPERVISORS)
    program.topology = file
    program.run("up", file)
    return program


def test_a_fabric_from_up_to_down(up: Program) -> None:
    lab = up.lab("two-hypervisors")
    ping = ("exec", "vm/node/web", "--", "ping", "-c", "1", "-W", "2", "10.2.0.3")
    patiently = ("exec", "vm/node/web", "--", "ping", "-c", "1", "-w", "20", "10.2.0.3")  # one answer is enough

    up.run(*ping)
    assert "did you mean 'node'" in up.run("migrate", "noed", "hv-2", code=2)
    assert "from hv-1 to hv-2" in up.run("migrate", "node", "hv-2")
    up.run(*ping)

    again = up.run("up", up.topology)
    assert "2 machines are attached" not in again.splitlines()[0]
    assert "vif-node" in up.run("capture", "port/node", "-i", "nothing", code=2)
    up.run("status")
    up.run(*ping)

    # Ends of a card's, a container's, a hypervisor's and a switch's cable: of each the other end goes with it.
    for host, interface in (("node", "eth0"), ("node.web", "eth0"), ("hv-1", "eth0"), ("tor", "hv-2")):
        subprocess.run(["ip", "-n", lab.namespace(host), "link", "delete", interface], check=True)
    up.run(*ping, code=2)
    up.run("up", up.topology)
    up.run(*patiently)
    assert "node on hv-1 is detached" in up.run("detach", "node")  # where it is drawn, for nothing else tells
    up.run("up", up.topology)
    up.run(*patiently)

    up.run("detach", "plain")
    up.run(*ping, code=1)
    up.run("attach", "plain", "--segment", "/infra/segments/parent")
    up.run("up", up.topology)
    up.run(*ping, code=1)  # whoever put it on another segment meant it
    up.run("detach", "plain", "--segment", "/infra/segments/parent")
    up.run("up", up.topology)
    up.run(*ping)

    up.run("down")
    assert not namespaces.matching(lab.prefix)
    assert not processes.owned(lab)


def test_the_environment_lets_curl_in_and_nobody_reads_the_password(up: Program) -> None:
    found = json.loads(up.run("env", "-o", "json"))
    url = f"{found['TRUNKLINE_POLICY_URL']}/policy/api/v1/infra/segments/child"
    who = f"{found['TRUNKLINE_POLICY_USER']}:{found['TRUNKLINE_POLICY_PASSWORD']}"
    words = ["curl", "-sS", "--fail", "--noproxy", "*", "--cacert", found["TRUNKLINE_POLICY_CA"], "-u", who, url]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)

    assert json.loads(done.stdout)["resource_type"] == "Segment"
    home = up.lab("two-hypervisors").directory / "hosts" / "manager" / "policy"
    assert (home / "admin.password").stat().st_mode & 0o777 == 0o600
    assert found["TRUNKLINE_POLICY_PASSWORD"] not in (home.parent / "policy.log").read_text()
