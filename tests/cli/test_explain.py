"""`explain` and `ipam why` on a cluster with a controller: what they say, and their exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.controller.conftest import Cluster, Hand
from tests.standin.conftest import Eventually
from trunkline.adapters.kube import errors, resources


class Asking:
    """The program, told where to ask."""

    def __init__(self, cluster: Cluster) -> None:
        self.options = [
            f"--kubeconfig={cluster.api.kubeconfig()}",
            f"--store={cluster.store}",
            f"--northbound={cluster.central.remote('nb')}",
        ]

    async def say(self, *words: str, code: int = 0) -> str:
        """What it prints; the exit code must be `code`."""
        argv = [sys.executable, "-m", "trunkline.cli.main", *words, *self.options]
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=30)
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return str(done.stdout + done.stderr)

    async def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(await self.say(*words, "-o", "json", code=code))


@pytest.fixture
async def asking(cluster: Cluster, hand: Hand, eventually: Eventually) -> Asking:
    """A pool of two addresses, one of them a pod's."""
    with contextlib.suppress(errors.AlreadyExists):
        await hand.pool("p", "172.16.19.11", "172.16.19.12")
        await hand.namespace("shop", pools="p")
        await hand.pod("shop", "web")
    assert await eventually(lambda: hand.address("shop", "web")) == "172.16.19.11"
    return Asking(cluster)


async def test_why_says_who_has_an_address_and_since_when(asking: Asking, hand: Hand) -> None:
    (standing,) = (await asking.json("ipam", "why", "172.16.19.11"))["standings"]

    assert (standing["state"], standing["holder"], standing["pool"]) == ("leased", "Pod shop/web", "p")
    assert (standing["node"], standing["network"]) == ("node-1", "vlan/trunk/19/172.16.19.0-24")
    pod = await hand.kube.get(resources.PODS, "web", "shop")
    assert standing["since"] == pod["metadata"]["creationTimestamp"]
    table = await asking.say("ipam", "why", "172.16.19.11")
    assert table.splitlines()[0].split() == ["STATE", "HOLDER", "POOL", "NETWORK", "NODE", "SINCE"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("172.16.19.12", "free"),
        ("172.16.19.13", "in no range"),
        ("172.16.19.254", "the gateway of 172.16.19.0/24"),
        ("10.244.0.2", "Node node-1's own"),
        ("192.0.2.1", "outside every pool"),
    ],
)
async def test_why_says_no_where_nobody_has_an_address(asking: Asking, address: str, said: str) -> None:
    assert said in await asking.say("ipam", "why", address, code=1)


async def test_a_pod_leads_to_its_address_and_row_and_the_row_leads_back(asking: Asking) -> None:
    found = await asking.json("explain", "pod/shop/web")

    assert found["facts"]["node"] == "node-1"
    assert [each["address"] for each in found["addresses"]] == ["172.16.19.11"]
    (row,) = found["rows"]
    assert (row["table"], row["name"].rpartition("/")[0]) == ("Logical_Switch_Port", "shop/web")

    back = await asking.json("explain", "row", row["uuid"])
    assert (back["object"], back["rows"]) == ("Pod shop/web", [row])
    assert [each["address"] for each in back["addresses"]] == ["172.16.19.11"]
    assert "Pod shop/web" in await asking.say("explain", f"row/{row['uuid'][:8]}")


async def test_a_pool_and_a_node_lead_to_their_networks(asking: Asking) -> None:
    pool, node = await asking.json("explain", "ippool", "p"), await asking.json("explain", "node/node-1")

    assert pool["facts"]["used"] == "1 of 2"
    assert {row["table"] for row in pool["rows"]} == {"Logical_Switch", "Logical_Switch_Port"}
    assert {"Logical_Switch", "Logical_Router_Port"} <= {row["table"] for row in node["rows"]}


async def test_what_is_not_there_is_a_no_and_what_cannot_be_is_bad_usage(asking: Asking) -> None:
    assert "did you mean 'node-1'" in await asking.say("explain", "node/node-11", code=1)
    assert "TRK-0805" in await asking.say("explain", "pod/shop/nobody", code=1)
    assert "somebody else's" in await asking.say("explain", "row/00000000", code=1)
    assert "pod/NAMESPACE/NAME" in await asking.say("explain", "pood/x/y", code=2)
    assert "ADDRESS" in await asking.say("ipam", "why", "172.16.19.1333", code=2)


async def test_databases_that_do_not_answer_are_named(asking: Asking) -> None:
    asking.options[1] = "--store=unix:/nowhere/db.sock"
    assert "unix:/nowhere/db.sock" in await asking.say("ipam", "why", "172.16.19.11", code=3)
    del asking.options[1]
    assert "add --store" in await asking.say("ipam", "why", "172.16.19.11", code=2)
