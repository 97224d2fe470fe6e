"""What is decided about a berth follows from what the database holds, not from what the agent has heard so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import SCHEMAS, Daemons, run, serve_database
from trunkline.adapters.netlink import pod
from trunkline.adapters.ovs import switch
from trunkline.adapters.ovs.switch import BridgeSpec, PortSpec, Switch
from trunkline.agent import labels
from trunkline.agent.berths import Berths
from trunkline.ovn import names

pytestmark = pytest.mark.lab

NETWORK = "vlan/trunk/19/172.16.19.0-24"


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
def living() -> set[str]:
    """The UIDs of the pods whose ports OVN has."""
    return set()


@pytest.fixture
def berths(node: Switch, living: set[str]) -> Berths:
    return Berths(node, bridge="br-int", waiting="/run/netns/none", checksum_offload=True, in_ovn=lambda: living)


def wanted(uid: str) -> tuple[pod.Pair, labels.PodLabels]:
    """A pod's cable and labels; the cable is never made, and removing what is not there is no error."""
    name = labels.host_name(uid)
    pair = pod.Pair(host_name=name, host_mac=labels.host_mac(name), waiting="", mac="0a:00:00:00:00:01", mtu=0)
    return pair, labels.PodLabels(pod=f"shop/{uid}", uid=uid, port=f"shop/{uid}", mac=pair.mac, switch=NETWORK)


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


async def labelled(node: Switch, berths: Berths, uid: str) -> bool:
    """Whether a port that is made now asks for another look at the network's way out."""
    pair, ids = wanted(uid)
    await berths.register(pair, ids)
    row = node.interface(pair.host_name)
    assert row
    return labels.LOOK_AGAIN.items() <= row.external_ids.items()


async def looked_again(remote: str, node: Switch, uid: str) -> None:
    run("ovs-vsctl", f"--db={remote}", "--no-wait", "remove", "interface", labels.host_name(uid), "external_ids",
        *labels.LOOK_AGAIN)  # fmt: skip
    await node.caught_up()


async def test_a_way_out_that_is_older_than_the_networks_ports_is_looked_at_again(
    remote: str, node: Switch, berths: Berths, living: set[str]
) -> None:
    living |= {"u1", "u2", "u3", "u4"}
    assert not await labelled(node, berths, "u0"), "ovn-controller has not made the way out yet"
    await node.ensure_port("br-int", PortSpec(name=f"patch-br-int-to-{names.localnet_port(NETWORK, 'trunk')}"))

    assert await labelled(node, berths, "u1"), "u0 has ended: its port may be of a network that was removed"
    assert await labelled(node, berths, "u2"), "u1 may go before its label has been seen to"
    await looked_again(remote, node, "u1")
    assert not await labelled(node, berths, "u3")
    await berths.remove([labels.host_name("u1"), labels.host_name("u3")])
    assert await labelled(node, berths, "u4"), "u2 still asks"
