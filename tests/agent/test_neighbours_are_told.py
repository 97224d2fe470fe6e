"""The agent of a hypervisor on a real Open vSwitch: what machines announce is in the database, whoever is killed meanwhile."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import msgspec
import pytest
from scapy.layers.l2 import ARP, Dot1Q, Ether

from tests.agent.conftest import Node, Site, run, serve_database, until
from trunkline.adapters import tallies
from trunkline.adapters.netlink.namespace import run_inside

pytestmark = pytest.mark.lab

AGENT = Path(__file__).with_name("hypervisor_process.py")
MAC = "02:00:00:00:00:0a"


class Machines:
    """Two machines on br-int of one hypervisor, its agent, and the database in which it tells."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host: Node = site.node("hv1", "10.77.0.11")
        self.remote = f"unix:{site.directory}/tallies.sock"
        self.serve()
        self.host.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail_mode=secure")
        settings = {name: self.host.agent_settings()[name] for name in ("node", "ovs", "ovn_remote", "encap_ip")}
        told = {"role": "hypervisor", "state_dir": str(self.host.directory), "tallies": self.remote}
        (self.host.directory / "agent.json").write_bytes(msgspec.json.encode(settings | told))
        for name in ("a", "b"):
            namespace = site.namespace(name)
            self.host.ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", namespace)
            self.host.ip("link", "set", f"v{name}", "up")
            run("ip", "-n", namespace, "link", "set", "eth0", "up")
            self.plug(name)
        self.start()

    def serve(self) -> None:
        serve_database(self.host.daemons, self.site.directory, "tallies", str(tallies.schema_path()))

    def start(self) -> None:
        enter = ("nsenter", f"--net=/run/netns/{self.host.namespace}", "--")
        self.host.daemons.start("agent", *enter, sys.executable, AGENT, self.host.directory / "agent.json")

    def plug(self, name: str) -> None:
        identity = f"external_ids:iface-id=vif-{name}"
        self.host.vsctl("add-port", "br-int", f"v{name}", "--", "set", "interface", f"v{name}", identity)

    def say(self, machine: str, address: str, tag: int = 0) -> None:
        word = ARP(psrc=address, hwsrc=MAC)
        frame = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / (Dot1Q(vlan=tag) / word if tag else word)

        def mouth() -> socket.socket:
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

        with run_inside(f"/run/netns/{self.site.prefix}-{machine}", mouth) as wire:
            wire.bind(("eth0", 0))
            wire.send(bytes(frame))

    def another_knew(self, machine: str, address: str, first: int) -> None:
        """What another hypervisor has told of a machine."""
        row = {"chassis": "hv2", "port": f"vif-{machine}", "tag": 0, "mac": MAC, "address": address, "first": first}
        insert = [tallies.DATABASE, {"op": "insert", "table": "Neighbour", "row": row}]
        run("ovsdb-client", "transact", self.remote, json.dumps(insert))

    def told(self, *columns: str) -> list[str]:
        """Rows, each as one line of the columns."""
        words = ("--format=csv", "--no-headings", "--data=bare", "dump", self.remote, tallies.DATABASE, "Neighbour")
        return sorted(run("ovsdb-client", *words, *columns).splitlines()[1:])  # the first names the table

    def learns(self, machine: str, address: str, tag: int = 0) -> None:
        """Say it until it is known: an agent that has just started does not hear what was said before."""
        row = f"{address},vif-{machine},{tag}"

        def known() -> bool:
            self.say(machine, address, tag)
            return row in self.told("address", "port", "tag")

        until(known, 20)


@pytest.fixture
def machines(site: Site) -> Machines:
    return Machines(site)


def test_what_machines_announce_is_told_and_told_again_whoever_is_killed(machines: Machines) -> None:
    machines.learns("a", "192.0.2.1")
    machines.learns("a", "192.0.2.2", tag=1002)
    machines.learns("b", "192.0.2.3")
    before = machines.told("address", "first", "mac")
    assert len(before) == 3

    machines.host.daemons.stop("agent")  # kill -9
    machines.start()
    machines.learns("b", "192.0.2.4")
    assert machines.told("address", "first", "mac")[:3] == before, "what was known is continued"

    machines.host.daemons.stop("tallies")
    machines.serve()
    machines.learns("b", "192.0.2.5")
    assert machines.told("address", "first", "mac")[:3] == before

    machines.host.vsctl("del-port", "br-int", "vb")
    machines.plug("b")
    until(lambda: len(machines.told("address")) == 2)
    machines.learns("b", "192.0.2.6")
    assert [line.split(",")[0] for line in machines.told("address")] == ["192.0.2.1", "192.0.2.2", "192.0.2.6"]


@pytest.mark.slow
def test_a_machine_that_moves_keeps_what_is_known_of_it(machines: Machines) -> None:
    machines.learns("a", "192.0.2.1")
    machines.learns("b", "192.0.2.2")
    machines.host.vsctl("del-port", "br-int", "vb")
    machines.learns("a", "192.0.2.3")
    assert "192.0.2.2" in machines.told("address"), "whoever has it now can still read it"
    until(lambda: "192.0.2.2" not in machines.told("address"), 30)

    machines.host.vsctl("del-port", "br-int", "va")  # the one that comes is the only one
    machines.another_knew("b", "192.0.2.4", first=1)
    machines.another_knew("b", "192.0.2.5", first=2)
    machines.plug("b")
    until(lambda: {"192.0.2.4,hv1,1", "192.0.2.5,hv1,2"} <= set(machines.told("address", "chassis", "first")))
    machines.learns("b", "192.0.2.6")
    of_others = [line for line in machines.told("address", "chassis") if line.endswith("hv2")]
    assert of_others == ["192.0.2.4,hv2", "192.0.2.5,hv2"], "nobody else's rows are touched"


def test_an_interface_that_left_while_nobody_looked_is_forgotten(machines: Machines) -> None:
    machines.learns("a", "192.0.2.1")
    machines.learns("b", "192.0.2.3")
    machines.host.daemons.stop("agent")
    machines.host.vsctl("del-port", "br-int", "vb")
    machines.start()
    until(lambda: machines.told("address") == ["192.0.2.1"], 20)
