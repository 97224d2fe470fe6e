"""Without a list of parents the controller finds its nodes' segments by itself, and follows nodes that come and go."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from tests.controller.conftest import Hand
from tests.controller.segments.conftest import PARENTS, Fabric, Joined, Served
from tests.standin.conftest import Eventually
from trunkline.adapters.kube import resources
from trunkline.adapters.nsx import Basic, Nsx, in_file, tls_context
from trunkline.controller.segments import locate
from trunkline.controller.segments.documents import Shape
from trunkline.dialects.kubernetes.objects import Node

NODES_A, NODES_B = PARENTS
SHAPE = Shape(cluster="blue")


def node(name: str, *addresses: str) -> Node:
    return Node(name=name, internal_ips=tuple(ip_address(each) for each in addresses))


async def test_a_port_that_has_a_nodes_address_tells_its_segment(fabric: Fabric, served: Served) -> None:
    await fabric.put(f"{NODES_A}/ports/one", attachment={"id": "card-1"}, address_bindings=[{"ip_address": "10.1.0.1"}])
    await fabric.put(f"{NODES_B}/ports/two", address_bindings=[{"ip_address": "10.1.0.11"}])
    nodes = [node("n1", "10.1.0.1"), node("n2", "10.1.0.2", "fd00::2"), node("n3")]

    password = in_file(str(served.home / "password"))
    async with Nsx(served.url, tls_context(served.authority), Basic("admin", password)) as nsx:
        found = await locate.locate(nsx, SHAPE, nodes)

    assert found.parents == (NODES_A,)
    assert found.missing == {
        "n2": "no segment port is known to have 10.1.0.2, fd00::2",
        "n3": "it has not reported an internal address yet",
    }


class Inventory:
    """A manager on whose ports nobody wrote addresses; it has seen them at the machines' cards."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    async def search(self, query: str, *, root: str) -> list[dict[str, Any]]:
        self.queries.append(query)
        if "attachment.id" not in query:
            return []
        lagging = {"path": f"{NODES_B}/ports/old", "attachment": {"id": "other"}}
        return [lagging, {"path": f"{NODES_A}/ports/default:1", "attachment": {"id": "card-1"}}]

    async def members(self, path: str) -> list[dict[str, Any]]:
        assert path == "/infra/realized-state/enforcement-points/default/vifs"
        seen = [{"source": "VM_TOOLS", "ip_addresses": ["10.1.0.1", "fe80::1"]}]
        return [
            {"external_id": "x", "lport_attachment_id": "card-1", "ip_address_info": seen},
            {"external_id": "y", "ip_address_info": [{"ip_addresses": ["10.1.0.2"]}]},
        ]


async def test_the_inventory_tells_where_no_port_does() -> None:
    manager = Inventory()

    found = await locate.locate(manager, SHAPE, [node("n1", "10.1.0.1"), node("n2", "10.1.0.2")])  # type: ignore[arg-type]

    assert found.parents == (NODES_A,)
    assert set(found.missing) == {"n2"}
    assert manager.queries == [
        r"resource_type:SegmentPort AND address_bindings.ip_address:(10.1.0.1 OR 10.1.0.2)",
        r"resource_type:SegmentPort AND attachment.id:(card\-1)",
    ]


@pytest.mark.parametrize("path", ["/infra/segments/blue-vlan-19", "/orgs/default/projects/p/infra/segments/nodes"])
def test_what_cannot_be_a_parent_is_none(path: str) -> None:
    found = locate.judged([node("n1", "10.1.0.1")], {"10.1.0.1": path}, SHAPE)

    assert found.parents == ()
    assert path in found.missing["n1"]


async def give_address(hand: Hand, name: str, address: str) -> None:
    body = {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
    await hand.kube.patch(resources.NODES, name, body, subresource="status")


async def test_bindings_follow_the_nodes_and_a_node_that_is_not_found_is_named_and_costs_nobody_anything(
    joined: Joined, eventually: Eventually
) -> None:
    hand, fabric = joined.hand, joined.fabric
    nodes, _ = await hand.kube.list(resources.NODES)
    first, second = sorted(each["metadata"]["name"] for each in nodes)[:2]
    for each in nodes[2:]:
        await hand.kube.delete(resources.NODES, each["metadata"]["name"])
    await fabric.put(f"{NODES_A}/ports/one", address_bindings=[{"ip_address": "10.1.0.1"}])
    await fabric.put(f"{NODES_B}/ports/two", address_bindings=[{"ip_address": "10.1.0.2"}])
    await give_address(hand, first, "10.1.0.1")
    await give_address(hand, second, "10.1.0.2")
    await joined.configure()
    await hand.pool("pool-ap", "172.16.19.11", "172.16.19.50")

    async def bound_to(*parents: str) -> bool:
        return sorted((await fabric.bindings()).values()) == [(parent, 19) for parent in parents]

    await eventually(lambda: bound_to(NODES_A, NODES_B))
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))

    await give_address(hand, second, "10.1.0.3")
    await eventually(lambda: joined.says("pool-ap", "False", "NodeNotFound"))
    told = (await joined.condition("pool-ap"))["message"]
    assert told.startswith(f"Node {second}: found no segment port is known to have 10.1.0.3")
    assert "address_bindings" in told
    assert await bound_to(NODES_A, NODES_B)

    await hand.kube.delete(resources.NODES, second)
    await eventually(lambda: bound_to(NODES_A))
    await eventually(lambda: joined.says("pool-ap", "True", "Realized"))
