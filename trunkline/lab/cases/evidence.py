"""What a failed case leaves for the person who looks into it.  Best effort: a tool that fails is a line, not an error."""

from __future__ import annotations

from pathlib import Path

from trunkline.adapters.kube import resources
from trunkline.kit import problems
from trunkline.lab import openvswitch, processes, shell, status
from trunkline.lab.cases.bench import Bench
from trunkline.lab.topology import CONTROL_PLANE, MANAGER

_LOG_LINES = 50
_EVENTS = 15


async def gather(bench: Bench, case: str) -> tuple[Path, list[str]]:
    """Write everything to a file; answers the file, and the lines worth showing at once."""
    events = await _events(bench)
    own = [line for line in events if any(f" {name}/" in line for name in _namespaces(bench))]
    parts = {"events": events, "programs": _programs(bench)}
    for host in _centrals(bench):
        for program, database in (("ovn-nbctl", "ovnnb_db"), ("ovn-sbctl", "ovnsb_db")):
            words = (program, f"--db=unix:{bench.lab.home(host)}/{database}.sock", "show")
            parts[f"{host}: {program} show"] = await _output(bench, *words, host=host)
    for node in (*bench.drawn.nodes, *bench.drawn.hypervisors):
        parts |= await _switch(bench, node)
    for host, role in status.roles(bench.drawn).items():
        for program in status.PROGRAMS.get(role, ()):
            log = processes.log_file(bench.lab, host, program)
            parts[f"{host}: {log}"] = processes.tail(log, _LOG_LINES)
    file = bench.lab.directory / "evidence" / f"{case}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(line for title, lines in parts.items() for line in (f"== {title}", *lines, "")))
    return file, [*parts["programs"], *own[-_EVENTS:]]


async def _switch(bench: Bench, node: str) -> dict[str, list[str]]:
    """What a node's Open vSwitch is told, what OVN wants of it, and what it has made of both."""
    database, bridge = f"--db=unix:{bench.lab.home(node)}/db.sock", f"unix:{bench.lab.home(node)}/br-int.mgmt"
    asked = {
        "ovs-vsctl show": ("ovs-vsctl", "--timeout=5", database, "show"),
        "port counters of br-int": ("ovs-ofctl", "dump-ports", bridge),
        "flows of br-int": ("ovs-ofctl", "--names", "--sort", "dump-flows", bridge),
        "cached flows": ("ovs-appctl", "--timeout=5", "dpctl/dump-flows", "-m", "--names"),
    }
    return {f"{node}: {title}": await _output(bench, *argv, host=node) for title, argv in asked.items()}


async def _events(bench: Bench) -> list[str]:
    if bench.drawn.control_plane is None:
        return []
    try:
        found, _ = await bench.kube.list(resources.EVENTS)
    except problems.RemoteError as error:
        return [str(error)]
    lines = []
    for each in sorted(found, key=lambda event: str(event.get("lastTimestamp") or "")):
        about = each.get("involvedObject") or {}
        where = f"{about.get('kind')} {about.get('namespace', '')}/{about.get('name')}"
        lines.append(f"event {each.get('type')} {where} {each.get('reason')}: {each.get('message')}")
    return lines


def _namespaces(bench: Bench) -> set[str]:
    """The namespaces in which the case made something."""
    return {str(obj["metadata"].get("namespace") or obj["metadata"]["name"]) for obj in bench.applied}


def _programs(bench: Bench) -> list[str]:
    found = status.status(bench.lab, bench.drawn)
    return [f"{host.name}: {name} is down" for host in found.hosts for name, pid in host.programs.items() if not pid]


def _centrals(bench: Bench) -> list[str]:
    """The hosts with OVN's databases."""
    drawn = bench.drawn
    return [*([MANAGER] if drawn.fabric else []), *([CONTROL_PLANE] if drawn.control_plane else [])]


async def _output(bench: Bench, *argv: str, host: str = "") -> list[str]:
    environment = {**bench.lab.environment(), **(openvswitch.environment(bench.lab, host) if host else {})}
    try:
        _, output, said = await shell.attempt(argv, environment=environment)
    except problems.RemoteError as error:
        return [str(error)]
    return [*output.splitlines(), *said.splitlines()]
