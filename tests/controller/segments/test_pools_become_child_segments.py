"""IPPools become child segments bound to the nodes' segments, and nothing else is touched: whole programs over TLS."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from tests.controller.conftest import EXTERNAL_IP_POOLS, IP_POOLS
from tests.controller.segments.conftest import MAPS, PARENTS, Joined, Network
from tests.standin.conftest import Eventually
from trunkline.adapters.kube import resources
from trunkline.adapters.kube.resources import Resource
from trunkline.dialects.nsx.realized import Realisation
from trunkline.policy import serving

NODES_A, NODES_B = PARENTS
OLD_KUBECTL = Path(__file__).parents[3] / ".tools/kubernetes-client/usr/bin/kubectl"


async def test_given_a_pool_when_it_is_applied_then_its_child_segment_is_bound_and_the_pool_says_so(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50", vlan=19)

    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))

    child = await joined.fabric.get("/infra/segments/blue-vlan-19")
    assert child is not None
    assert "subnets" not in child
    assert "connectivity_path" not in child
    assert child["tags"] == [
        {"scope": "trunkline/cluster", "tag": "blue"},
        {"scope": "trunkline/pool", "tag": "pool-ap"},
    ]
    assert list((await joined.fabric.bindings()).values()) == [(NODES_A, 19)]


@pytest.mark.parametrize("program", [shutil.which("kubectl"), str(OLD_KUBECTL)], ids=["kubectl", "kubectl-1.20"])
async def test_kubectl_waits_until_a_pool_is_attached(joined: Joined, program: str | None) -> None:
    if program is None or not Path(program).exists():
        pytest.skip("this kubectl is not installed")
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50", vlan=19)

    wait = ("wait", "--for=condition=Attached", "ippool/pool-ap", "--timeout=15s")
    kubeconfig = f"--kubeconfig={joined.cluster.api.kubeconfig()}"
    process = await asyncio.create_subprocess_exec(program, kubeconfig, *wait, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert out.decode() == "ippool.crd.antrea.io/pool-ap condition met\n"
    assert len(await joined.fabric.bindings()) == 1


async def test_given_two_pools_of_one_vlan_then_they_share_a_child_until_the_last_one_goes(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("one", "172.16.19.11", "172.16.19.20")
    await joined.hand.pool("two", "172.16.19.21", "172.16.19.30")
    await joined.hand.pool("other", "172.16.20.11", "172.16.20.20", vlan=20, gateway="172.16.20.254")
    for pool in ("one", "two", "other"):
        await eventually(lambda pool=pool: joined.says(pool, "True", "Realized"))
    assert await joined.fabric.children() == {"blue-vlan-19", "blue-vlan-20"}

    await joined.hand.kube.delete(IP_POOLS, "one")

    async def only_two_named() -> bool:
        child = await joined.fabric.get("/infra/segments/blue-vlan-19")
        return child is not None and [tag["tag"] for tag in child["tags"]] == ["blue", "two"]

    await eventually(only_two_named)
    await joined.hand.kube.delete(IP_POOLS, "two")

    async def only_other_left() -> bool:
        return await joined.fabric.children() == {"blue-vlan-20"}

    await eventually(only_other_left)
    assert list((await joined.fabric.bindings()).values()) == [(NODES_A, 20)]


async def test_given_a_second_parent_then_every_child_is_bound_to_both_and_back_to_one_when_it_leaves(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
    before = await joined.fabric.everything()

    await joined.configure(NODES_A, NODES_B)

    async def bound_to(*parents: str) -> bool:
        return sorted((await joined.fabric.bindings()).values()) == [(parent, 19) for parent in parents]

    await eventually(lambda: bound_to(NODES_A, NODES_B))
    await joined.configure(NODES_A)
    await eventually(lambda: bound_to(NODES_A))
    assert await joined.fabric.everything() == before


async def test_given_a_tag_that_somebody_else_has_then_nothing_is_touched_and_the_pool_names_them(
    joined: Joined, eventually: Eventually
) -> None:
    theirs = f"/infra/segments/test2/{MAPS}/map-id-1"
    await joined.fabric.put("/infra/segments/test2")
    await joined.fabric.put(theirs, vlan_traffic_tag="19", segment_path=NODES_A)
    before = await joined.fabric.everything()

    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "False", "TagConflict"))

    condition = await joined.condition("pool-ap")
    assert condition["message"].startswith(f"VLAN 19 on {NODES_A}: found tag 19 bound by {theirs}, ")
    assert await joined.fabric.everything() == before

    async def told() -> list[str]:
        selector = "involvedObject.name=pool-ap,involvedObject.kind=IPPool"
        events, _ = await joined.hand.kube.list(resources.EVENTS, field_selector=selector)
        return [event["message"] for event in events if event["reason"] == "AttachedTagConflict"]

    assert theirs in (await eventually(told))[0]

    await joined.fabric.delete(theirs)
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))


async def test_given_a_segment_of_somebody_else_under_our_name_then_it_stays_as_it_is(
    joined: Joined, eventually: Eventually
) -> None:
    theirs = await joined.fabric.put("/infra/segments/blue-vlan-19", description="ours for years")
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")

    await eventually(lambda: joined.says("pool-ap", "False", "ForeignSegment"))

    assert await joined.fabric.get("/infra/segments/blue-vlan-19") == theirs
    assert await joined.fabric.bindings() == {}


async def test_given_an_administrator_who_switches_a_child_off_then_the_pool_says_so_and_nobody_fights_over_it(
    joined: Joined, eventually: Eventually
) -> None:
    child = "/infra/segments/blue-vlan-19"
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
    was = await joined.fabric.get(child)
    assert was is not None

    off = await joined.fabric.put(child, **{**was, "admin_state": "DOWN", "display_name": "theirs"})
    await eventually(lambda: joined.says("pool-ap", "False", "SwitchedOff"))
    message = (await joined.condition("pool-ap"))["message"]
    assert message.startswith(f"{child}: found admin_state DOWN, ")

    async def told() -> bool:
        selector = "involvedObject.name=pool-ap,involvedObject.kind=IPPool"
        events, _ = await joined.hand.kube.list(resources.EVENTS, field_selector=selector)
        return [event["message"] for event in events if event["reason"] == "AttachedSwitchedOff"] == [message]

    async def named_as_before() -> bool:
        now = await joined.fabric.get(child)
        return now is not None and now["display_name"] == was["display_name"] and now["admin_state"] == "DOWN"

    await eventually(told)
    await eventually(named_as_before)  # what we say of it is put back, what we do not say is theirs

    now = await joined.fabric.get(child)
    assert now is not None
    assert now["_revision"] == off["_revision"] + 1
    await joined.fabric.put(child, **{**now, "admin_state": "UP"})
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))


async def test_given_a_vm_on_the_child_when_the_pool_goes_then_the_segment_stays_for_the_vm(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
    port = "/infra/segments/blue-vlan-19/ports/vm"
    await joined.fabric.put(port)

    await joined.hand.kube.delete(IP_POOLS, "pool-ap")

    async def unbound() -> bool:
        return await joined.fabric.bindings() == {}

    await eventually(unbound)
    await eventually(lambda: f"found {port}" in joined.cluster.log)
    assert await joined.fabric.get(port)

    await joined.fabric.delete(port)

    async def gone() -> bool:
        return await joined.fabric.children() == set()

    await eventually(gone)


async def test_what_the_network_says_of_a_binding_is_what_the_pool_says(
    joined: Joined, network: Network, eventually: Eventually
) -> None:
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
    (binding,) = await joined.fabric.bindings()

    network.states[binding] = Realisation(state="UNREALIZED")
    await eventually(lambda: joined.says("pool-ap", "False", "Pending"))
    network.states[binding] = Realisation(state="ERROR", problem="no tunnel to hv-2")
    await eventually(lambda: joined.says("pool-ap", "False", "RealizationFailed"))
    assert (await joined.condition("pool-ap"))["message"] == f"{binding}: no tunnel to hv-2"
    network.states.clear()
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))


async def test_given_a_manager_that_is_away_or_refuses_then_the_pool_says_so_until_it_is_back(
    joined: Joined, eventually: Eventually
) -> None:
    authority = joined.fabric.served.home / "later.pem"
    await joined.configure(NODES_A, url="https://127.0.0.1:1", ca=str(authority))
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "Unknown", "SettingsUnusable"))
    authority.write_text(Path(joined.fabric.served.authority).read_text())
    await eventually(lambda: joined.says("pool-ap", "Unknown", "ManagerUnreachable"))

    await joined.configure(NODES_A, user="nobody")
    await eventually(lambda: joined.says("pool-ap", "Unknown", "ManagerRefuses"))
    password = (joined.fabric.served.home / "password").read_text().strip()
    assert password not in joined.cluster.log
    assert [each["status"] for each in joined.fabric.audit()].count(403) == 1, "each counts towards a lock-out"

    await joined.configure(NODES_A)
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))


async def test_given_a_wrong_password_when_its_file_is_replaced_then_the_manager_is_asked_again_at_once(
    joined: Joined, eventually: Eventually
) -> None:
    right = (joined.fabric.served.home / "password").read_text()
    shown = joined.fabric.served.home / "shown"
    shown.write_text("not it")
    await joined.configure(NODES_A, password_file=str(shown))
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "Unknown", "ManagerRefuses"))
    await joined.hand.pool("pool-late", "172.16.20.11", "172.16.20.50", gateway="172.16.20.1", vlan=20)
    await eventually(lambda: joined.says("pool-late", "Unknown", "ManagerRefuses"))
    assert [each["status"] for each in joined.fabric.audit()].count(403) == 1, "each counts towards a lock-out"

    shown.write_text(right)
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
    await eventually(lambda: joined.says("pool-late", "True", "Realized"))


async def test_given_a_manager_with_another_authority_when_its_file_is_replaced_then_the_controller_goes_on_by_itself(
    joined: Joined, tmp_path: Path, eventually: Eventually
) -> None:
    (tmp_path / "earlier").mkdir()
    serving.context(tmp_path / "earlier", ["127.0.0.1"])
    trusted = tmp_path / "earlier" / "ca.pem"
    await joined.configure(NODES_A, ca=str(trusted))
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "Unknown", "ManagerUnreachable"))

    trusted.write_text(Path(joined.fabric.served.authority).read_text())
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))


async def test_given_a_tier_1_then_it_takes_the_pools_gateway_and_gives_it_back(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.fabric.put("/infra/tier-1s/t1")
    await joined.configure(NODES_A, tier1="/infra/tier-1s/t1")
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))

    child = await joined.fabric.get("/infra/segments/blue-vlan-19")
    assert child is not None
    assert child["connectivity_path"] == "/infra/tier-1s/t1"
    assert child["subnets"] == [{"gateway_address": "172.16.19.254/24", "network": "172.16.19.0/24"}]

    await joined.configure(NODES_A)

    async def disconnected() -> bool:
        child = await joined.fabric.get("/infra/segments/blue-vlan-19")
        return child is not None and "connectivity_path" not in child and "subnets" not in child

    await eventually(disconnected)


async def test_given_all_in_step_when_the_controller_restarts_then_nothing_is_written_anywhere(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
    pool = await joined.hand.kube.get(IP_POOLS, "pool-ap")
    attempts = len(joined.fabric.audit())

    await joined.restart()
    await asyncio.sleep(2.5)  # that nothing happens in two rounds cannot be waited for otherwise

    assert len(joined.fabric.audit()) == attempts
    assert await joined.hand.kube.get(IP_POOLS, "pool-ap") == pool


def kind(vlan: int) -> Resource:
    """Pools of both kinds come and go."""
    return EXTERNAL_IP_POOLS if vlan % 2 else IP_POOLS


async def test_given_pools_that_come_and_go_when_the_controller_is_killed_again_and_again_then_all_is_right_in_the_end(
    joined: Joined, eventually: Eventually
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    theirs = f"/infra/segments/test2/{MAPS}/map-id-1"
    await joined.fabric.put("/infra/segments/test2")
    await joined.fabric.put(theirs, vlan_traffic_tag=33, segment_path=NODES_B)
    await joined.configure(NODES_A, NODES_B)
    foreign = {path: each for path, each in (await joined.fabric.everything()).items() if "/blue-" not in path}
    living: set[int] = set()
    for number in range(24):
        vlan = chance.randrange(31, 37)
        if vlan in living:
            living.discard(vlan)
            await joined.hand.kube.delete(kind(vlan), f"vlan-{vlan}")
        else:
            living.add(vlan)
            subnet = f"172.16.{vlan}"
            make = joined.hand.pool if kind(vlan) == IP_POOLS else joined.hand.external_pool
            await make(f"vlan-{vlan}", f"{subnet}.1", f"{subnet}.9", vlan=vlan, gateway=f"{subnet}.254")
        if number % 4 == 3:
            await asyncio.sleep(chance.random() * 0.2)  # so that the kill hits another call each time
            await joined.restart()

    wanted = {(parent, vlan) for parent in PARENTS for vlan in living}

    async def all_right() -> bool:
        bindings = (await joined.fabric.bindings()).values()
        return (
            set(bindings) == wanted | {(NODES_B, 33)}
            and len(bindings) == len(set(bindings))
            and await joined.fabric.children() == {"test2", *(f"blue-vlan-{vlan}" for vlan in living)}
        )

    await eventually(all_right)
    for vlan in living:
        expected = ("False", "TagConflict") if vlan == 33 else ("True", "Realized")
        await eventually(lambda vlan=vlan, expected=expected: joined.says(f"vlan-{vlan}", *expected, kind=kind(vlan)))
    now = await joined.fabric.everything()
    assert {path: each for path, each in now.items() if "/blue-" not in path} == foreign
