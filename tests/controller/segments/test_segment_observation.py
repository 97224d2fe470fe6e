"""Which documents a round looks at, as our own manager finds them."""

from __future__ import annotations

from typing import Any

from tests.controller.segments.conftest import MAPS, Fabric, Served
from trunkline.adapters.nsx import Basic, Nsx, in_file, tls_context
from trunkline.controller.segments import observe
from trunkline.controller.segments.documents import Shape


async def test_ours_and_what_is_bound_to_our_parents_is_seen_and_nothing_else(fabric: Fabric, served: Served) -> None:
    parent, tag = "/infra/segments/nodes-a", [{"scope": "trunkline/cluster", "tag": "blue"}]
    for name, more in {"blue-vlan-19": {"tags": tag}, "theirs": {}, "green-vlan-19": {}, "nodes-ab": {}}.items():
        await fabric.put(f"/infra/segments/{name}", **more)
    for child, onto, number in (
        ("blue-vlan-19", "nodes-b", 19),
        ("theirs", "nodes-a", 20),
        ("theirs", "nodes-ab", 21),
        ("green-vlan-19", "nodes-b", 22),
    ):
        tags = {"tags": tag} if child.startswith("blue") else {}
        path = f"/infra/segments/{child}/{MAPS}/on-{onto}"
        await fabric.put(path, vlan_traffic_tag=number, segment_path=f"/infra/segments/{onto}", **tags)

    password = in_file(str(served.home / "password"))
    async with Nsx(served.url, tls_context(served.authority), Basic("admin", password)) as nsx:
        found = await observe.observe(nsx, Shape(cluster="blue", parents=(parent,)))

    assert sorted(each["path"] for each in found.documents) == [
        "/infra/segments/blue-vlan-19",
        f"/infra/segments/blue-vlan-19/{MAPS}/on-nodes-b",
        f"/infra/segments/theirs/{MAPS}/on-nodes-a",
    ]


async def test_what_is_deleted_and_only_found_still_is_not_seen() -> None:
    class Index:
        async def search(self, query: str, *, root: str) -> list[dict[str, Any]]:
            return [{"path": "/infra/segments/a", "marked_for_delete": True}, {"path": "/infra/segments/b"}]

    found = await observe.observe(Index(), Shape(cluster="blue", parents=("/infra/segments/n",)))  # type: ignore[arg-type]

    assert [each["path"] for each in found.documents] == ["/infra/segments/b"]
