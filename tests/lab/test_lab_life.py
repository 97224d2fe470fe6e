"""A lab comes up, works, comes up again, dies half-way, and goes without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from trunkline.lab import namespaces, processes
from trunkline.lab.state import Lab

if TYPE_CHECKING:
    from conftest import Program

pytestmark = pytest.mark.lab


def nothing_left(lab: Lab) -> bool:
    return not processes.owned(lab) and not namespaces.matching(lab.prefix) and not lab.directory.exists()


def programs(program: Program) -> dict[str, Any]:
    found = json.loads(program.run("status", "-o", "json"))
    return {host["name"]: host["programs"] for host in found["hosts"]}


def test_hosts_reach_each_other_through_switches_and_router(program: Program) -> None:
    program.run("up", program.topology)

    program.run("exec", "left", "--", "ping", "-c", "1", "-W", "2", "10.20.0.2")


def test_exec_passes_the_exit_code_on(program: Program) -> None:
    program.run("up", program.topology)

    program.run("exec", "left", "--", "sh", "-c", "exit 7", code=7)


def test_up_again_changes_nothing(program: Program) -> None:
    program.run("up", program.topology)
    before = programs(program)

    program.run("up", program.topology)

    assert programs(program) == before
    assert all(before["s1"].values())


def test_up_again_starts_what_died(program: Program) -> None:
    program.run("up", program.topology)
    victim = programs(program)["s1"]["ovs-vswitchd"]
    os.kill(victim, signal.SIGKILL)
    program.run("status", code=1)

    program.run("up", program.topology)

    assert programs(program)["s1"]["ovs-vswitchd"] not in (0, victim)
    program.run("exec", "left", "--", "ping", "-c", "1", "-W", "2", "10.20.0.2")


def test_down_leaves_nothing_and_may_be_repeated(program: Program) -> None:
    program.run("up", program.topology)

    program.run("down")

    assert nothing_left(program.lab("two-hosts"))
    program.run("down")


def test_a_process_that_somebody_started_inside_goes_too(program: Program) -> None:
    program.run("up", program.topology)
    program.run("exec", "left", "--", "sh", "-c", "env -i sleep 600 >/dev/null 2>&1 &")

    program.run("down")

    assert nothing_left(program.lab("two-hosts"))


@pytest.mark.parametrize("after", [0.15, 0.25, 0.35, 0.5])
def test_killed_half_way_up_it_still_goes_completely(program: Program, after: float) -> None:
    half = subprocess.Popen(program.command("up", program.topology), env=program.environment, stdout=subprocess.DEVNULL)
    time.sleep(after)  # the moment of the crash is the point of this test
    half.kill()
    half.wait()

    program.run("down", "--name", "two-hosts")

    assert nothing_left(program.lab("two-hosts"))


def test_killed_half_way_up_it_comes_up_again(program: Program) -> None:
    half = subprocess.Popen(program.command("up", program.topology), env=program.environment, stdout=subprocess.DEVNULL)
    time.sleep(0.3)  # the moment of the crash is the point of this test
    half.kill()
    half.wait()

    program.run("up", program.topology)

    program.run("exec", "left", "--", "ping", "-c", "1", "-W", "2", "10.20.0.2")
    assert all(programs(program)["s1"].values())


def test_two_labs_live_side_by_side_and_one_goes_alone(program: Program) -> None:
    program.run("up", program.topology, "--name", "one")
    program.run("up", program.topology, "--name", "two")

    program.run("down", "--name", "one")

    assert nothing_left(program.lab("one"))
    program.run("exec", "--name", "two", "left", "--", "ping", "-c", "1", "-W", "2", "10.20.0.2")


def test_another_topology_under_the_same_name_is_refused(program: Program) -> None:
    program.run("up", program.topology)
    program.topology.write_text(program.topology.read_text().replace("10.19.0.1}", "10.19.0.7}"))

    said = program.run("up", program.topology, code=2)

    assert "TRK-0618" in said
    assert "10.19.0.1/24" in program.run("exec", "left", "--", "ip", "-o", "addr")


def test_a_wrong_topology_changes_nothing(program: Program) -> None:
    program.topology.write_text(program.topology.read_text().replace("switch: s2", "switch: s3"))

    said = program.run("up", program.topology, code=2)

    assert "hosts.right.links.eth0.switch" in said
    assert nothing_left(program.lab("two-hosts"))


def test_a_deep_state_directory_still_has_short_socket_paths(program: Program) -> None:
    program.environment["TRUNKLINE_STATE"] = str(program.state / ("deep" * 20) / ("deeper" * 5))
    lab = Lab("two-hosts", root=program.state / ("deep" * 20) / ("deeper" * 5))
    program.run("up", program.topology)

    program.run("exec", "s1", "--", "ovs-vsctl", "show")
    program.run("down")

    assert nothing_left(lab)
    assert not lab.short_link.is_symlink()
