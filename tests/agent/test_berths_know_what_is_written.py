"""What is decided about a berth follows from what the database holds, not from what the agent has heard so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import SCHEMAS, Daemons, run, serve_database
from trunkline.adapters.netlink import pod
from trunkline.adapters.ovs import switch
from trunkline.adapters.ovs.switch import BridgeSpec, Switch
from trunkline.agent import labels
from trunkline.agent.berths import Berths

pytestmark = pytest.mark.lab


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    daemons = Daemons(tmp_path)
    try:
        serve_database(daemons, tmp_path, "db", SCHEMAS["ovs"])
        yield f"unix:{tmp_path}/db.sock"
    finally:
        daemons.close()


@pytest.fixture
async def node(remote: str) -> AsyncIterator[Switch]:
    """An Open vSwitch that nobody runs, with its integration bridge."""
    async with switch.connect(remote) as found:
        await found.initialise()
        await found.ensure_bridge(BridgeSpec(name="br-int", datapath_type="netdev"))
        yield found


@pytest.fixture
def berths(node: Switch) -> Berths:
    return Berths(node, bridge="br-int", waiting="/run/netns/none", checksum_offload=True)


def wanted(uid: str) -> tuple[pod.Pair, labels.PodLabels]:
    """A pod's cable and labels; the cable is never made, and removing what is not there is no error."""
    name = labels.host_name(uid)
    pair = pod.Pair(host_name=name, host_mac=labels.host_mac(name), waiting="", mac="0a:00:00:00:00:01", mtu=0)
    return pair, labels.PodLabels(pod=f"shop/{uid}", uid=uid, port=f"shop/{uid}", mac=pair.mac)


async def test_a_port_whose_maker_was_cancelled_is_found_by_who_removes_it(node: Switch, berths: Berths) -> None:
    pair, ids = wanted("u1")
    making = asyncio.create_task(berths.register(pair, ids))
    await asyncio.sleep(0)  # it has asked for the port, and no answer can have come
    making.cancel()

    await berths.remove([pair.host_name])

    assert not berths.has_port(pair.host_name)
    await node.caught_up()
    assert not berths.has_port(pair.host_name)


async def test_who_holds_a_berth_knows_of_a_port_that_somebody_has_just_removed(remote: str, berths: Berths) -> None:
    pair, ids = wanted("u1")
    await berths.register(pair, ids)
    run("ovs-vsctl", f"--db={remote}", "--no-wait", "del-port", pair.host_name)
    assert berths.has_port(pair.host_name), "this thread was busy until now"

    async with berths.hold(pair.host_name):
        assert not berths.has_port(pair.host_name)
