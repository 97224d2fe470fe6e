"""The whole way: an IPPool in the cluster, the policy API between, and rows in the fabric's own northbound database."""

from __future__ import annotations

import functools
import json

import pytest

from tests.conftest import Central
from tests.controller.conftest import IP_POOLS
from tests.controller.segments.conftest import PARENTS, Joined, managers
from tests.standin.conftest import Eventually

NODES_A, _ = PARENTS
VIF = "658c6c45-286f-4a23-832f-a646253b200b"


@pytest.fixture
def network(ovn_central: Central, monkeypatch: pytest.MonkeyPatch) -> Central:
    """A real network in place of the one that obeys: OVN's databases and northd."""
    ovn_central.start_northd()
    remotes = {"northbound": ovn_central.remote("nb"), "southbound": ovn_central.remote("sb")}
    monkeypatch.setattr(managers, "Settings", functools.partial(managers.Settings, **remotes))
    return ovn_central


async def test_given_a_node_vm_on_a_parent_when_a_pool_comes_and_goes_then_so_does_its_nested_port(
    joined: Joined, network: Central, eventually: Eventually
) -> None:
    await joined.fabric.put(f"{NODES_A}/ports/node-1", attachment={"id": VIF})
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50", vlan=19)

    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))

    assert nested_ports(network) == {f"{VIF}/19": (VIF, 19)}

    await joined.hand.kube.delete(IP_POOLS, "pool-ap")
    await eventually(lambda: nested_ports(network) == {})


def nested_ports(network: Central) -> dict[str, tuple[str, int]]:
    """Logical ports that stand behind a tag of another: name to parent and tag."""
    columns = "--columns=name,parent_name,tag"
    rows = json.loads(network.nbctl("--format=json", columns, "list", "Logical_Switch_Port"))["data"]
    return {name: (parent, tag) for name, parent, tag in rows if isinstance(parent, str)}
