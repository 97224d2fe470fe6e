"""A lab with its cluster: everything in it may be killed, and it may be taken down at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trunkline.adapters.kube import resources
from trunkline.adapters.kube.client import Kube
from trunkline.lab import namespaces, processes

if TYPE_CHECKING:
    from conftest import Program

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

BARE_METAL = Path(__file__).parents[2] / "labs" / "bare-metal.yaml"
WALKTHROUGH = ("check", "antrea-ipam-walkthrough", "--keep")


def addresses(program: Program) -> dict[str, str]:
    """Every pod's UID and address."""

    async def ask() -> dict[str, str]:
        async with Kube.connect(program.lab("bare-metal").kubeconfig, field_manager="test") as kube:
            pods, _ = await kube.list(resources.PODS)
            return {pod["metadata"]["uid"]: pod["status"].get("podIP", "") for pod in pods}

    return asyncio.run(ask())


def test_given_the_walkthrough_when_every_program_is_killed_then_up_again_brings_it_all_back(program: Program) -> None:
    program.run("up", BARE_METAL)
    program.run(*WALKTHROUGH)
    before = addresses(program)
    for host in json.loads(program.run("status", "-o", "json"))["hosts"]:
        for pid in host["programs"].values():
            os.kill(pid, signal.SIGKILL)
    program.run("status", code=1)

    program.run("up", BARE_METAL)

    program.run("status")
    program.run(*WALKTHROUGH)
    assert addresses(program) == before


def test_given_objects_that_a_person_made_and_changed_then_a_case_puts_them_right_and_leaves_them(
    program: Program,
) -> None:
    program.run("up", BARE_METAL)
    program.run(*WALKTHROUGH)

    async def scale(replicas: int) -> None:
        async with Kube.connect(program.lab("bare-metal").kubeconfig, field_manager="test") as kube:
            await kube.patch(resources.DEPLOYMENTS, "ap", {"spec": {"replicas": replicas}}, "ns-ap")

    asyncio.run(scale(5))

    said = program.run("check", "antrea-ipam-walkthrough", "--evidence")

    assert "Deployment ns-ap/ap changed to what the manifest says" in said
    assert "Pod ns-db/db-01 in place" in said
    assert len(addresses(program)) == 11, "what was there stays: three of ns-ap, two of ns-db, four and two examples"


def test_given_pods_when_it_goes_down_then_nothing_of_them_is_left(program: Program) -> None:
    program.run("up", BARE_METAL)
    program.run(*WALKTHROUGH)
    lab = program.lab("bare-metal")
    assert namespaces.matching(lab.pod_prefix)

    program.run("down")

    assert not namespaces.matching(lab.prefix)
    assert not processes.owned(lab)
    assert not lab.directory.exists()


@pytest.mark.parametrize("after", [0.7, 1.2, 2.0])
def test_killed_half_way_up_it_still_goes_completely(program: Program, after: float) -> None:
    half = subprocess.Popen(program.command("up", BARE_METAL), env=program.environment, stdout=subprocess.DEVNULL)
    time.sleep(after)  # the moment of the crash is the point of this test
    half.kill()
    half.wait()

    program.run("down", "--name", "bare-metal")

    lab = program.lab("bare-metal")
    assert not namespaces.matching(lab.prefix)
    assert not processes.owned(lab)
    assert not lab.directory.exists()
