"""A storm: programs of a whole cluster are killed while its pods come and go; in the end every book agrees.

The seed of the run is printed.  Afterwards there is one address per pod, one claim per address, one logical port per claim,
one interface per port, and the outside reaches every pod of a VLAN.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.lab.conftest import Program
from trunkline.adapters import store
from trunkline.ipam import leases

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ROUNDS = 14
VICTIMS = {"controller", "apiserver", "workloads", "agent", "kubelet", "ovnnb", "ovs-vswitchd", "ovn-controller"}
TOPOLOGY = "labs/bare-metal.yaml"


class Cluster:
    """A lab with the walkthrough's objects, and a person who scales them."""

    def __init__(self, program: Program) -> None:
        self._program = program
        program.run("up", TOPOLOGY)
        exports = json.loads(program.run("env", "-o", "json"))
        self._environment = {**os.environ, **exports}
        self.kubectl("apply", "-f", "examples/antrea-ipam")

    def kubectl(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            ["kubectl", *words], env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def scale(self, replicas: int) -> None:
        # The API server may be among the dead: then this scaling is lost, as it would be for a person.
        self.kubectl("scale", "-n", "ns-ap", "deployment/ap", f"--replicas={replicas}", check=False)

    def victims(self) -> list[tuple[str, str, int]]:
        hosts = json.loads(self._program.run("status", "-o", "json"))["hosts"]
        return [
            (host["name"], name, pid)
            for host in hosts
            for name, pid in host["programs"].items()
            if name in VICTIMS and pid
        ]

    def repair(self) -> None:
        self._program.run("up", TOPOLOGY)

    def addresses(self) -> list[str]:
        """The addresses that pods report, those of pods on their way out left aside."""
        pods: list[dict[str, Any]] = json.loads(self.kubectl("get", "pods", "-A", "-o", "json"))["items"]
        return [pod["status"].get("podIP", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def claimed(self) -> list[str]:
        async def read() -> list[str]:
            async with store.Store(self._remote, connect_timeout=10) as found:
                return [str(leases.decode(claim.body).address) for claim in found.claims(leases.PREFIX)]

        return asyncio.run(read())

    def ports(self) -> list[str]:
        """The addresses of pods' logical ports."""
        command = ["ovn-nbctl", f"--db={self._remote}", "--format=json", "--columns=name,addresses"]
        text = subprocess.run(
            [*command, "list", "Logical_Switch_Port"], capture_output=True, text=True, check=True, timeout=20
        ).stdout
        rows = dict(json.loads(text)["data"])
        return [str(value).split()[-1] for name, value in rows.items() if name.count("/") == 2 and ":" not in name]

    def pinged_from_outside(self, address: str) -> bool:
        done = subprocess.run(
            self._program.command("exec", "vm", "--", "ping", "-c", "3", "-i", "0.2", "-W", "1", address),
            env=self._program.environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.returncode == 0

    @property
    def _remote(self) -> str:
        return str(self._environment["OVN_NB_DB"])


@pytest.fixture
def cluster(program: Program) -> Cluster:
    return Cluster(program)


def _settled(cluster: Cluster) -> bool:
    addresses = cluster.addresses()
    return all(addresses) and sorted(addresses) == sorted(cluster.claimed()) == sorted(cluster.ports())


def test_programs_killed_at_random_lose_no_address_and_give_none_twice(cluster: Cluster) -> None:
    seed = int(os.environ.get("TRUNKLINE_SEED") or random.randrange(2**32))
    print(f"TRUNKLINE_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        cluster.scale(chance.randint(5, 35))
        time.sleep(chance.random() * 0.6)  # so that the kill hits another moment of the work each time
        host, name, pid = chance.choice(cluster.victims())
        print(f"kill -9 {name} on {host}")
        os.kill(pid, signal.SIGKILL)
        time.sleep(chance.random() * 0.5)
        cluster.repair()
    cluster.scale(25)
    cluster.kubectl("rollout", "status", "-n", "ns-ap", "deployment/ap", "--timeout=90s")

    deadline = time.monotonic() + 60
    while not _settled(cluster):
        assert time.monotonic() < deadline, (
            f"pods {sorted(cluster.addresses())}\nclaims {sorted(cluster.claimed())}\nports {sorted(cluster.ports())}"
        )
        time.sleep(0.5)  # three programs' books have no common event

    addresses = cluster.addresses()
    assert len(addresses) == len(set(addresses)) == 27
    assert [address for address in addresses if not cluster.pinged_from_outside(address)] == []
