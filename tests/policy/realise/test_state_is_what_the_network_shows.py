"""Realised state comes from northd and from real ovn-controllers, and is about now."""

from __future__ import annotations

import asyncio
import time
from typing import Any

CHILD, PARENT = "/infra/segments/child", "/infra/segments/parent"
MAP = f"{CHILD}/segment-connection-binding-maps/m"
NODE = f"{PARENT}/ports/node"


async def parent_and_child(manager: Any) -> None:
    await manager.put(PARENT)
    await manager.put(CHILD)
    await manager.put(NODE, attachment={"id": "node"})
    await manager.put(MAP, vlan_traffic_tag=5, segment_path=PARENT)


async def place(manager: Any, wanted: list[str]) -> dict[str, Any]:
    """The port's state once it is on these hypervisors."""
    async with asyncio.timeout(10):
        while (state := await manager.get(f"{NODE}/state"))["transport_node_ids"] != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # clients poll
    return state  # type: ignore[no-any-return]


async def test_what_changes_is_realized_and_tells_how_long_it_took(hypervisors: list[Any], manager: Any) -> None:
    await parent_and_child(manager)
    hypervisors[0].plug("node")
    await place(manager, ["hv1"])

    for tag in range(10, 15):
        started = time.monotonic()
        revision = (await manager.get(MAP))["_revision"]
        await manager.put(MAP, vlan_traffic_tag=tag, segment_path=PARENT, _revision=revision)
        entity = await manager.becomes(MAP, "REALIZED")
        assert 0 <= entity["time_taken_for_realization"] <= (time.monotonic() - started) * 1000 + 2


async def test_a_port_is_where_its_interface_is(hypervisors: list[Any], manager: Any) -> None:
    await parent_and_child(manager)
    await manager.becomes(NODE, "REALIZED")
    assert (await manager.get(f"{NODE}/state"))["attachment"] == {"id": "node", "state": "DETACHED", "attachers": []}
    assert (await manager.get(f"{NODE}/status"))["status"] == "DOWN"

    hypervisors[0].plug("node")
    state = await place(manager, ["hv1"])
    assert state["attachment"] == {
        "id": "node",
        "state": "ATTACHED",
        "attachers": [{"host": "hv1", "entity": "node"}],
    }
    hypervisors[0].unplug("node")
    await place(manager, [])
    hypervisors[1].plug("node")
    await place(manager, ["hv2"])
    attributes = (await manager.entity(MAP))["extended_attributes"]
    assert {"key": "transport_node_ids", "values": ["hv2"], "data_type": "STRING", "multivalue": False} in attributes


async def test_a_hypervisor_that_does_not_answer_is_named_and_holds_up_nobody_else(
    hypervisors: list[Any], manager: Any
) -> None:
    await parent_and_child(manager)
    hypervisors[0].plug("node")
    await place(manager, ["hv1"])
    await manager.becomes(MAP, "REALIZED")

    hypervisors[1].freeze()
    await manager.put("/infra/tier-1s/late")
    assert (await manager.entity("/infra/tier-1s/late"))["state"] == "UNREALIZED"
    entity = await manager.becomes("/infra/tier-1s/late", "REALIZED")
    assert entity["alarms"][0]["message"] == "hypervisor hv2 does not answer"
    assert (await manager.entity(NODE))["state"] == "REALIZED"

    hypervisors[1].thaw()
    async with asyncio.timeout(10):
        while (await manager.entity("/infra/tier-1s/late"))["alarms"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # clients poll


async def test_nothing_is_realized_while_northd_is_down(manager: Any, ovn_central: Any) -> None:
    await manager.put("/infra/tier-1s/before")
    await manager.becomes("/infra/tier-1s/before", "REALIZED")
    ovn_central.kill("northd")

    await manager.put("/infra/tier-1s/while")
    await asyncio.sleep(0.3)
    assert (await manager.entity("/infra/tier-1s/while"))["state"] == "UNREALIZED"
    assert (await manager.entity("/infra/tier-1s/before"))["state"] == "REALIZED"

    ovn_central.start_northd()
    await manager.becomes("/infra/tier-1s/while", "REALIZED")


async def test_databases_may_go_and_come_back(manager: Any, ovn_central: Any) -> None:
    await parent_and_child(manager)
    await manager.becomes(MAP, "REALIZED")
    ovn_central.kill("nb")
    await manager.put("/infra/tier-1s/while")
    assert (await manager.entity("/infra/tier-1s/while"))["state"] == "UNREALIZED"

    await asyncio.to_thread(ovn_central.start_database, "nb")
    await manager.becomes("/infra/tier-1s/while", "REALIZED", 20)


async def test_what_cannot_be_done_is_an_error_and_what_is_done_in_part_an_alarm(manager: Any) -> None:
    vlan = "/infra/sites/default/enforcement-points/default/transport-zones/vlan"
    await manager.put("/infra/segments/two", transport_zone_path=vlan, vlan_ids=["10", "20"])
    await manager.put("/infra/segments/part", advanced_config={"multicast": True})
    await manager.put("/infra/tier-1s/t1")
    route = "/infra/tier-1s/t1/static-routes/r"
    await manager.put(route, network="10.9.0.0/16", next_hops=[{"ip_address": "192.0.2.1"}])

    error = await manager.becomes("/infra/segments/two", "ERROR")
    assert "[TRK-0950]" in error["alarms"][0]["message"]
    assert (await manager.get("/infra/segments/two/state"))["state"] == "error"
    part = await manager.becomes("/infra/segments/part", "REALIZED")
    assert "multicast is not routed" in part["alarms"][0]["message"]
    unreachable = await manager.becomes(route, "ERROR")
    assert "[TRK-0407]" in unreachable["alarms"][0]["message"]

    # The state is about now: what is mended by another object is mended.
    gateway = [{"gateway_address": "192.0.2.254/24"}]
    await manager.put("/infra/segments/leg", connectivity_path="/infra/tier-1s/t1", subnets=gateway)
    await manager.becomes(route, "REALIZED")
