"""The cluster's and the fabric's writer in one northbound database: each sees only its own rows as its own."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec

from trunkline.intent import model
from trunkline.ovn import diff, identity

POD = model.Port(
    id="shop/web-0/11112222",
    network="overlay/node1",
    hosts=(model.Host("0a:58:0a:f4:01:03", (ip_interface("10.244.1.3/24"),)),),
)
CLUSTER = model.Intent.of(
    [
        model.Network(id="overlay/node1", kind=model.NetworkKind.OVERLAY),
        model.Router(id="overlay"),
        model.RouterPort(
            id="overlay/node1",
            router="overlay",
            network="overlay/node1",
            mac="0a:58:0a:f4:01:01",
            addresses=(ip_interface("10.244.1.1/24"),),
        ),
        POD,
    ]
)
UPLINK = model.RouterPort(
    id="infra/tier-0s/t0/up",
    router="infra/tier-0s/t0",
    network="infra/segments/uplink",
    mac="02:00:00:00:03:00",
    addresses=(ip_interface("192.168.30.2/24"),),
    gateway_chassis=("edge1", "edge2"),
)
VIF = model.Port(id="vif-a", network="infra/segments/parent", guard=model.Guard.NONE, filter="usual")
FABRIC = model.Intent.of(
    [
        model.Network(id="infra/segments/uplink", kind=model.NetworkKind.VLAN, physical_network="uplink", vlan=300),
        model.Network(id="infra/segments/parent", kind=model.NetworkKind.OVERLAY),
        model.Router(id="infra/tier-0s/t0"),
        UPLINK,
        model.Filter(id="usual", drops=(model.Traffic.DHCP_SERVER,)),
        model.Nat(
            id="nat",
            gateway=UPLINK.id,
            kind=model.NatKind.SNAT,
            external=ip_address("192.168.30.9"),
            internal=ip_network("10.1.0.0/24"),
        ),
        VIF,
        model.Port(id="vif-a/1002", network="infra/segments/parent", guard=model.Guard.NONE, parent=VIF.id, tag=1002),
        model.Qos(id="vif-a/from-port", port=VIF.id, direction=model.Direction.FROM_PORT, rate=1000),
    ]
)


def rows(central: Any, owner: str) -> list[str]:
    """Every row that carries the owner's mark, with its uuid, and with what lives in it and is referred to."""
    text = central.nbctl(
        "--format=csv", "--no-headings",
        *(arg for table in TABLES for arg in ("--", "list", table)),
    )  # fmt: skip
    return sorted(line for line in text.splitlines() if f"trunkline-owner={owner}" in line)


TABLES = (
    "logical_switch",
    "logical_switch_port",
    "port_group",
    "acl",
    "qos",
    "logical_router",
    "logical_router_port",
    "gateway_chassis",
    "logical_router_static_route",
    "logical_router_policy",
    "nat",
)


async def test_each_writes_changes_and_removes_its_own_rows_and_leaves_the_others_as_they_are(
    writing: Any, ovn_central: Any
) -> None:
    async with writing("cluster") as cluster, writing("fabric") as fabric:
        await asyncio.gather(cluster.written(cluster.replace(CLUSTER)), fabric.written(fabric.replace(FABRIC)))
        pods, vifs = rows(ovn_central, "cluster"), rows(ovn_central, "fabric")
        assert pods
        assert vifs

        moved = msgspec.structs.replace(VIF, chassis="node1")
        await fabric.written(fabric.apply([moved], [identity.key_of(FABRIC.qos["vif-a/from-port"])]))
        assert rows(ovn_central, "cluster") == pods
        assert rows(ovn_central, "fabric") != vifs

        vifs = rows(ovn_central, "fabric")
        await cluster.written(cluster.replace(model.Intent()))
        assert rows(ovn_central, "cluster") == []
        assert rows(ovn_central, "fabric") == vifs

        await fabric.written(fabric.replace(model.Intent()))
        assert ovn_central.nbctl("show") == ""
        assert cluster.problems == fabric.problems == {}


async def test_restart_of_both_writes_nothing(writing: Any, transactions: list[Any]) -> None:
    for _ in range(2):
        transactions.clear()
        async with writing("cluster") as cluster, writing("fabric") as fabric:
            await cluster.written(cluster.replace(CLUSTER))
            await fabric.written(fabric.replace(FABRIC))

    assert transactions == []


async def test_port_name_that_the_cluster_has_is_a_problem_of_the_fabric_until_the_cluster_lets_go(
    writing: Any, ovn_central: Any
) -> None:
    claimed = msgspec.structs.replace(VIF, id=POD.id)
    async with writing("cluster") as cluster, writing("fabric") as fabric:
        await cluster.written(cluster.replace(CLUSTER))
        await fabric.written(fabric.replace(model.Intent.of([*FABRIC.objects(), claimed])))
        assert [problem.code for problem in fabric.problems[identity.key_of(claimed)]] == [diff.NAME_TAKEN]

        await cluster.written(cluster.apply(removed=[identity.key_of(POD)]))
        async with asyncio.timeout(5):
            while fabric.problems:  # noqa: ASYNC110 - the other writer's change arrives when it arrives
                await asyncio.sleep(0.02)

        assert any(POD.id in row for row in rows(ovn_central, "fabric"))


async def test_gateway_that_somebody_deletes_comes_back_with_its_machines_and_its_translations(
    writing: Any, ovn_central: Any
) -> None:
    async with writing("fabric") as fabric:
        await fabric.written(fabric.replace(FABRIC))

        await asyncio.to_thread(ovn_central.nbctl, "lrp-del", f"router:{UPLINK.id}|{UPLINK.router}")

        async with asyncio.timeout(5):
            while not await asyncio.to_thread(is_whole, ovn_central):  # noqa: ASYNC110 - an outside observer's look
                await asyncio.sleep(0.02)


def is_whole(central: Any) -> bool:
    """Whether the translation refers to the gateway, which has both machines."""
    uplink = central.nbctl(
        "--bare", "--columns=_uuid", "find", "logical_router_port", f'name="router:{UPLINK.id}|{UPLINK.router}"'
    )
    nat = central.nbctl("--bare", "--columns=gateway_port", "list", "nat")
    machines = central.nbctl("--bare", "--columns=chassis_name", "list", "gateway_chassis")
    return bool(uplink.strip()) and uplink == nat and set(machines.split()) == {"edge1", "edge2"}
