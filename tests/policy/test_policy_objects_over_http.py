"""The wire behaviour of objects and collections: what clients see of revisions, lists, errors and empty answers."""

from __future__ import annotations

import asyncio
import collections

import pytest

MAP = "segment-connection-binding-maps"


async def test_the_documents_request_over_http_gives_the_documents_response(admin):
    await admin.patch("/infra/segments/openshift-segment")
    await admin.patch("/infra/segments/test2")
    body = b'{\n    "vlan_traffic_tag": "1002",\n    "segment_path": "/infra/segments/openshift-segment"\n}'
    response = await admin.call("PUT", f"/infra/segments/test2/{MAP}/map-id-1", body)
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert answer["vlan_traffic_tag"] == 1002
    assert answer["_create_user"] == "admin"
    assert answer["_create_time"] == answer["_last_modified_time"] > 1_700_000_000_000
    assert answer["unique_id"] == answer["realization_id"]
    assert await admin.get(f"/infra/segments/test2/{MAP}/map-id-1") == answer
    listed = await admin.get(f"/infra/segments/test2/{MAP}")
    assert (listed["results"], listed["result_count"]) == ([answer], 1)
    assert "cursor" not in listed


async def test_a_hundred_concurrent_puts_of_one_tag_have_one_winner(admin):
    await admin.patch("/infra/segments/parent")
    await asyncio.gather(*(admin.patch(f"/infra/segments/child-{number}") for number in range(100)))
    body = {"vlan_traffic_tag": "1002", "segment_path": "/infra/segments/parent"}
    answers = await asyncio.gather(
        *(admin.call("PUT", f"/infra/segments/child-{number}/{MAP}/map", body) for number in range(100))
    )
    codes = collections.Counter(answer.json().get("error_code", 0) for answer in answers)
    assert codes == {0: 1, 8327: 99}
    found = await admin.get("/search/query", query="resource_type:SegmentConnectionBindingMap")
    assert found["result_count"] == 1


async def test_an_object_is_created_by_put_and_replaced_with_its_revision(admin):
    first = await admin.put("/infra/segments/web", description="one")
    assert (first["_revision"], first["display_name"]) == (0, "web")
    second = await admin.put("/infra/segments/web", description="two", _revision=0)
    assert (second["_revision"], second["unique_id"]) == (1, first["unique_id"])
    third = await admin.put("/infra/segments/web", **second)
    assert third == second, "a client may send back the whole answer; nothing changes then"


async def test_put_without_or_with_a_stale_revision_is_refused(admin):
    await admin.put("/infra/segments/web")
    await admin.put("/infra/segments/web", description="two", _revision=0)
    status, code, message = await admin.refused("PUT", "/infra/segments/web", {})
    assert (status, code) == (400, 500127)
    assert message == "Cannot create an object with path=[/infra/segments/web] as it already exists."
    status, _, message = await admin.refused("PUT", "/infra/segments/web", {"_revision": 0})
    assert status == 412
    assert "Fetch the latest copy of the object and retry" in message


async def test_of_many_puts_with_one_revision_one_wins(admin):
    await admin.put("/infra/segments/web")
    answers = await asyncio.gather(
        *(
            admin.call("PUT", "/infra/segments/web", {"_revision": 0, "description": str(number)})
            for number in range(20)
        )
    )
    assert collections.Counter(answer.status_code for answer in answers) == {200: 1, 412: 19}


async def test_patch_replaces_unless_partial_patch_is_on(admin):
    await admin.patch("/infra/segments/web", description="kept?", admin_state="DOWN")
    before = await admin.get("/infra/segments/web")
    merging = admin.with_headers(NSX_Enable_Partial_Patch="true")
    await merging.patch("/infra/segments/web", admin_state="UP")
    merged = await admin.get("/infra/segments/web")
    assert (merged["description"], merged["admin_state"], merged["_revision"]) == ("kept?", "UP", 1)
    await merging.patch("/infra/segments/web", description=None)
    assert "description" not in await admin.get("/infra/segments/web")
    await admin.patch("/infra/segments/web", description="new")
    replaced = await admin.get("/infra/segments/web")
    assert replaced["admin_state"] == "UP"
    assert (replaced["overlay_id"], replaced["transport_zone_path"]) == (
        before["overlay_id"],
        before["transport_zone_path"],
    )


async def test_the_partial_patch_switch_holds_for_everybody(admin):
    config = "/system-config/nsx-partial-patch-config"
    assert await admin.get(config) == {"enable_partial_patch": False}
    await admin.patch(config, enable_partial_patch="true")
    await admin.patch("/infra/segments/web", description="kept")
    await admin.patch("/infra/segments/web", admin_state="DOWN")
    assert (await admin.get("/infra/segments/web"))["description"] == "kept"
    assert (await admin.refused("PATCH", config, {"enable_partial_patch": "maybe"}))[:2] == (400, 255)


async def test_unknown_fields_survive(admin):
    await admin.put("/infra/segments/web", from_the_future={"a": [1, None]})
    answer = await admin.get("/infra/segments/web")
    assert answer["from_the_future"] == {"a": [1, None]}


async def test_empty_answers_have_no_content_type(admin):
    for method in ("PATCH", "DELETE"):
        response = await admin.call(method, "/infra/segments/web", {} if method == "PATCH" else None)
        assert (response.status_code, response.content) == (200, b"")
        assert "content-type" not in response.headers


@pytest.mark.parametrize("path", ["//infra/segments/web", "/infra//segments///web", "/infra/segments/web/"])
async def test_doubled_slashes_in_the_path_are_one(admin, path):
    await admin.patch("/infra/segments/web")
    response = await admin.call("GET", f"/policy/api/v1{path}")
    assert response.json()["path"] == "/infra/segments/web"


async def test_missing_objects_are_404_with_code_600(admin):
    status, code, message = await admin.refused("GET", "/infra/segments/nowhere")
    assert (status, code) == (404, 600)
    assert message == (
        "The requested object : /infra/segments/nowhere could not be found. Object identifiers are case sensitive."
    )
    for path in (
        f"/infra/segments/nowhere/{MAP}",
        "/infra/no-such-collection",
        "/global-infra/segments",
        "/api/v1/nothing",
    ):
        assert (await admin.refused("GET", path))[0] == 404


async def test_methods_that_are_not_offered_are_405(admin):
    assert (await admin.refused("PUT", "/infra/segments", {}))[0] == 405
    assert (await admin.refused("DELETE", "/infra/sites/default"))[0] == 405
    assert (await admin.refused("POST", "/infra/segments/web", {}))[0] == 405
    assert (await admin.refused("DELETE", "/api/v1/node"))[0] == 405


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"null"])
async def test_bodies_that_are_no_object_are_refused(admin, body):
    assert (await admin.refused("PUT", "/infra/segments/web", body))[0] == 400


async def test_an_id_that_contradicts_the_path_is_refused(admin):
    assert (await admin.refused("PUT", "/infra/segments/web", {"id": "db"}))[:2] == (400, 255)
    assert (await admin.refused("PUT", "/infra/segments/web", {"resource_type": "Tier1"}))[:2] == (400, 255)


@pytest.mark.parametrize(
    "name", ["default:658c6c45-286f", "a.b_c-d", "6f0c_fd00::_64", "with blank", "umlaut-ü", "(x)"]
)
async def test_ids_may_look_as_clients_make_them(admin, name):
    await admin.patch(f"/infra/segments/{name}")
    assert (await admin.get(f"/infra/segments/{name}"))["id"] == name


async def test_pages_are_complete_and_the_cursor_ends(admin):
    await asyncio.gather(*(admin.patch(f"/infra/segments/s{number:02}") for number in range(25)))
    seen, cursor = [], {}
    for _ in range(3):
        page = await admin.get("/infra/segments", page_size=10, **cursor)
        assert page["result_count"] == 25
        seen += [segment["id"] for segment in page["results"]]
        cursor = {"cursor": page["cursor"]} if "cursor" in page else {}
    assert seen == [f"s{number:02}" for number in range(25)]
    assert not cursor


async def test_a_page_stays_right_while_objects_come_and_go(admin):
    for name in "abdef":
        await admin.patch(f"/infra/segments/{name}")
    page = await admin.get("/infra/segments", page_size=3)
    await admin.delete("/infra/segments/b")
    await admin.patch("/infra/segments/c")
    rest = await admin.get("/infra/segments", page_size=3, cursor=page["cursor"])
    assert [segment["id"] for segment in (*page["results"], *rest["results"])] == ["a", "b", "d", "e", "f"]


async def test_lists_sort_and_shorten(admin):
    for name, text in (("a", "z"), ("b", "y"), ("c", "x")):
        await admin.patch(f"/infra/segments/{name}", description=text)
    by_text = await admin.get("/infra/segments", sort_by="description")
    assert [segment["id"] for segment in by_text["results"]] == ["c", "b", "a"]
    down = await admin.get("/infra/segments", sort_ascending="false", page_size=2, included_fields="description")
    assert [(segment["id"], segment["description"]) for segment in down["results"]] == [("c", "x"), ("b", "y")]
    assert "display_name" not in down["results"][0]
    rest = await admin.get("/infra/segments", sort_ascending="false", page_size=2, cursor=down["cursor"])
    assert [segment["id"] for segment in rest["results"]] == ["a"]
    for query in ({"page_size": "1001"}, {"page_size": "x"}, {"cursor": "%%%"}):
        assert (await admin.refused("GET", "/infra/segments", **query))[:2] == (400, 255)


async def test_lists_of_one_family_hold_nothing_of_another(admin):
    await admin.patch("/infra/tier-1s/t1")
    await admin.patch("/orgs/default/projects/p")
    await admin.patch("/infra/segments/flexible", connectivity_path="/infra/tier-1s/t1")
    await admin.patch("/infra/tier-1s/t1/segments/fixed")
    await admin.patch("/orgs/default/projects/p/infra/segments/tenant")
    for at, only in (
        ("/infra", "flexible"),
        ("/infra/tier-1s/t1", "fixed"),
        ("/orgs/default/projects/p/infra", "tenant"),
    ):
        assert [one["id"] for one in (await admin.get(f"{at}/segments"))["results"]] == [only]


async def test_a_restart_keeps_everything_and_writes_nothing(policy, reopen):
    await policy.admin.put("/infra/segments/web", description="kept")
    before = policy.manager.revision
    async with reopen() as again:
        assert again.manager.revision == before
        assert (await again.admin.get("/infra/segments/web"))["description"] == "kept"


async def test_two_managers_that_race_for_a_tag_have_one_winner_by_the_stores_claim(policy, reopen):
    """Neither leads, so nothing fences them: only the claim stands between them."""
    await policy.admin.patch("/infra/segments/parent")
    for number in range(10):
        await policy.admin.patch(f"/infra/segments/child-{number}")
    body = {"vlan_traffic_tag": 7, "segment_path": "/infra/segments/parent"}
    async with reopen() as other:
        answers = await asyncio.gather(
            *(
                (policy, other)[number % 2].admin.call("PUT", f"/infra/segments/child-{number}/{MAP}/map", body)
                for number in range(10)
            )
        )
    codes = collections.Counter(answer.json().get("error_code", 0) for answer in answers)
    assert codes == {0: 1, 8327: 9}


async def test_a_second_manager_follows_what_the_first_writes(policy, reopen):
    async with reopen() as other:
        await policy.admin.put("/infra/segments/web")
        await policy.admin.put("/infra/segments/db")
        await policy.admin.delete("/infra/segments/db")
        for _ in range(100):
            if len((await other.admin.get("/infra/segments"))["results"]) == 1:
                break
            await asyncio.sleep(0.01)  # the watch is on its way
        assert [one["id"] for one in (await other.admin.get("/infra/segments"))["results"]] == ["web"]


async def test_tier_1_interface_is_one_object_by_its_older_path_too(admin):
    await admin.patch("/infra/tier-1s/t1")
    await admin.patch("/infra/tier-1s/t1/locale-services/l")
    await admin.patch("/infra/segments/web")
    subnets = [{"ip_addresses": ["10.1.0.1"], "prefix_len": 24}]
    locale = "/infra/tier-1s/t1/locale-services/l"
    await admin.patch(f"{locale}/service-interfaces/i", segment_path="/infra/segments/web", subnets=subnets)

    found = await admin.get(f"{locale}/service-interfaces/i")
    assert found["path"] == f"{locale}/interfaces/i"
    assert found == await admin.get(f"{locale}/interfaces/i")
    assert (await admin.get(f"{locale}/service-interfaces"))["result_count"] == 1
    assert (await admin.refused("GET", "/infra/tier-0s/t0/locale-services/l/service-interfaces"))[0] == 404
    assert (await admin.call("DELETE", f"{locale}/service-interfaces/i")).status_code == 200
    assert (await admin.refused("GET", f"{locale}/interfaces/i"))[0] == 404


async def test_what_nobody_counts_is_left_out_of_a_gateways_statistics(admin):
    await admin.patch("/infra/segments/web")
    asked = "/infra/segments/web/gateway-interface-statistics"
    assert await admin.get(asked) == {"per_node_statistics": []}
    assert await admin.get(f"{asked}/summary") == {"interface_policy_path": "/infra/segments/web"}
    assert (await admin.refused("GET", f"{asked}/other"))[0] == 404
