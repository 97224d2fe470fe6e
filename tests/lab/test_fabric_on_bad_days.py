"""What becomes of containers' traffic when programs and whole hypervisors die, seen from the containers and the outside."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.lab import fabric_lab
from tests.lab.fabric_lab import CHILD, PARENT, ROOT, FabricLab
from trunkline.lab.cases import pinging
from trunkline.lab.fabric import vifs

pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces"),
]

OUTSIDE, WEB_A, WEB_B, PLAIN = "172.29.161.50", "192.168.100.11", "192.168.100.12", "192.168.100.50"
MAPS = f"{CHILD}/segment-connection-binding-maps"
FIRST = {"vlan_traffic_tag": 1002, "segment_path": PARENT}
SECOND = {"vlan_traffic_tag": 2002, "segment_path": "/infra/segments/second-parent"}
LEGACY, LEGACY_A = "/infra/segments/legacy", "192.168.77.21"
VLAN_ZONE = "/infra/sites/default/enforcement-points/default/transport-zones/vlan"
HYPERVISORS = ("hv-1", "hv-2", "hv-3")
WHOLE_HYPERVISOR = ("ovs-vswitchd", "ovn-controller", "agent", "ovsdb-server")
ROUNDS = 12
VICTIMS = [
    *(("manager", name) for name in ("policy", "ovn-northd", "ovnnb", "ovnsb")),
    *((host, name) for host in HYPERVISORS for name in ("ovn-controller", "agent", "ovs-vswitchd")),
]


class Fabric(FabricLab):
    """The lab with the document's binding, and people who ping."""

    def answers(self, place: str, address: str) -> bool:
        """Whether an address answers before long."""
        words = self.argv("exec", "--name", self.name, place, "--", "ping", "-c", "1", "-W", "1", address)
        deadline = time.monotonic() + 30
        while subprocess.run(words, env=self.environment, cwd=ROOT, capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                return False
        return True

    @contextlib.contextmanager
    def pinging(self, place: str, address: str) -> Iterator[list[pinging.Losses]]:
        """A ping every 20 ms while the block runs, and a second before and after; what was lost is in the list then."""
        words = self.argv("exec", "--name", self.name, place, "--", "ping", "-n", "-i", "0.02", "-w", "60", address)
        found: list[pinging.Losses] = []
        with subprocess.Popen(words, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            # The block begins when there are answers, and ends when there are again.
            lines = [line for line, _ in zip(process.stdout, range(50), strict=False)]
            try:
                yield found
                time.sleep(1)
            finally:
                process.terminate()
                lines += process.stdout.readlines()
        found.append(pinging.losses("".join(lines)))

    def nested(self) -> set[str]:
        """The logical ports of containers."""
        words = ["ovn-nbctl", f"--db=unix:{self.lab.home('manager')}/ovnnb_db.sock", "--bare", "--columns=name"]
        words += ["find", "logical_switch_port", "parent_name!=[]"]
        return set(subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout.split())

    @contextlib.contextmanager
    def legacy(self) -> Iterator[None]:
        """A VLAN segment as a child of the document's parent while the block runs."""
        self.call("PATCH", LEGACY, {"vlan_ids": ["100"], "transport_zone_path": VLAN_ZONE})
        self.call("PATCH", f"{LEGACY}/segment-connection-binding-maps/m", {**FIRST, "vlan_traffic_tag": 1004})
        try:
            yield
        finally:
            self.http.request("DELETE", f"{LEGACY}/segment-connection-binding-maps/m")
            self.http.request("DELETE", LEGACY)

    def vsctl(self, host: str, *words: str) -> str:
        command = ["ovs-vsctl", "--timeout=20", f"--db=unix:{self.lab.home(host)}/db.sock", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    def unplug(self, machine: str, hypervisor: str) -> str:
        """Take a machine's card out as its hypervisor would; answers the card's identity."""
        card = self.vsctl(hypervisor, "get", "interface", f"vif-{machine}", "external_ids:iface-id").strip().strip('"')
        self.vsctl(hypervisor, "del-port", f"vif-{machine}")
        return card

    def plug(self, machine: str, hypervisor: str, card: str) -> None:
        port = f"vif-{machine}"
        self.vsctl(
            hypervisor, "add-port", "br-int", port, "--", "set", "interface", port, f"external_ids:iface-id={card}"
        )
        self.vsctl(hypervisor, "wait-until", "interface", port, "external_ids:ovn-installed=true")

    def restart_controller(self, hypervisor: str) -> None:
        """Crash ovn-controller, whose watchman starts another; return when that one has computed everything."""
        os.kill(int((self.lab.home(hypervisor) / "ovn-controller.pid").read_text()), signal.SIGSEGV)
        words = [
            "ovn-nbctl",
            f"--db=unix:{self.lab.home('manager')}/ovnnb_db.sock",
            "--timeout=60",
            "--wait=hv",
            "sync",
        ]
        subprocess.run(words, check=True, timeout=70)

    def leaves_by_the_wire(self, place: str, address: str, card: str) -> bool:
        """Whether requests are seen at a trunk of the switch, before long."""
        words = [
            "ip",
            "netns",
            "exec",
            self.lab.namespace("tor"),
            "tcpdump",
            "-lni",
            card,
            "-c",
            "1",
            f"vlan and dst {address}",
        ]
        seen = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            assert seen.stderr
            seen.stderr.readline()  # it listens now
            deadline = time.monotonic() + 15
            while seen.poll() is None and time.monotonic() < deadline:
                self.answers(place, address)
            return seen.poll() == 0
        finally:
            seen.kill()
            seen.wait()

    def gateway(self) -> str:
        """The hypervisor that serves the Tier-0's uplink."""
        words = ["ovn-sbctl", f"--db=unix:{self.lab.home('manager')}/ovnsb_db.sock", "show"]
        text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout
        return next(part.split('"')[0].split()[0] for part in text.split("Chassis ")[1:] if "cr-router:" in part)


@pytest.fixture(scope="module")
def lab() -> Iterator[Fabric]:
    with fabric_lab.running(Fabric) as made:
        yield made


@pytest.fixture
def fabric(lab: Fabric) -> Iterator[Fabric]:
    """Bound as in the document, and everybody talking; whole again afterwards."""
    lab.call("PATCH", f"{MAPS}/first", FIRST)
    assert lab.answers("vm/node-a/web", WEB_B)
    assert lab.answers("vm/node-b/web", OUTSIDE)
    yield lab
    lab.up()


def test_uplink_moves_to_another_hypervisor_when_the_one_that_serves_it_dies_and_back_when_it_returns(
    fabric: Fabric,
) -> None:
    serving = fabric.gateway()
    place = "vm/node-a/web" if serving != "hv-1" else "vm/node-b/web"

    with fabric.pinging(place, OUTSIDE) as lost:
        fabric.kill(serving, *WHOLE_HYPERVISOR)
        assert fabric.answers("outside", WEB_A if serving != "hv-1" else WEB_B)
    assert fabric.gateway() != serving
    assert lost[0].lost < lost[0].sent

    with fabric.pinging(place, OUTSIDE) as back:
        fabric.up()
    assert fabric.answers(place, OUTSIDE)

    gaps = [round(each.longest * 0.02, 2) for each in (lost[0], back[0])]
    print(f"{serving} died: {gaps[0]} s without answers; it came back: {gaps[1]} s")


def test_a_machine_that_comes_to_a_hypervisor_just_started_sends_its_vlans_by_the_wire(fabric: Fabric) -> None:
    """ovn-controller that finds a VLAN's patch ports from before would send its frames through the tunnel, for good."""
    with fabric.legacy():
        assert fabric.answers("vm/node-b/legacy", LEGACY_A)
        card = fabric.unplug("node-b", "hv-2")
        fabric.restart_controller("hv-2")
        assert "legacy" in fabric.vsctl("hv-2", "show"), "patch ports of networks that are not here were dropped"

        fabric.plug("node-b", "hv-2", card)
        assert fabric.answers("vm/node-b/legacy", LEGACY_A)

        assert fabric.leaves_by_the_wire("vm/node-b/legacy", LEGACY_A, "hv-2-eth1")


def test_traffic_goes_on_without_the_manager(fabric: Fabric) -> None:
    """Also between two that have not met since; what is known stays known on the hypervisors."""
    with fabric.pinging("vm/node-a/web", WEB_B) as lost:
        fabric.kill("manager", "policy", "ovn-northd", "ovnnb", "ovnsb")
        assert fabric.answers("vm/node-b/web", PLAIN)
        assert fabric.answers("outside", WEB_A)
    print(f"{lost[0].lost} of {lost[0].sent} pings lost")
    assert lost[0].lost < 10

    fabric.up()
    fabric.call("DELETE", f"{MAPS}/first")
    deadline = time.monotonic() + 20
    while fabric.nested():
        assert time.monotonic() < deadline
        time.sleep(0.1)  # the network follows; nobody tells


def test_containers_come_back_when_a_switch_is_killed(fabric: Fabric) -> None:
    with fabric.pinging("vm/node-a/web", WEB_B) as lost:
        fabric.kill("hv-1", "ovs-vswitchd")
        fabric.up()
        assert fabric.answers("vm/node-a/web", WEB_B)
    print(f"{round(lost[0].longest * 0.02, 2)} s without answers")


def test_bindings_that_change_while_programs_are_killed_are_realised_as_they_were_acknowledged(fabric: Fabric) -> None:
    """In the end there is one nested port for each interface and tag that the documents say, and the containers talk."""
    seed = int(os.environ.get("TRUNKLINE_SEED") or random.randrange(2**32))
    print(f"TRUNKLINE_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        host, program = chance.choice(VICTIMS)
        print(f"kill -9 {program} on {host}")
        _change(fabric, chance)
        time.sleep(chance.random() * 0.3)  # so that the kill hits another moment of the work each time
        fabric.kill(host, program)
        _change(fabric, chance)
        fabric.up()

    fabric.call("PATCH", f"{MAPS}/first", FIRST)
    bound = fabric.call("GET", MAPS)["results"]
    parents = {PARENT: ("node-a", "node-b"), SECOND["segment_path"]: ("node-c",)}
    wanted = {
        f"{vifs.identity(fabric.lab, machine)}/{each['vlan_traffic_tag']}"
        for each in bound
        for machine in parents[each["segment_path"]]
    }
    deadline = time.monotonic() + 30
    while fabric.nested() != wanted:
        assert time.monotonic() < deadline, f"{fabric.nested()}, and not {wanted}"
        time.sleep(0.2)  # the network follows; nobody tells
    assert fabric.answers("vm/node-a/web", WEB_B)
    assert fabric.answers("outside", WEB_A)
    if len(bound) > 1:
        assert fabric.answers("vm/node-a/web", "192.168.100.13")


def _change(fabric: Fabric, chance: random.Random) -> None:
    """One binding comes, goes or stays; a manager that is dead does not hear of it."""
    name, body = chance.choice((("first", FIRST), ("second", SECOND)))
    with contextlib.suppress(httpx2.HTTPError):
        if chance.random() < 0.5:
            fabric.http.patch(f"{MAPS}/{name}", json=body)
        else:
            fabric.http.delete(f"{MAPS}/{name}")


def test_gaps_are_counted_from_what_ping_prints_when_it_is_terminated() -> None:
    """Without a summary the last answer is the end."""
    text = "".join(f"64 bytes: icmp_seq={number} ttl=64\n" for number in (1, 2, 5, 6))

    assert pinging.losses(text) == pinging.Losses(sent=6, lost=2, longest=2)
