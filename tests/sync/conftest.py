"""A writer at work on a real northbound database, and machines with real daemons in network namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests import support
from trunkline.adapters import ovsdb
from trunkline.lab import packets
from trunkline.sync.northbound import Northbound

OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
QUIET = ("-vconsole:off", "-vsyslog:off")

Writing = Callable[..., AbstractAsyncContextManager[Northbound]]


class CountingClient(ovsdb.Client):
    """A client that remembers the transactions it was asked for."""

    transactions: list[list[ovsdb.Operation]]

    async def transact(self, ops: Any) -> Any:
        self.transactions.append(list(ops))
        return await super().transact(ops)


@pytest.fixture
def client_type() -> type[CountingClient]:
    return CountingClient


@pytest.fixture
def transactions() -> list[list[ovsdb.Operation]]:
    """Every transaction that a writer of `writing` made."""
    return []


@pytest.fixture
def writing(ovn_central: Any, transactions: list[list[ovsdb.Operation]]) -> Writing:
    """Start a writer of an owner's rows; leaving the context kills it between any two of its steps."""

    @contextlib.asynccontextmanager
    async def started(owner: str = "cluster") -> AsyncIterator[Northbound]:
        client = CountingClient(ovn_central.remote("nb"), "OVN_Northbound", connect_timeout=10)
        client.transactions = transactions
        async with client:
            northbound = Northbound(client, owner)
            await northbound.start()
            task = asyncio.create_task(northbound.run())
            try:
                yield northbound
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return started


def run(*argv: str, timeout: float = 30) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def eventually(fact: Callable[[], bool], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)  # these programs tell their readiness only to those who ask


class Lab:
    """Namespaces of one run, by their place in it, and the processes in them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._run = f"tl{uuid.uuid4().hex[:6]}"
        self._namespaces: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def namespace(self, place: str) -> None:
        name = f"{self._run}-{place}"
        run("ip", "netns", "add", name)
        self._namespaces.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def inside(self, place: str, *argv: str, timeout: float = 30) -> str:
        return run("ip", "netns", "exec", f"{self._run}-{place}", *argv, timeout=timeout)

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

    def cable(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        """A veth pair between (place, interface) and another, without offloads: the userspace datapath needs checksums."""
        ends = [(f"{self._run}-{place}", interface) for place, interface in (left, right)]
        (a, a_if), (b, b_if) = ends
        run("ip", "link", "add", a_if, "netns", a, "type", "veth", "peer", "name", b_if, "netns", b)
        for name, interface in ends:
            run("ip", "-n", name, "link", "set", interface, "up", "mtu", "1600")
            run("ip", "netns", "exec", name, "ethtool", "-K", interface, "tx", "off")

    def host(self, place: str, mac: str, address: str, plugged: tuple[str, str], gateway: str = "") -> None:
        """A machine with one interface, whose other end is (place, interface)."""
        self.namespace(place)
        self.cable((place, "eth0"), plugged)
        self.inside(place, "ip", "link", "set", "eth0", "address", mac, "mtu", "1500")
        self.inside(place, "ip", "address", "add", address, "dev", "eth0")
        if gateway:
            self.inside(place, "ip", "route", "add", "default", "via", gateway)

    def switch(self, place: str, bridges: Mapping[str, str]) -> None:
        """A place with Open vSwitch and these bridges, each with its fail mode."""
        self.namespace(place)
        home = self.home(place)
        run("ovsdb-tool", "create", f"{home}/conf.db", OVS_SCHEMA)
        self.start(place, "ovsdb-server", f"{home}/conf.db", f"--remote=punix:{home}/db.sock", *QUIET)
        support.wait_for_listener(home / "db.sock")
        self.vsctl(place, "--no-wait", "init")
        self.start(place, "ovs-vswitchd", f"unix:{home}/db.sock", *QUIET, f"--log-file={home}/vswitchd.log")
        for bridge, mode in bridges.items():
            self.vsctl(
                place, "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", f"fail_mode={mode}"
            )

    def chassis(self, place: str, southbound: str, encapsulation: str) -> None:
        """Make a switch with br-int, br-trunk (eth1) and br-phys (eth0) a chassis; "trunk" is br-trunk."""
        self.vsctl(place, "add-port", "br-trunk", "eth1")
        # The userspace datapath finds tunnel endpoints only behind a bridge of its own.
        self.vsctl(place, "add-port", "br-phys", "eth0")
        self.inside(place, "ethtool", "-K", "br-phys", "tx", "off")
        self.inside(place, "ip", "address", "add", encapsulation, "dev", "br-phys")
        self.inside(place, "ip", "link", "set", "br-phys", "up")
        self._forbid_zero_snat(place)
        settings = {
            "system-id": place,
            "ovn-remote": southbound,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": encapsulation.partition("/")[0],
            "ovn-bridge-mappings": "trunk:br-trunk",
        }
        self.vsctl(place, "set", "open", ".", *(f"external_ids:{name}={value}" for name, value in settings.items()))
        home = self.home(place)
        self.start(place, "ovn-controller", f"unix:{home}/db.sock", *QUIET, f"--log-file={home}/ovn-controller.log")

    def bind(self, place: str, interface: str, port: str) -> None:
        """Plug an interface of a chassis into br-int as a logical port, and wait until its flows are there."""
        iface = f"external_ids:iface-id={port}"
        self.vsctl(place, "add-port", "br-int", interface, "--", "set", "interface", interface, iface)
        installed = ("--if-exists", "get", "interface", interface, "external_ids:ovn-installed")
        eventually(lambda: "true" in self.vsctl(place, *installed), f"{port} ovn-installed")

    def vsctl(self, place: str, *argv: str) -> str:
        return self.inside(place, "ovs-vsctl", f"--db=unix:{self.home(place)}/db.sock", "--timeout=10", *argv)

    def forget_cached_flows(self, place: str) -> None:
        """Have every packet looked up afresh.

        OVS 3.1.0's userspace datapath may change the wrong one of two overlapping cached flows when the tables change;
        the other then keeps dropping for as long as packets hit it.
        """
        (control,) = self.home(place).glob("ovs-vswitchd.*.ctl")
        self.inside(place, "ovs-appctl", "-t", str(control), "revalidator/purge")

    @contextlib.contextmanager
    def capture(self, place: str, interface: str) -> Iterator[list[packets.Packet]]:
        """Frames on an interface while the block runs; the list is filled when it ends."""
        file = self.home(place) / f"{interface}-{uuid.uuid4().hex[:6]}.pcap"
        command = ["tcpdump", "-n", "-U", "--immediate-mode", "-Z", "root", "-i", interface, "-w", str(file)]
        process = self.start(place, *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        for line in process.stderr:
            if b"listening on" in line:
                break
        seen: list[packets.Packet] = []
        try:
            yield seen
            time.sleep(0.2)  # tcpdump does not tell when it has caught up
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=10)
        seen += packets.read(file.read_bytes())

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

    def _forbid_zero_snat(self, place: str) -> None:
        """Before ovn-controller starts: otherwise a reopened connection could abort ovs-vswitchd."""
        made = ("--id=@d", "create", "datapath", "external_ids:made-by=test")
        self.vsctl(place, "--", *made, "--", "set", "open", ".", "datapaths:netdev=@d")
        datapath = self.vsctl(place, "get", "open", ".", "datapaths:netdev").strip()
        known = ("--if-exists", "get", "datapath", datapath, "capabilities:ct_zero_snat")
        eventually(lambda: "true" in self.vsctl(place, *known), "ovs-vswitchd has told what it can")
        self.vsctl(place, "set", "datapath", datapath, "capabilities:ct_zero_snat=false")


@contextlib.contextmanager
def _lab() -> Iterator[Lab]:
    with support.short_home("chassis") as home:
        made = Lab(home)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with _lab() as made:
        yield made


@pytest.fixture(scope="module")
def lab_of_module() -> Iterator[Lab]:
    """One for all tests of a file."""
    with _lab() as made:
        yield made


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`eventually`, for tests that wait for a fact."""
    return eventually
