"""Mirrors on a real Open vSwitch: copies arrive, restarts lose and double nothing, foreign rows stay, interfaces are followed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Node, Site, run
from trunkline.adapters.netlink.namespace import run_inside
from trunkline.adapters.ovs import switch
from trunkline.agent.monitoring import Monitoring
from trunkline.agent.settings import Settings
from trunkline.intent.monitors import Agenda, Export, Filter, Local, Mirror, Remote, Source

pytestmark = pytest.mark.lab

FRAME = bytes.fromhex("02000000000c02000000000a")
COLLECTOR = "10.77.0.99"
_GRE, _VLAN = 47, 0x8100


class Machines:
    """Machines on br-int of one host, and a collector on its wire."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host: Node = site.node("hv1", "10.77.0.11")
        self.settings = Settings(
            node="hv1",
            role="hypervisor",
            ovs=f"unix:{self.host.directory}/db.sock",
            ovn_remote="ssl:192.0.2.1:6642",
            encap_ip="10.77.0.11",
            state_dir=str(self.host.directory / "state"),
        )
        self.host.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail_mode=secure")
        # In user space tunnels leave only by a bridge's own port.
        self.host.vsctl("add-br", "br-phys", "--", "set", "bridge", "br-phys", "datapath_type=netdev")
        self.host.ip("addr", "del", "10.77.0.11/24", "dev", "eth0")
        self.host.vsctl("add-port", "br-phys", "eth0")
        self.host.ip("addr", "add", "10.77.0.11/24", "dev", "br-phys")
        self.host.ip("link", "set", "br-phys", "up")
        run("ip", "netns", "exec", self.host.namespace, "ethtool", "-K", "br-phys", "tx", "off")
        self.collector = site.neighbour("collector", f"{COLLECTOR}/24")
        for name in ("a", "b"):
            self.machine(name)

    def machine(self, name: str) -> None:
        namespace = self.site.namespace(name)
        self.host.ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self.host.ip("link", "set", f"v{name}", "up")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        self.plug(name)

    def plug(self, name: str) -> None:
        identity = f"external_ids:iface-id=vif-{name}"
        self.host.vsctl("add-port", "br-int", f"v{name}", "--", "set", "interface", f"v{name}", identity)

    def copied(self, sender: str, *tags: int, number: int = 3, kind: int = 0x88B5) -> list[int]:
        """The tags of the copies at the collector of so many frames of each tag, 0 for those without one."""
        with self._socket(self.collector) as ears, self._socket(f"{self.site.prefix}-{sender}") as mouth:
            for tag in tags:
                header = FRAME + (_VLAN.to_bytes(2, "big") + tag.to_bytes(2, "big") if tag else b"")
                for _ in range(number):
                    mouth.send(header + kind.to_bytes(2, "big") + b"x" * 60)
            ears.settimeout(0.4)
            found = []
            with contextlib.suppress(TimeoutError):
                while True:
                    if (tag := _copy(ears.recv(4096))) is not None:
                        found.append(tag)
        return found

    def _socket(self, namespace: str) -> socket.socket:
        def made() -> socket.socket:
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            opened.bind(("eth0", 0))
            return opened

        return run_inside(f"/run/netns/{namespace}", made)

    def mirrors(self) -> set[str]:
        return set(self.host.vsctl("--bare", "--columns=name", "list", "mirror").split())


def _copy(frame: bytes) -> int | None:
    """The tag of the test's frame inside of a GRE packet."""
    if frame[12:14] != b"\x08\x00" or frame[23] != _GRE:
        return None
    inner = frame[frame.index(FRAME) :] if FRAME in frame else b""
    if not inner:
        return None
    return int.from_bytes(inner[14:16], "big") if inner[12:14] == b"\x81\x00" else 0


@pytest.fixture
def machines(site: Site) -> Machines:
    return Machines(site)


@contextlib.asynccontextmanager
async def agent(machines: Machines, *wanted: Any, revision: str = "e.1") -> AsyncIterator[Monitoring]:
    """The agent's part that follows monitors; told of an agenda only if there is one."""
    async with switch.connect(machines.settings.ovs) as own:
        made = Monitoring(own, machines.settings, "netdev")
        task = asyncio.create_task(made.run())
        try:
            if wanted:
                made.want(Agenda(revision=revision, monitors=wanted))
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def followed(monitoring: Monitoring, revision: str = "e.1") -> dict[str, str]:
    async with asyncio.timeout(15):
        standing = await monitoring.standing(None)
        while standing.revision != revision:
            standing = await monitoring.standing(standing)
        return standing.problems


def mirror(*sources: Source, **more: Any) -> Mirror:
    return Mirror(
        **{"id": "child/mirror", "sources": sources, "destinations": (Remote(address=COLLECTOR, key=7),)} | more
    )


async def copied(machines: Machines, sender: str, *tags: int, **more: Any) -> list[int]:
    return await asyncio.to_thread(machines.copied, sender, *tags, **more)


async def test_copies_are_of_the_tag_alone_and_stand_through_restarts(machines: Machines) -> None:
    machines.host.vsctl(
        "--", "--id=@m", "create", "mirror", "name=foreign", "--", "add", "bridge", "br-int", "mirrors", "@m"
    )
    async with agent(machines, mirror(Source("vif-a", 7))) as first:
        assert await followed(first) == {}
        await copied(machines, "a", 7)  # the collector's MAC is asked for
        assert await copied(machines, "a", 7, 8, 0) == [7, 7, 7]
        assert await copied(machines, "b", 7) == []
    made = machines.mirrors()

    assert await copied(machines, "a", 7) == [7, 7, 7], "the agent is away"
    async with agent(machines) as second:  # and the manager as well
        assert await followed(second) == {}
        assert machines.mirrors() == made
        assert await copied(machines, "a", 7) == [7, 7, 7]
        machines.host.vsctl("del-port", "br-int", "va")
        machines.plug("a")
        async with asyncio.timeout(10):
            while await copied(machines, "a", 7) != [7, 7, 7]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        second.want(Agenda(revision="e.2"))
        assert await followed(second, "e.2") == {}

    assert machines.mirrors() == {"foreign"}
    assert "br-span" not in machines.host.vsctl("list-br").split()
    assert not [name for name in machines.host.vsctl("list-ports", "br-int").split() if name.startswith("sp")]


async def test_filters_choose_among_copies_and_interfaces_get_them_too(machines: Machines) -> None:
    machines.machine("tap")
    excluding = mirror(Source("vif-a", 7), filters=(Filter(protocol="udp"),), exclude=True)
    including = mirror(Source("vif-b", 7), id="other/mirror", filters=(Filter(protocol="udp"),))
    local = mirror(Source("vif-a", 8), id="local/mirror", destinations=(Local(port="vif-tap"),), length=64)
    elsewhere = mirror(Source("vif-a", 9), id="lost/mirror", destinations=(Local(port="vif-x"),))
    unreachable = mirror(Source("vif-a", 5), id="far/mirror", destinations=(Remote(address="203.0.113.1"),))
    async with agent(machines, excluding, including, local, elsewhere, unreachable) as monitoring:
        found = await followed(monitoring)

        assert sorted(found) == ["far/mirror", "lost/mirror"]
        assert "no route" in found["far/mirror"]
        assert "another hypervisor" in found["lost/mirror"]
        await copied(machines, "a", 7)
        assert await copied(machines, "a", 7) == [7, 7, 7]  # it is no UDP
        assert await copied(machines, "b", 7) == []
        with machines._socket(f"{machines.site.prefix}-tap") as ears:
            await copied(machines, "a", 8)
            ears.settimeout(1)
            sizes = [len(frame) for frame in iter_frames(ears) if frame.startswith(FRAME)]
        assert sizes == [60, 60, 60]  # 64 with the tag, which the kernel keeps for itself


def iter_frames(ears: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(TimeoutError):
        while True:
            found.append(ears.recv(4096))
    return found


async def test_an_exporter_is_made_and_goes(machines: Machines) -> None:
    export = Export(
        id="child/ipfix",
        sources=(Source("vif-a", 7),),
        collectors=(f"{COLLECTOR}:4739",),
        probability=65536,
        active_timeout=60,
        flows=0,
        domain=42,
    )
    async with agent(machines, export) as monitoring:
        assert await followed(monitoring) == {}
        assert f"{COLLECTOR}:4739" in machines.host.vsctl("list", "ipfix")
        monitoring.want(Agenda(revision="e.2"))
        assert await followed(monitoring, "e.2") == {}

    assert machines.host.vsctl("list", "ipfix") == ""
    assert machines.host.vsctl("list", "flow_sample_collector_set") == ""
    assert not Path(machines.settings.state_dir, "monitors.new").exists()
