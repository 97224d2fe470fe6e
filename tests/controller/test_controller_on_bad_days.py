"""Kill -9 the controller at any moment: no address is lost, none is given twice, and a restart in step writes nothing."""

from __future__ import annotations

import asyncio
import random

from tests.controller.conftest import IP_POOLS, Cluster, Hand
from tests.standin.conftest import Eventually
from trunkline.adapters.kube import resources
from trunkline.intent import attachment


async def _in_step(cluster: Cluster, hand: Hand) -> bool:
    """Pods, claims and rows say the same."""
    pods, _ = await hand.kube.list(resources.PODS, "storm")
    wanted = {pod["metadata"]["uid"] for pod in pods}
    claimed = [lease for lease in await cluster.leases() if lease.pool == "storm"]
    ports = {name: addresses for name, addresses in cluster.ports().items() if name.startswith("storm/")}
    return (
        {lease.pod.uid for lease in claimed if lease.pod} == wanted
        and len(claimed) == len(wanted)
        and {f"storm/{lease.pod.name}/{lease.pod.uid[:8]}" for lease in claimed if lease.pod} == set(ports)
    )


async def _all_told(hand: Hand) -> bool:
    """Every pod carries its note, and every pool its status."""
    pods, _ = await hand.kube.list(resources.PODS)
    pools, _ = await hand.kube.list(IP_POOLS)
    noted = all(attachment.ANNOTATION in (pod["metadata"].get("annotations") or {}) for pod in pods)
    used = sum((pool.get("status") or {}).get("usage", {}).get("used", -1) for pool in pools)
    return noted and used == len(pods)


async def test_given_pods_that_come_and_go_when_the_controller_is_killed_again_and_again_then_nothing_is_lost(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    await hand.pool("storm", "172.16.30.1", "172.16.30.30", vlan=30, gateway="172.16.30.254")
    await hand.namespace("storm", pools="storm")
    living: set[str] = set()
    for number in range(60):
        if living and chance.random() < 0.45:
            name = chance.choice(sorted(living))
            living.discard(name)
            await hand.remove_pod("storm", name)
        else:
            living.add(f"pod-{number}")
            await hand.pod("storm", f"pod-{number}", node=chance.choice(["node-1", "node-2"]))
        if number % 8 == 7:
            await asyncio.sleep(chance.random() * 0.3)  # so that the kill hits another line each time
            cluster.kill_controller()
            cluster.start_controller()

    await eventually(lambda: _in_step(cluster, hand))

    claimed = [str(lease.address) for lease in await cluster.leases() if lease.pool == "storm"]
    assert len(claimed) == len(set(claimed)) == len(living)


async def test_given_a_cluster_in_step_when_the_controller_restarts_then_no_row_and_no_object_is_written(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await eventually(lambda: "in step" in cluster.log)
    await eventually(lambda: _all_told(hand))
    starts = cluster.log.count("in step")

    def northbound() -> str:
        return cluster.central.nbctl("--format=csv", "--columns=_uuid,name", "list", "Logical_Switch_Port")

    rows = northbound()
    writes = (cluster.central.home / "nb.db").stat().st_size
    pods, _ = await hand.kube.list(resources.PODS)

    cluster.kill_controller()
    cluster.start_controller()
    await eventually(lambda: cluster.log.count("in step") > starts)

    assert northbound() == rows
    assert (cluster.central.home / "nb.db").stat().st_size == writes
    again, _ = await hand.kube.list(resources.PODS)
    assert {pod["metadata"]["resourceVersion"] for pod in again} == {pod["metadata"]["resourceVersion"] for pod in pods}


async def test_given_a_second_controller_when_it_takes_over_then_the_first_stops_writing_and_ends(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    first, steps = cluster.controller, cluster.log.count("in step")
    assert first is not None
    cluster.start_controller()
    await eventually(lambda: cluster.log.count("in step") > steps)
    await hand.namespace("fenced", pools="storm")

    await hand.pod("fenced", "web")  # both see it; only one may claim an address for it

    assert await eventually(lambda: hand.address("fenced", "web"))
    assert await eventually(lambda: first.poll() is not None)
    assert len([lease for lease in await cluster.leases() if lease.pod and lease.pod.namespace == "fenced"]) == 1
