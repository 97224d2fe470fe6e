"""A fabric of full size in a lab: what a change costs until the network follows, and what a restart costs.

The lab is `labs/fabric.yaml`: the manager, ovn-northd, three hypervisors with Open vSwitch and ovn-controller, virtual machines
with containers, real packets.  A large fabric is written into it through the API.  A route counts as realised when the API
says so, asked every ten milliseconds as cloud controllers do.  Beside it stands the same change made by hand with
`ovn-nbctl --wait=hv`, which is what OVN itself needs, or more: it waits for northd's second computation, too.  Seconds of
processor time say what a step costs on a machine that does nothing else.  All hypervisors share this one's cores: what each
of them computes for itself, as for a segment's first port, takes as long as for all of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from bench import big_fabric, labs, namespaces, statistics
from bench.policy_client import BASE, Client
from trunkline.lab.state import Lab

TOPOLOGY, NAME = "labs/fabric.yaml", "bench-fabric"
ROUNDS, PINGS = 9, 7
_BINDING = "/infra/segments/test2/segment-connection-binding-maps/bench"
_BOUND = {"segment_path": "/infra/segments/openshift-segment", "vlan_traffic_tag": 1002}
_FIRST = "/infra/segments/s9000/segment-connection-binding-maps/bench"
"""A binding that is the first of its segment, to which the network has given no switch before."""
_FIRST_BOUND = _BOUND | {"vlan_traffic_tag": 1003}
_CONTAINER, _GATEWAY = "node-a.web", "192.168.100.1"
_TICKS = os.sysconf("SC_CLK_TCK")

Row = tuple[str, str, str]


def run() -> str:
    """Fill, measure, restart; a section for `bench/results.md`."""
    with labs.lab(NAME, TOPOLOGY) as lab:
        known = lab.environment
        client = _client(known)
        northd = lab.processes["manager", "ovn-northd"]
        alone = _first_pings(client, northd)
        began = time.perf_counter()
        big_fabric.fill(client)
        client.until_realized(big_fabric.route(big_fabric.ROUTES - 1), 600)
        filled = time.perf_counter() - began
        _until_idle(northd)
        routes, by_hand, used = _routes(client, known["OVN_NB_DB"], northd)
        full = _first_pings(client, northd)
        first = _first_of_segment(client, northd)
        memory = [(name, f"{_resident_mib(lab.processes[key])} MiB", "") for name, key in _PROCESSES.items()]
        restart = _restart(lab, known)
    rows = [
        _row("PATCH of a static route until REALIZED", routes),
        _row("the same change by hand, `ovn-nbctl --wait=hv`", by_hand),
        ("ratio", *(f"{a / b:.2f}" for a, b in zip(_percentiles(routes), _percentiles(by_hand), strict=True))),
        ("northd's processor time for one change", f"{used:.2f} s", ""),
        _row("PUT of a binding until the first tagged ping, empty fabric", alone),
        _row("PUT of a binding until the first tagged ping, full fabric", full),
        _row("PUT of a segment's first binding until REALIZED, full fabric", first),
        *restart,
        ("writing it all until REALIZED", f"{filled:.0f} s", ""),
        *memory,
    ]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    size = (
        f"{big_fabric.SEGMENTS:,} segments, {big_fabric.BINDINGS:,} bindings, {big_fabric.NESTED:,} of them realised as ports "
        f"behind interfaces; {big_fabric.GATEWAYS:,} of the segments and {big_fabric.ROUTES:,} static routes on one tier-1, "
        f"all advertised. Load of the machine at the end: {load} on {os.cpu_count()} cores."
    )
    about = (__doc__ or "").split("\n", 2)[2].strip()
    return f"## A full fabric\n\n{size}\n\n{about}\n\n{statistics.table(('what', 'p50', 'worst'), rows)}"


_PROCESSES = {
    "memory of the manager": ("manager", "policy"),
    "memory of northd": ("manager", "ovn-northd"),
    "memory of the northbound and documents server": ("manager", "ovnnb"),
    "memory of the southbound server": ("manager", "ovnsb"),
    "memory of one ovn-controller": ("hv-1", "ovn-controller"),
}


def _client(known: dict[str, str]) -> Client:
    """By what `lab env` exports."""
    authority = Path(known["TRUNKLINE_POLICY_CA"])
    return Client(known["TRUNKLINE_POLICY_URL"], authority, known["TRUNKLINE_POLICY_PASSWORD"])


def _routes(client: Client, northbound: str, pid: int) -> tuple[list[float], list[float], float]:
    """Seconds of each change by the API and by hand, taking turns; the processor seconds of northd (`pid`) for one."""
    router = big_fabric.TIER1.removeprefix("/")
    ours, by_hand, used = [], [], []
    for number in range(ROUNDS):
        before, began = _cpu_seconds(pid), time.perf_counter()
        client.call("PATCH", BASE + big_fabric.route(7), big_fabric.route_body(7, host=20 + number))
        client.until_realized(big_fabric.route(7))
        ours.append(time.perf_counter() - began)
        _until_idle(pid)
        used.append(_cpu_seconds(pid) - before)
        began = time.perf_counter()
        prefix = f"99.0.{number}.0/24"
        command = ["ovn-nbctl", f"--db={northbound}", "--wait=hv", "lr-route-add", router, prefix, "10.0.0.7"]
        subprocess.run(command, check=True, capture_output=True)
        by_hand.append(time.perf_counter() - began)
        _until_idle(pid)
    return ours, by_hand, sum(used) / len(used)


def _first_pings(client: Client, northd: int) -> list[float]:
    """Seconds from the PUT of a binding until a container behind its tag hears the gateway of the child segment."""
    inside = Lab(NAME).namespace(_CONTAINER)
    # Else the kernel asks for the gateway's MAC once a second, and a second is what would be measured.
    subprocess.run(
        ["ip", "-n", inside, "ntable", "change", "name", "arp_cache", "dev", "eth0", "retrans", "20"], check=True
    )
    found = []
    for _ in range(PINGS):
        # One for each round: what an earlier round has asked may still be answered.
        with contextlib.closing(namespaces.Prober(inside)) as prober:
            began = time.perf_counter()
            client.call("PUT", BASE + _BINDING, _BOUND)
            found.append(prober.until_answered(_GATEWAY, deadline=60, again=0.005) - began)
        client.call("DELETE", BASE + _BINDING)
        _until_silent(inside)
        _until_idle(northd)
    return found


def _first_of_segment(client: Client, northd: int) -> list[float]:
    """Seconds from the PUT of a binding until it is REALIZED, where the network has to make the segment's switch as well."""
    found = []
    for _ in range(PINGS):
        began = time.perf_counter()
        client.call("PUT", BASE + _FIRST, _FIRST_BOUND)
        client.until_realized(_FIRST)
        found.append(time.perf_counter() - began)
        client.call("DELETE", BASE + _FIRST)
        _until_idle(northd)
    return found


def _until_silent(namespace: str) -> None:
    """Wait until the gateway is heard no more."""
    while _pings(namespace):
        time.sleep(0.1)


def _pings(namespace: str) -> bool:
    command = ["ip", "netns", "exec", namespace, "ping", "-c1", "-W1", _GATEWAY]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _restart(lab: labs.Lab, known: dict[str, str]) -> list[Row]:
    """Kill the manager; times of the next one from the start of its process, and what it has used by then."""
    killed = lab.processes["manager", "policy"]
    os.kill(killed, signal.SIGKILL)
    # `lab up` starts whatever does not run, and returns when it answers; it is not what is measured.
    starting = threading.Thread(target=lambda: lab.call("up", TOPOLOGY))
    starting.start()
    pid = _next_pid(Path(lab.status["directory"], "hosts", "manager", "policy.pid"), killed)
    client = _until_first_answer(known)
    first = (_age(pid), _cpu_seconds(pid))
    client.until_realized(big_fabric.route(big_fabric.ROUTES - 1), 300)
    in_step = (_age(pid), _cpu_seconds(pid))
    starting.join()
    return [
        (f"restart until {what}", f"{age:.1f} s", f"{used:.1f} s of processor time")
        for what, (age, used) in (("the first answer", first), ("in step with the network", in_step))
    ]


def _next_pid(file: Path, old: int) -> int:
    while True:
        with contextlib.suppress(FileNotFoundError, ValueError):
            if (found := int(file.read_text())) != old:
                return found
        time.sleep(0.01)


def _until_first_answer(known: dict[str, str]) -> Client:
    while True:
        with contextlib.suppress(OSError):
            client = _client(known)
            client.call("GET", "/api/v1/node/version")
            return client
        time.sleep(0.02)


def _age(pid: int) -> float:
    """Seconds since a process began."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(_stat(pid)[19]) / _TICKS


def _cpu_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    return (int(_stat(pid)[11]) + int(_stat(pid)[12])) / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the program's name, of which the first is number 3."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _until_idle(pid: int) -> None:
    """Wait until a process computes no more: what one change has left over is not the next one's."""
    used, quiet = _cpu_seconds(pid), 0
    while quiet < 5:
        time.sleep(0.1)
        now = _cpu_seconds(pid)
        quiet, used = quiet + 1 if now - used < 0.02 else 0, now


def _resident_mib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 // 1024


def _percentiles(samples: list[float]) -> tuple[float, float]:
    return statistics.percentile(samples, 0.5), max(samples)


def _row(what: str, samples: list[float]) -> Row:
    half, most = _percentiles(samples)
    return what, f"{half:.2f} s", f"{most:.2f} s"
