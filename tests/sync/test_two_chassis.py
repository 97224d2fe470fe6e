"""Intent to packets: two nodes with real daemons, a VLAN between them and an overlay, and pings that cross.

Each node is a network namespace with a trunk (`eth1`) and an underlay (`eth0`) cabled straight to the other's; the
databases are reached by Unix socket, so no management network is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from trunkline.intent import model
from trunkline.kit import addresses

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")]

OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
TRUNK = model.Network(id="vlan/trunk/19/172.16.19.0-24", kind=model.NetworkKind.VLAN, physical_network="trunk", vlan=19)


def port(name: str, network: str, address: str, node: str) -> model.Port:
    interface = ip_interface(address)
    host = model.Host(addresses.mac_of(interface.ip), (interface,))
    return model.Port(id=name, network=network, hosts=(host,), chassis=node)


def overlay(number: int) -> list[model.Object]:
    """A node's switch, its leg on the distributed router, and one pod."""
    network = f"overlay/node{number}"
    gateway = ip_interface(f"10.244.{number}.1/24")
    return [
        model.Network(id=network, kind=model.NetworkKind.OVERLAY),
        model.Subnet(id=network, network=network, prefix=ip_network(f"10.244.{number}.0/24"), gateway=gateway.ip),
        model.RouterPort(
            id=network, router="overlay", network=network, mac=addresses.mac_of(gateway.ip), addresses=(gateway,)
        ),
        port(f"shop/over-{number}/aaaa000{number}", network, f"10.244.{number}.3/24", f"node{number}"),
    ]


VLAN_PODS = [port(f"ns-ap/web-{n}/bbbb000{n}", TRUNK.id, f"172.16.19.1{n}/24", f"node{n}") for n in (1, 2)]
INTENT = model.Intent.of([TRUNK, *VLAN_PODS, model.Router(id="overlay"), *overlay(1), *overlay(2)])
OVERLAY_PODS = [INTENT.ports[f"shop/over-{n}/aaaa000{n}"] for n in (1, 2)]


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


class Lab:
    """Namespaces of one run, by their place in it, and the processes in them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._run = f"tl{uuid.uuid4().hex[:6]}"
        self._namespaces: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def namespace(self, place: str) -> str:
        name = f"{self._run}-{place}"
        run("ip", "netns", "add", name)
        self._namespaces.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def inside(self, place: str, *argv: str) -> str:
        return run("ip", "netns", "exec", f"{self._run}-{place}", *argv)

    def cable(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        """A veth pair between (place, interface) and another, without offloads: the userspace datapath needs checksums."""
        ends = [(f"{self._run}-{place}", interface) for place, interface in (left, right)]
        (a, a_if), (b, b_if) = ends
        run("ip", "link", "add", a_if, "netns", a, "type", "veth", "peer", "name", b_if, "netns", b)
        for name, interface in ends:
            run("ip", "-n", name, "link", "set", interface, "up", "mtu", "1600")
            run("ip", "netns", "exec", name, "ethtool", "-K", interface, "tx", "off")

    def start(self, place: str, *argv: str, **options: Any) -> subprocess.Popen[bytes]:
        home = str(self.home(place))
        names = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVN_RUNDIR", "OVN_LOGDIR", "OVN_DBDIR")
        environment = os.environ | dict.fromkeys(names, home)
        command = ["ip", "netns", "exec", f"{self._run}-{place}", *argv]
        process = subprocess.Popen(command, env=environment, **options)
        self._processes.append(process)
        return process

    def home(self, place: str) -> Path:
        home = self._home / place
        home.mkdir(exist_ok=True)
        return home

    def vsctl(self, place: str, *argv: str) -> str:
        return self.inside(place, "ovs-vsctl", f"--db=unix:{self.home(place)}/db.sock", "--timeout=10", *argv)

    def stop(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self._namespaces:
            run("ip", "netns", "del", name)


@pytest.fixture
def lab() -> Iterator[Lab]:
    home = Path(tempfile.mkdtemp(prefix="trunkline-chassis-"))
    made = Lab(home)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(home)


def eventually(fact: Callable[[], bool], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)  # these programs tell their readiness only to those who ask


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def start_node(lab: Lab, number: int) -> None:
    place = f"node{number}"
    lab.namespace(place)
    quiet = ("-vconsole:off", "-vsyslog:off")
    home = lab.home(place)
    run("ovsdb-tool", "create", f"{home}/conf.db", OVS_SCHEMA)
    lab.start(place, "ovsdb-server", f"{home}/conf.db", f"--remote=punix:{home}/db.sock", *quiet)
    eventually(lambda: listens(home / "db.sock"), "ovsdb-server")
    lab.vsctl(place, "--no-wait", "init")
    lab.start(place, "ovs-vswitchd", f"unix:{home}/db.sock", *quiet, f"--log-file={home}/vswitchd.log")
    for bridge, mode in (("br-int", "secure"), ("br-trunk", "standalone"), ("br-phys", "standalone")):
        lab.vsctl(place, "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", f"fail_mode={mode}")


def join_node(lab: Lab, number: int, southbound: str) -> None:
    place = f"node{number}"
    lab.vsctl(place, "add-port", "br-trunk", "eth1")
    # The userspace datapath finds tunnel endpoints only behind a bridge of its own.
    lab.vsctl(place, "add-port", "br-phys", "eth0")
    lab.inside(place, "ethtool", "-K", "br-phys", "tx", "off")
    lab.inside(place, "ip", "address", "add", f"10.9.0.{number}/24", "dev", "br-phys")
    lab.inside(place, "ip", "link", "set", "br-phys", "up")
    forbid_zero_snat(lab, place)
    settings = {
        "system-id": place,
        "ovn-remote": southbound,
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": f"10.9.0.{number}",
        "ovn-bridge-mappings": "trunk:br-trunk",
    }
    lab.vsctl(place, "set", "open", ".", *(f"external_ids:{name}={value}" for name, value in settings.items()))
    home = lab.home(place)
    log = f"--log-file={home}/ovn-controller.log"
    lab.start(place, "ovn-controller", f"unix:{home}/db.sock", "-vconsole:off", "-vsyslog:off", log)


def forbid_zero_snat(lab: Lab, place: str) -> None:
    """Before ovn-controller starts: otherwise a reopened connection could abort ovs-vswitchd."""
    lab.vsctl(
        place,
        "--",
        "--id=@d",
        "create",
        "datapath",
        "external_ids:made-by=test",
        "--",
        "set",
        "open",
        ".",
        "datapaths:netdev=@d",
    )
    datapath = lab.vsctl(place, "get", "open", ".", "datapaths:netdev").strip()
    known = ("--if-exists", "get", "datapath", datapath, "capabilities:ct_zero_snat")
    eventually(lambda: "true" in lab.vsctl(place, *known), "ovs-vswitchd has told what it can")
    lab.vsctl(place, "set", "datapath", datapath, "capabilities:ct_zero_snat=false")


def plug(lab: Lab, wanted: model.Port, gateway: str = "") -> str:
    """A pod: a namespace whose eth0 has the port's addresses; answers its place in the lab."""
    place = wanted.id.split("/")[1]
    lab.namespace(place)
    node_end = f"v-{place}"
    lab.cable((place, "eth0"), (wanted.chassis, node_end))
    (host,) = wanted.hosts
    lab.inside(place, "ip", "link", "set", "eth0", "address", host.mac, "mtu", "1500")
    lab.inside(place, "ip", "address", "add", str(host.addresses[0]), "dev", "eth0")
    if gateway:
        lab.inside(place, "ip", "route", "add", "default", "via", gateway)
    iface = f"external_ids:iface-id={wanted.id}"
    lab.vsctl(wanted.chassis, "add-port", "br-int", node_end, "--", "set", "interface", node_end, iface)
    installed = ("get", "interface", node_end, "external_ids:ovn-installed")
    eventually(lambda: "true" in lab.vsctl(wanted.chassis, "--if-exists", *installed), f"{wanted.id} ovn-installed")
    return place


@contextlib.contextmanager
def capture(lab: Lab, place: str, interface: str) -> Iterator[Callable[[], str]]:
    """Frames on an interface while the block runs; call the value afterwards to read them."""
    command = ["tcpdump", "-n", "-e", "-l", "--immediate-mode", "-i", interface, "ip", "or", "vlan"]
    process = lab.start(place, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if b"listening on" in line:
            break
    text: list[str] = []
    yield lambda: text[0]
    process.send_signal(signal.SIGINT)
    text.append(process.communicate(timeout=10)[0].decode())


@pytest.fixture
async def pods(lab: Lab, ovn_central: Any, writing: Any) -> Any:
    """Both nodes joined, the intent realised, and the four pods plugged."""
    ovn_central.start_northd()
    southbound = ovn_central.remote("sb")
    for number in (1, 2):
        await asyncio.to_thread(start_node, lab, number)
    for interface in ("eth0", "eth1"):
        lab.cable(("node1", interface), ("node2", interface))
    for number in (1, 2):
        await asyncio.to_thread(join_node, lab, number, southbound)
    known = ("--bare", "--columns=name", "list", "chassis")
    both = {"node1", "node2"}
    await asyncio.to_thread(eventually, lambda: set(ovn_central.sbctl(*known).split()) == both, "both chassis known")
    async with writing() as northbound:
        await northbound.written(northbound.replace(INTENT))
        for pod in VLAN_PODS:
            await asyncio.to_thread(plug, lab, pod)
        for number, pod in enumerate(OVERLAY_PODS, 1):
            await asyncio.to_thread(plug, lab, pod, f"10.244.{number}.1")
        await northbound.wait_realized(20)
        yield northbound


@pytest.mark.timeout(120)
async def test_pods_reach_each_other_across_nodes_tagged_on_the_vlan_and_tunnelled_on_the_overlay(
    pods: Any, lab: Lab, ovn_central: Any
) -> None:
    with capture(lab, "node1", "eth1") as trunk, capture(lab, "node1", "eth0") as underlay:
        lab.inside("web-1", "ping", "-c", "3", "-i", "0.2", "-W", "2", "172.16.19.12")
        lab.inside("over-1", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.244.2.3")

    tagged = [line for line in trunk().splitlines() if "vlan 19" in line and "ICMP echo request" in line]
    assert len(tagged) == 3, trunk()
    assert "172.16.19.11 > 172.16.19.12" in tagged[0]
    assert "10.244." not in trunk()
    assert "Geneve" in underlay()
    assert "172.16.19." not in underlay()

    complaints = [line for line in ovn_central.northd_log.read_text().splitlines() if "|WARN|" in line]
    assert complaints == []
