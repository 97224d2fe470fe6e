"""The child-segment document's requests by HTTPS, and the rows that OVN gets and loses by them."""

from __future__ import annotations

import asyncio
from typing import Any

CHILD, PARENT = "/infra/segments/test2", "/infra/segments/openshift-segment"
MAP = f"{CHILD}/segment-connection-binding-maps/map-id-1"


def ports(central: Any) -> dict[str, str]:
    """The names of all switch ports, with parent and tag."""
    columns = "--columns=name,parent_name,tag_request"
    found = central.nbctl("--format=csv", "--data=bare", "--no-headings", columns, "list", "Logical_Switch_Port")
    rows = [line.split(",") for line in found.split()]
    return {name: f"{parent}:{tag}" for name, parent, tag in rows}


async def node_vm_and_child(manager: Any) -> None:
    await manager.put("/infra/tier-1s/t1")
    await manager.put(PARENT, connectivity_path="/infra/tier-1s/t1", subnets=[{"gateway_address": "192.168.50.1/24"}])
    await manager.put(CHILD, connectivity_path="/infra/tier-1s/t1", subnets=[{"gateway_address": "192.168.100.1/24"}])
    await manager.put(f"{PARENT}/ports/node-a", attachment={"id": "node-a"})
    await manager.put(f"{PARENT}/ports/node-b", attachment={"id": "node-b"})


async def test_documents_put_makes_a_nested_port_for_each_node_vm_and_delete_takes_them_away(
    manager: Any, ovn_central: Any
) -> None:
    await node_vm_and_child(manager)
    await manager.put(MAP, vlan_traffic_tag="1002", segment_path=PARENT)
    await manager.becomes(MAP, "REALIZED")

    assert ports(ovn_central).items() >= {"node-a/1002": "node-a:1002", "node-b/1002": "node-b:1002"}.items()

    await manager.put(f"{PARENT}/ports/node-c", attachment={"id": "node-c"})
    await manager.becomes(f"{PARENT}/ports/node-c", "REALIZED")
    await manager.delete(f"{PARENT}/ports/node-a")
    await manager.put("/infra/segments/after")
    await manager.becomes("/infra/segments/after", "REALIZED")

    assert {name for name in ports(ovn_central) if "/1002" in name} == {"node-b/1002", "node-c/1002"}

    await manager.delete(MAP)
    await manager.put("/infra/segments/later")
    await manager.becomes("/infra/segments/later", "REALIZED")

    assert not any("/1002" in name for name in ports(ovn_central))


async def test_tier_1_and_project_segments_bind_as_well(manager: Any, ovn_central: Any) -> None:
    await manager.put("/infra/tier-1s/t1")
    await manager.put("/orgs/default/projects/blue")
    for root in ("/infra/tier-1s/t1", "/orgs/default/projects/blue/infra"):
        vif = f"vm-{len(root)}"
        await manager.put(f"{root}/segments/parent")
        await manager.put(f"{root}/segments/child")
        await manager.put(f"{root}/segments/parent/ports/p", attachment={"id": vif})
        path = f"{root}/segments/child/segment-connection-binding-maps/m"
        await manager.put(path, vlan_traffic_tag="5", segment_path=f"{root}/segments/parent")
        await manager.becomes(path, "REALIZED")

        assert ports(ovn_central)[f"{vif}/5"] == f"{vif}:5"


async def test_rows_of_others_stay_as_they_are(manager: Any, ovn_central: Any) -> None:
    ovn_central.nbctl("ls-add", "theirs", "--", "lsp-add", "theirs", "their-port")
    before = ovn_central.nbctl("list", "Logical_Switch", "theirs")

    await node_vm_and_child(manager)
    await manager.put(MAP, vlan_traffic_tag=7, segment_path=PARENT)
    await manager.becomes(MAP, "REALIZED")
    for path in (MAP, f"{PARENT}/ports/node-a", f"{PARENT}/ports/node-b", CHILD, PARENT, "/infra/tier-1s/t1"):
        await manager.delete(path)
    await manager.put("/infra/tier-1s/last")
    await manager.becomes("/infra/tier-1s/last", "REALIZED")

    assert ovn_central.nbctl("list", "Logical_Switch", "theirs") == before
    assert set(ports(ovn_central)) == {"their-port"}
    assert len(ovn_central.nbctl("--bare", "--columns=name", "list", "Logical_Router").split()) == 1


async def test_killed_and_started_again_it_rewrites_nothing_and_catches_up(
    manager: Any, ovn_central: Any, empty_database: str
) -> None:
    await node_vm_and_child(manager)
    await manager.put(MAP, vlan_traffic_tag=7, segment_path=PARENT)
    await manager.becomes(MAP, "REALIZED")
    number = ovn_central.nbctl("get", "NB_Global", ".", "nb_cfg")

    manager.kill()
    await manager.start()
    entity = await manager.becomes(MAP, "REALIZED")

    assert entity["alarms"] == []
    assert ovn_central.nbctl("get", "NB_Global", ".", "nb_cfg") == number

    # What was stored and not yet realised when it died, and what somebody broke meanwhile, is made good.
    response = asyncio.create_task(manager.call("PUT", "/infra/segments/late", {}))
    assert (await response).status_code == 200
    manager.kill()
    ovn_central.nbctl("lsp-del", "node-a/7")
    await manager.start()
    await manager.becomes("/infra/segments/late", "REALIZED")
    await manager.becomes(MAP, "REALIZED")

    assert "node-a/7" in ports(ovn_central)
