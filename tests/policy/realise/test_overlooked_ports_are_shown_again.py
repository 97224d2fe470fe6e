"""A container's port that nobody claims although its hypervisor has followed: the hypervisor's agent is asked, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.policy.realise.test_state_is_what_the_network_shows import MAP, parent_and_child, place
from trunkline.adapters import ovsdb
from trunkline.adapters.ovs import switch
from trunkline.agent import localnets
from trunkline.policy.agendas import Agendas
from trunkline.policy.realise.overlooked import Overlooked
from trunkline.policy.realise.southbound import Southbound
from trunkline.trace.errands import Recompute, Report


class Watching:
    """What looks for overlooked ports, and what it has put on the agenda of the first hypervisor."""

    def __init__(self, southbound: Southbound) -> None:
        self.southbound, self.agendas = southbound, Agendas()
        self.overlooked = Overlooked(southbound, self.agendas)

    async def errands(self) -> list[Any]:
        return list((await self.agendas.agenda("hv1", "", 0)).errands)

    async def looks(self) -> list[Any]:
        self.overlooked.look()
        return await self.errands()


@pytest.fixture
async def watching(hypervisors: list[Any], manager: Any, ovn: Any) -> AsyncIterator[Watching]:
    """A child's map that is realised on the first hypervisor, and a view of the southbound database."""
    await parent_and_child(manager)
    hypervisors[0].plug("node")
    await place(manager, ["hv1"])
    await manager.becomes(MAP, "REALIZED")
    async with ovsdb.Client(ovn.remote("sb"), "OVN_Southbound") as client:
        southbound = Southbound(client)
        await southbound.start(lambda: None)
        yield Watching(southbound)


async def until(fact: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def unbind(ovn: Any) -> None:
    [container] = ovn.sbctl("--bare", "--columns=logical_port", "find", "Port_Binding", "tag=5").split()
    ovn.sbctl("lsp-unbind", container)


async def test_a_port_that_waits_at_two_looks_is_asked_for_once(
    watching: Watching, hypervisors: list[Any], ovn: Any
) -> None:
    await until(lambda: watching.southbound.followed()["hv1"] == watching.southbound.northd)
    assert await watching.looks() == await watching.looks() == []
    hypervisors[0].freeze()  # it has followed, and sees nothing of what comes
    unbind(ovn)
    await until(watching.southbound.waiting)

    assert await watching.looks() == []
    [errand] = await watching.looks()
    assert isinstance(errand, Recompute)
    assert await watching.looks() == [errand]
    watching.agendas.report("hv1", Report(errand=errand.id, state="done"))
    assert await watching.looks() == []

    hypervisors[0].thaw()
    await until(lambda: not watching.southbound.waiting())
    assert await watching.looks() == []
    hypervisors[0].freeze()
    unbind(ovn)
    await until(watching.southbound.waiting)
    await watching.looks()
    assert await watching.looks() != [], "it waits anew, so it is asked for anew"


async def test_a_hypervisor_that_could_not_is_asked_again_and_no_more_once_the_port_is_claimed(
    watching: Watching, hypervisors: list[Any], ovn: Any
) -> None:
    await until(lambda: watching.southbound.followed()["hv1"] == watching.southbound.northd)
    hypervisors[0].freeze()
    unbind(ovn)
    await until(watching.southbound.waiting)
    await watching.looks()
    [first] = await watching.looks()
    watching.agendas.report("hv1", Report(errand=first.id, state="failed", problem="the database is away"))
    [second] = await watching.looks()
    assert second != first

    hypervisors[0].thaw()
    await until(lambda: not watching.southbound.waiting())
    assert await watching.looks() == []


async def test_a_hypervisor_that_is_only_slow_is_left_in_peace(
    watching: Watching, hypervisors: list[Any], manager: Any
) -> None:
    hypervisors[0].freeze()
    await manager.put("/infra/segments/second")
    await manager.put(
        "/infra/segments/second/segment-connection-binding-maps/m",
        vlan_traffic_tag=6,
        segment_path="/infra/segments/parent",
    )
    await until(watching.southbound.waiting)

    assert [await watching.looks() for _ in range(3)] == [[], [], []]


async def test_a_hypervisor_that_looks_again_has_its_root_row_touched(hypervisors: list[Any]) -> None:
    async with switch.connect(f"unix:{hypervisors[0].home}/db.sock") as here:
        before = hypervisors[0].vsctl("--if-exists", "get", "open", ".", f"external_ids:{localnets.TOUCHED}").strip()
        await localnets.look_again(here)
        await localnets.look_again(here)
    after = hypervisors[0].vsctl("get", "open", ".", f"external_ids:{localnets.TOUCHED}").strip()

    assert (before, after) == ("", '"2"')
