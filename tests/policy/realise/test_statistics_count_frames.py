"""Frames into a real Open vSwitch, flows of a real ovn-controller, and the accounting of the child-segment document."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from trunkline.adapters import tallies
from trunkline.agent import tallying
from trunkline.agent.settings import Settings

CHILD, PARENT = "/infra/segments/child", "/infra/segments/parent"
MAP = f"{CHILD}/segment-connection-binding-maps/m"
VM, POD, PLAIN = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"


@pytest.fixture
def tally_database(private: Path) -> Iterator[str]:
    subprocess.run(["ovsdb-tool", "create", f"{private}/t.db", str(tallies.schema_path())], check=True)
    quiet = ("-vconsole:off", "-vsyslog:off", f"--unixctl={private}/t.ctl")
    process = subprocess.Popen(["ovsdb-server", f"{private}/t.db", f"--remote=punix:{private}/t.sock", *quiet])
    yield f"unix:{private}/t.sock"
    process.kill()
    process.wait()


@pytest.fixture
async def counting(hypervisors: list[Any], tally_database: str, monkeypatch: Any) -> AsyncIterator[None]:
    """The agents' part on both hypervisors."""
    monkeypatch.setattr(tallying, "INTERVAL", 0.1)
    tasks = [
        asyncio.create_task(
            tallying.run(
                Settings(
                    node=each.name, ovs=f"unix:{each.home}/db.sock", ovn_remote="", encap_ip="", tallies=tally_database
                )
            )
        )
        for each in hypervisors
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)  # each has ended its programs


def frame(source: str, target: str, vlan: int = 0) -> str:
    inner = "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)"
    ends = f"eth(src={source},dst={target})"
    return f"{ends},eth_type(0x8100),vlan(vid={vlan},pcp=0),encap({inner})" if vlan else f"{ends},{inner}"


async def statistics(manager: Any, path: str, **wanted: int) -> dict[str, Any]:
    """The statistics once these totals are there; nothing else may be."""
    async with asyncio.timeout(30):
        while True:
            found = await manager.get(f"{path}/statistics")
            totals = {name: found[name]["total"] for name in wanted}
            if totals == wanted:
                return found  # type: ignore[no-any-return]
            await asyncio.sleep(0.05)  # clients poll


@pytest.mark.usefixtures("counting")
async def test_parent_counts_what_containers_send_child_counts_machines_only_and_nothing_is_lost_with_the_tag(
    hypervisors: list[Any], manager: Any, tally_database: str
) -> None:
    manager.kill()
    with (manager.home / "policy.toml").open("a") as config:
        config.write(f'tallies = "{tally_database}"\n')
    await manager.start()
    await manager.put(PARENT)
    await manager.put(CHILD)
    bound = [{"mac_address": VM}, {"mac_address": POD, "vlan_id": 7}]
    await manager.put(f"{PARENT}/ports/node", attachment={"id": "node"}, address_bindings=bound)
    await manager.put(f"{CHILD}/ports/plain", attachment={"id": "plain"}, address_bindings=[{"mac_address": PLAIN}])
    await manager.put(MAP, vlan_traffic_tag=7, segment_path=PARENT)
    hypervisors[0].plug("node")
    hypervisors[0].plug("plain")
    for path in (f"{PARENT}/ports/node", f"{CHILD}/ports/plain"):
        async with asyncio.timeout(30):
            while (await manager.get(f"{path}/status"))["status"] != "UP":  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # clients poll
    await manager.becomes(MAP, "REALIZED")

    for _ in range(5):
        hypervisors[0].send("node", frame(POD, PLAIN, vlan=7))
    for _ in range(3):
        hypervisors[0].send("plain", frame(PLAIN, POD))
    for _ in range(2):
        hypervisors[0].send("node", frame(VM, "02:00:00:00:00:99"))

    await statistics(manager, f"{CHILD}/ports/plain", rx_packets=3, tx_packets=5)
    child = await statistics(manager, CHILD, rx_packets=3, tx_packets=5)
    assert "trunkline_containers" not in child
    parent = await statistics(manager, PARENT, rx_packets=2 + 5, tx_packets=0)
    (container,) = parent["trunkline_containers"]
    assert (container["vlan_traffic_tag"], container["connected_segment_path"]) == (7, CHILD)
    assert (container["rx_packets"]["total"], container["tx_packets"]["total"]) == (5, 3)
    await statistics(manager, f"{PARENT}/ports/node", rx_packets=7, tx_packets=0)
    await statistics(manager, MAP, rx_packets=5, tx_packets=3)

    now = await manager.get(MAP)
    await manager.put(MAP, **{**now, "vlan_traffic_tag": 8})
    await manager.becomes(MAP, "REALIZED")
    for _ in range(4):
        hypervisors[0].send("node", frame(POD, PLAIN, vlan=8))
    await statistics(manager, MAP, rx_packets=5 + 4, tx_packets=3)
    await statistics(manager, PARENT, rx_packets=7 + 4, tx_packets=0)

    now = await manager.get(MAP)
    await manager.put(MAP, **{**now, "vlan_traffic_tag": 7})  # a port of that name was there, and has counted
    await manager.becomes(MAP, "REALIZED")
    hypervisors[0].send("node", frame(POD, PLAIN, vlan=7))
    await statistics(manager, MAP, rx_packets=5 + 4 + 1, tx_packets=3)
    manager.kill()
    await manager.start()
    await statistics(manager, MAP, rx_packets=5 + 4 + 1, tx_packets=3)
