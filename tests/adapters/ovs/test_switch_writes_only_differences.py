"""The switch adapter against a real ovsdb-server; nothing opens the devices, so no root is needed."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from trunkline.adapters import ovsdb
from trunkline.adapters.ovs import rows, switch
from trunkline.adapters.ovs.switch import BridgeSpec, PortSpec, Switch
from trunkline.kit.problems import RemoteError

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
BRIDGE = BridgeSpec(
    name="br-int", datapath_type="netdev", fail_mode="secure", other_config={"disable-in-band": "true"}, mtu=1400
)


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    """A database of its own, served."""
    database, socket = tmp_path / "conf.db", tmp_path / "db.sock"
    subprocess.run(["ovsdb-tool", "create", database, SCHEMA], check=True)
    command = ["ovsdb-server", database, f"--remote=punix:{socket}", f"--unixctl={tmp_path}/ctl", "--no-chdir"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        yield f"unix:{socket}"
        server.kill()


@pytest.fixture
async def node(remote: str) -> AsyncIterator[Switch]:
    async with switch.connect(remote) as found:
        await found.initialise()
        yield found


async def vswitchd_says(node: Switch, interface: ovsdb.RowUuid, **columns: object) -> None:
    """Write what ovs-vswitchd or ovn-controller would."""
    await node._client.transact([ovsdb.update("Interface", ovsdb.by_uuid(interface), columns)])


async def everything(node: Switch) -> None:
    await node.initialise()
    await node.ensure_bridge(BRIDGE)
    await node.ensure_port("br-int", PortSpec(name="p1", external_ids={"iface-id": "a"}))
    await node.set_external_ids({"system-id": "n1"}, absent=["old"])
    await node.set_tls("key.pem", "cert.pem", "ca.pem")
    await node.ensure_datapath("netdev")


async def test_what_is_there_already_is_not_written_again(node: Switch) -> None:
    await node.set_external_ids({"old": "1", "foreign": "kept"})
    await everything(node)
    generation = node.replica.generation
    await everything(node)
    await asyncio.sleep(0.05)
    assert node.replica.generation == generation
    assert node.root
    assert node.root.external_ids == {"system-id": "n1", "foreign": "kept"}
    bridge = node.bridge("br-int")
    assert bridge
    assert (bridge.datapath_type, bridge.fail_mode) == ("netdev", "secure")
    own = node.interface("br-int")
    assert own
    assert (own.type, own.mtu_request) == ("internal", 1400)


async def test_a_bridge_keeps_what_others_wrote_and_gets_what_differs(node: Switch) -> None:
    await node.ensure_bridge(BridgeSpec(name="br-int", datapath_type="system", other_config={"foreign": "kept"}))
    await node.ensure_bridge(BRIDGE)
    bridge = node.bridge("br-int")
    assert bridge
    assert bridge.datapath_type == "netdev"
    assert bridge.other_config == {"foreign": "kept", "disable-in-band": "true"}


async def test_removing_takes_only_what_is_named_and_may_be_repeated(node: Switch) -> None:
    await node.ensure_bridge(BRIDGE)
    for name in ("p1", "p2"):
        await node.ensure_port("br-int", PortSpec(name=name, external_ids={"who": name, "owner": "agent"}))
    victims = node.interfaces({"who": "p1", "owner": "agent"})
    await node.remove_ports(victims)
    await node.remove_ports(victims)
    assert [row.name for row in node.interfaces({"owner": "agent"})] == ["p2"]
    await node.remove_bridge("br-int")
    await node.remove_bridge("br-int")
    assert not node.replica.table(rows.Interface)


async def test_labelling_a_port_leaves_what_ovn_controller_writes_at_that_moment(node: Switch) -> None:
    await node.ensure_bridge(BRIDGE)
    spec = PortSpec(name="p1", external_ids={"iface-id": "a", "who": "nobody"})
    port = await node.ensure_port("br-int", spec)
    labelled = PortSpec(name="p1", external_ids={"iface-id": "a", "who": "pod", "where": "here"})
    await asyncio.gather(
        vswitchd_says(node, port, external_ids={"iface-id": "a", "who": "nobody", "ovn-installed": "true"}),
        node.ensure_port("br-int", labelled),
    )
    (row,) = node.interfaces({"iface-id": "a"})
    assert row.external_ids == {"iface-id": "a", "who": "pod", "where": "here", "ovn-installed": "true"}


def another(remote: str, *words: str) -> None:
    """What another program writes; the replica does not hear of it before this thread lets it."""
    subprocess.run(["ovs-vsctl", f"--db={remote}", "--no-wait", *words], check=True, timeout=60)


async def test_keys_that_others_wrote_at_that_moment_stay(node: Switch, remote: str) -> None:
    await node.ensure_bridge(BRIDGE)
    await node.set_external_ids({"system-id": "n1", "old": "1"})
    another(remote, "set", "open_vswitch", ".", "external_ids:theirs=1")
    another(remote, "set", "bridge", "br-int", "external_ids:theirs=1", "other_config:theirs=1")
    own = BridgeSpec(name="br-int", datapath_type="netdev", other_config={"ours": "1"}, external_ids={"ours": "1"})
    assert node.root
    assert "theirs" not in node.root.external_ids, "this thread was busy until now"

    await node.set_external_ids({"system-id": "n2"}, absent=["old", "theirs-not-there"])
    await node.ensure_bridge(own)

    root, bridge = node.root, node.bridge("br-int")
    assert root
    assert bridge
    assert root.external_ids == {"system-id": "n2", "theirs": "1"}
    assert bridge.external_ids == {"ours": "1", "theirs": "1"}
    assert bridge.other_config == {"disable-in-band": "true", "ours": "1", "theirs": "1"}


async def test_a_datapaths_row_that_another_has_just_made_stays_and_so_do_its_capabilities(
    node: Switch, remote: str
) -> None:
    another(remote, "--", "--id=@made", "create", "datapath", "capabilities:ct_zero_snat=true", "--", "set",
            "open_vswitch", ".", "datapaths:netdev=@made")  # fmt: skip
    await node.ensure_datapath("netdev")
    datapath = node.datapath("netdev")
    assert datapath
    assert datapath.capabilities == {"ct_zero_snat": "true"}
    another(remote, "set", "datapath", datapath.uuid, "capabilities:recirc=true")

    await node.set_capability(datapath, "ct_zero_snat", "false")

    datapath = node.datapath("netdev")
    assert datapath
    assert datapath.capabilities == {"ct_zero_snat": "false", "recirc": "true"}


async def test_what_is_to_be_taken_includes_what_others_have_just_asked_for(node: Switch, remote: str) -> None:
    another(remote, "set", "open_vswitch", ".", "next_cfg=5")
    waiting = asyncio.create_task(node.taken(10))
    await node.replica.wait_for(lambda: node.root is not None and node.root.next_cfg == 6, 10)
    another(remote, "set", "open_vswitch", ".", "cur_cfg=5")
    await node.caught_up()
    await asyncio.sleep(0)
    assert not waiting.done(), "ovs-vswitchd has taken what was there before"
    another(remote, "set", "open_vswitch", ".", "cur_cfg=6")
    await waiting


async def test_a_port_is_waited_for_until_its_flows_are_installed(node: Switch) -> None:
    await node.ensure_bridge(BRIDGE)
    port = await node.ensure_port("br-int", PortSpec(name="p1"))
    waiting = asyncio.create_task(node.installed(port, 5.0))
    await vswitchd_says(node, port, ofport=1)
    await node.opened(port, 1.0)
    assert not waiting.done()
    await vswitchd_says(node, port, external_ids={"ovn-installed": "true"})
    await waiting


async def test_a_device_that_cannot_be_opened_is_told_at_once_with_the_reason(node: Switch) -> None:
    await node.ensure_bridge(BRIDGE)
    port = await node.ensure_port("br-int", PortSpec(name="p1"))
    await vswitchd_says(node, port, ofport=-1, error="could not open network device p1")
    with pytest.raises(RemoteError, match="could not open network device p1"):
        await node.installed(port, 5.0)
    quiet = await node.ensure_port("br-int", PortSpec(name="p2"))
    with pytest.raises(RemoteError, match="TRK-0511"):
        await node.opened(quiet, 0.05)
    await node._client.transact([ovsdb.mutate("Bridge", (), [("ports", "delete", {row.uuid})]) for row in
                                 node.replica.table(rows.Port).values() if row.name == "p2"])  # fmt: skip
    with pytest.raises(RemoteError, match="removed"):
        await node.opened(quiet, 0.05)
    with pytest.raises(RemoteError, match="no such bridge"):
        await node.ensure_port("br-none", PortSpec(name="p3"))


async def test_a_capability_is_overruled_and_the_others_stay(node: Switch) -> None:
    await node.ensure_datapath("netdev")
    for expected in ({"ct_zero_snat": "false"}, {"ct_zero_snat": "false", "recirc": "true"}):
        datapath = node.datapath("netdev")
        assert datapath
        await node.set_capability(datapath, "ct_zero_snat", "false")
        datapath = node.datapath("netdev")
        assert datapath
        assert datapath.capabilities.items() <= expected.items()
        await node.set_capability(datapath, "recirc", "true")
