"""What a person types next: commands that fit the lab that is up."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from trunkline.lab import layout, state
from trunkline.lab.state import Lab
from trunkline.lab.topology import Topology

_EXAMPLE = "examples/antrea-ipam"


def next_steps(lab: Lab, drawn: Topology) -> str:
    """A sentence about the lab, and commands with what each is for."""
    program = f"{_program()} lab"
    name = f" --name {lab.name}" if len(state.known(lab.root)) > 1 else ""
    with_cluster = bool(drawn.nodes) and not lab.read().bare
    with_fabric = bool(drawn.vms) and not lab.read().bare
    rows = [
        *(_cluster(program, name) if with_cluster else []),
        *(_fabric(program, name, drawn) if with_fabric else []),
        *_wires(program, name, drawn),
    ]
    rows.append((f"{program} down{name}", "take it down; nothing stays"))
    width = min(72, max(len(command) for command, _ in rows))
    lines = [f"    {command.ljust(width)}  # {purpose}" for command, purpose in rows]
    return "\n".join(["", f"lab {lab.name} is up: {summary(drawn)}.  What to type next:", "", *lines, ""])


def _cluster(program: str, name: str) -> list[tuple[str, str]]:
    return [
        (f'eval "$({program} env{name})"', "kubectl, ovn-nbctl and ovn-sbctl talk to this lab"),
        ("kubectl get nodes -o wide", "the nodes"),
        (f"kubectl apply -f {_EXAMPLE}", "the document's pools, namespaces and pods"),
        ("kubectl get ippools,pods -A -o wide", "who has which address"),
        (f"{program} check{name} --evidence", "every lab case, with the frames that prove it"),
    ]


def _fabric(program: str, name: str, drawn: Topology) -> list[tuple[str, str]]:
    machine = next(iter(drawn.vms))
    curl = 'curl --cacert "$TRUNKLINE_POLICY_CA" -u "$TRUNKLINE_POLICY_USER:$TRUNKLINE_POLICY_PASSWORD"'
    return [
        (f'eval "$({program} env{name})"', "TRUNKLINE_POLICY_URL and the rest of what the next line needs"),
        (f'{curl} "$TRUNKLINE_POLICY_URL/policy/api/v1/infra/segments"', "the segments"),
        (f"{program} capture{name} port/{machine}", "frames at a machine's port, with their tags"),
        (f"{program} migrate{name} {machine} {list(drawn.hypervisors)[-1]}", "carry a machine to another hypervisor"),
        (f"{program} check{name} --evidence", "every lab case, with the frames that prove it"),
    ]


def _wires(program: str, name: str, drawn: Topology) -> list[tuple[str, str]]:
    rows = []
    host = next(iter([*drawn.hosts, *drawn.nodes]), "")
    if host:
        rows.append((f"{program} shell{name} {host}", "be on that machine"))
    trunk = next((port for switch in drawn.switches for port in layout.ports(drawn, switch) if port.tagged), None)
    if trunk:
        rows.append((f"{program} capture{name} {trunk.switch} -i {trunk.name}", "frames on a trunk, with their tags"))
    return [
        *rows,
        (f"{program} status{name}", "hosts and programs"),
        (f"{program} graph{name} --format svg", "a picture"),
    ]


def summary(drawn: Topology) -> str:
    """What a topology has, in a few words."""
    parts = [
        (len(drawn.switches), "switch", "switches"),
        (len(drawn.routers), "router", "routers"),
        (len(drawn.hosts), "outside host", "outside hosts"),
        (len(drawn.hypervisors), "hypervisor", "hypervisors"),
        (len(drawn.nodes), "node", "nodes"),
        (len(drawn.vms), "virtual machine", "virtual machines"),
    ]
    return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in parts if count)


def _program() -> str:
    """How this program is called from here: by name where the search path finds it, else by its path."""
    called = Path(sys.argv[0])
    if called.name != "trunkline" or shutil.which("trunkline") == str(called.resolve()):
        return "trunkline"
    return os.path.relpath(called)
