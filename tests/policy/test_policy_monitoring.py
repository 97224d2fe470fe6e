"""What monitoring and hierarchical readers ask, limits, and the description of it all."""

from __future__ import annotations

import asyncio
import re

import pytest
from starlette.routing import Route

from trunkline.dialects.nsx.realized import Nobody, Realisation
from trunkline.policy import app
from trunkline.policy.settings import Limits

NODE = "/api/v1/node/version"


@pytest.fixture
async def tree(admin):
    await admin.patch("/infra/tier-1s/t")
    await admin.patch("/infra/tier-1s/t/segments/fixed")
    await admin.patch("/infra/segments/web")
    await admin.patch("/infra/segments/web/ports/vm")
    return admin


def outline(body):
    """Nested (wrapper, id, children) of what an answer holds."""
    found = []
    for wrapper in body.get("children", []):
        kind = wrapper["resource_type"].removeprefix("Child")
        inner = wrapper if kind == "ResourceReference" else wrapper[kind]
        found.append((kind, inner["id"], outline(inner)))
    return found


async def test_an_infra_alone_has_no_children(tree):
    assert "children" not in await tree.get("/infra")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (
            {"filter": "Type-Segment"},
            [
                ("ResourceReference", "t", [("Segment", "fixed", [])]),
                ("Segment", "web", []),
            ],
        ),
        (
            {"filter": "Type-^(Tier1|SegmentP.*)$"},
            [("Tier1", "t", []), ("ResourceReference", "web", [("SegmentPort", "vm", [])])],
        ),
        ({"type_filter": "Tier1;SegmentPort", "base_path": "/infra/tier-1s/t"}, [("Tier1", "t", [])]),
        (
            {"filter": "Type-Segment.*", "base_path": "/infra/segments"},
            [("Segment", "web", [("SegmentPort", "vm", [])])],
        ),
        ({"base_path": "/infra/segments/web"}, [("Segment", "web", [("SegmentPort", "vm", [])])]),
        ({"filter": "Type-Nothing"}, []),
    ],
    ids=str,
)
async def test_a_filter_shows_the_tree_that_leads_to_what_is_wanted(tree, query, wanted):
    found = await tree.get("/infra", **query)
    assert sorted(outline(found), key=lambda each: each[1]) == sorted(wanted, key=lambda each: each[1])


async def test_what_was_read_may_be_sent_back_and_changes_nothing(tree, policy):
    everything = await tree.get("/infra", filter="Type-")
    revision = policy.manager.revision
    await tree.patch("/infra", **everything)
    assert policy.manager.revision == revision


@pytest.mark.parametrize("text", ["Segment", "Type-(a+)+$", "Type-Seg[a-z]*", "Type-a||b", "Type-\\w+"])
async def test_other_filters_are_refused(tree, text):
    assert (await tree.refused("GET", "/infra", filter=text))[0] == 400


async def test_nobody_looks_over_the_wall_of_a_project(tree):
    await tree.patch("/orgs/default/projects/red")
    root = "/orgs/default/projects/red/infra"
    await tree.patch(f"{root}/segments/web")
    assert outline(await tree.get(root, filter="Type-Segment")) == [("Segment", "web", [])]
    assert (await tree.refused("GET", root, base_path="/infra/segments"))[0] == 400


async def test_alarms_are_what_the_network_does_not_honour(database, tmp_path, manager_with):
    class Network(Nobody):
        def realisation(self, path, revision):
            if path == "/infra/segments/web":
                return Realisation(state="ERROR", problem="no tunnel")
            return Realisation(state="REALIZED")

    async with manager_with(database, tmp_path, realiser=Network()) as opened:
        admin = opened.admin
        await admin.patch("/infra/segments/web")
        await admin.patch("/infra/segments/db")
        alarm = (await admin.get("/api/v1/alarms"))["results"]
        assert [(each["policy_paths"], each["description"]) for each in alarm] == [
            (["/infra/segments/web"], "no tunnel")
        ]
        shown = (await admin.get("/infra/realized-state/alarms"))["results"]
        assert [(each["source_reference"], each["message"]) for each in shown] == [("/infra/segments/web", "no tunnel")]
        await admin.patch("/orgs/default/projects/red")
        assert (await admin.get("/orgs/default/projects/red/infra/realized-state/alarms"))["result_count"] == 0


async def test_capacity_counts_what_there_is(tree):
    for path in ("/api/v1/capacity/usage", "/policy/api/v1/capacity/usage"):
        usage = {each["usage_type"]: each for each in (await tree.get(path))["capacity_usage"]}
        segments = usage["NUMBER_OF_LOGICAL_SWITCHES"]
        assert (segments["current_usage_count"], segments["severity"]) == (2, "INFO")
        assert segments["current_usage_percentage"] == 0.02


async def test_the_cluster_is_one_node_that_is_up(admin):
    status = await admin.get("/api/v1/cluster/status")
    nodes = (await admin.get("/api/v1/cluster/nodes"))["results"]
    assert status["mgmt_cluster_status"]["online_nodes"][0]["uuid"] == nodes[0]["id"]


async def test_a_client_over_its_rate_is_told_to_come_back_and_may(database, tmp_path, manager_with, monkeypatch):
    class Moment:
        now = 0.0

        @staticmethod
        def monotonic():
            return Moment.now

    monkeypatch.setattr(app, "time", Moment)
    async with manager_with(database, tmp_path, limits=Limits(client_rate=3)) as opened:
        admin = opened.admin
        assert [(await admin.call("GET", NODE)).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        refused = await admin.call("GET", NODE)
        assert (refused.headers["retry-after"], refused.json()["httpStatus"]) == ("1", "TOO_MANY_REQUESTS")
        assert (await admin.nobody().call("GET", "/api/v1/reverse-proxy/node/health")).status_code == 200
        Moment.now = 1.0
        assert [(await admin.call("GET", NODE)).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_requests_side_by_side_are_limited_and_counted_down_again(database, tmp_path, manager_with):
    async with manager_with(database, tmp_path, limits=Limits(client_concurrent=2)) as opened:
        calls = [opened.admin.call("PATCH", f"/infra/segments/s{number}", {}) for number in range(6)]
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*calls))
        assert statuses == [200, 200, 429, 429, 429, 429]
        await opened.admin.get(NODE)
    async with manager_with(database, tmp_path, limits=Limits(all_concurrent=2)) as opened:
        calls = [opened.admin.call("PATCH", f"/infra/segments/s{number}", {}) for number in range(3)]
        assert sorted(answer.status_code for answer in await asyncio.gather(*calls)) == [200, 200, 503]


async def test_every_route_is_described_and_the_description_is_sound(admin):
    described = await admin.get("/api/v1/spec/openapi/nsx_policy_api.json")
    anonymous = {re.sub("{.*?}", "{}", path): item for path, item in described["paths"].items()}
    assert len(anonymous) == len(described["paths"]), "no two templates that differ in names only"
    for route in app._ROUTES:
        if isinstance(route, Route):
            item = anonymous[re.sub("{.*?}", "{}", route.path)]
            assert {method.lower() for method in route.methods - {"HEAD"}} <= item.keys(), route.path
    operations = [
        operation["operationId"]
        for item in described["paths"].values()
        for verb, operation in item.items()
        if verb != "parameters"
    ]
    assert len(operations) == len(set(operations))
    for path, item in described["paths"].items():
        assert [each["name"] for each in item["parameters"]] == re.findall("{(.*?)}", path)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', str(described).replace("'", '"')))
    assert references <= described["components"]["schemas"].keys()


async def test_administrators_change_how_the_api_is_served_and_it_outlives_a_restart(admin, policy, reopen):
    service = "/api/v1/cluster/api-service"
    shown = await admin.get(service)
    assert (shown["session_timeout"], shown["client_api_rate_limit"]) == (1800, 0)
    answered = await admin.put(
        service, **{**shown, "_revision": 0, "session_timeout": 60, "client_api_rate_limit": 1000}
    )
    assert answered == {**shown, "session_timeout": 60, "client_api_rate_limit": 1000}
    login = await admin.nobody().http.post(
        "/api/session/create", content=f"j_username=admin&j_password={policy.password}"
    )
    cookie, token = login.headers["set-cookie"].split(";")[0] + ";", login.headers["x-xsrf-token"]
    in_session = admin.nobody(Cookie=cookie, X_XSRF_TOKEN=token)
    policy.clock.now += 59
    await in_session.get(NODE)
    policy.clock.now += 61
    await in_session.refused("GET", NODE)
    async with reopen() as again:
        assert (await again.admin.get(service))["session_timeout"] == 60
    for wrong in (
        {"session_timeout": 0},
        {"cipher_suites": []},
        {"basic_authentication_enabled": False, "cookie_based_authentication_enabled": False},
    ):
        assert (await admin.refused("PUT", service, wrong))[:2] == (400, 255)
    await admin.put(service, cookie_based_authentication_enabled=False)
    assert (await in_session.refused("POST", "/api/session/create", b""))[0] == 403
    await admin.put(service, basic_authentication_enabled=False)
    await admin.refused("GET", NODE)


async def test_a_rate_that_is_set_while_serving_holds_from_then_on(admin):
    await admin.put("/api/v1/cluster/api-service", client_api_rate_limit=2)
    assert 429 in [(await admin.call("GET", NODE)).status_code for _ in range(5)]


async def test_a_realised_entity_is_found_by_its_own_path(tree):
    (entity,) = (await tree.get("/infra/realized-state/realized-entities", intent_path="/infra/segments/web"))[
        "results"
    ]
    one = "/infra/realized-state/realized-entity"
    assert await tree.get(one, realized_path=entity["path"]) == entity
    assert (await tree.refused("GET", one, realized_path=entity["path"][:-1]))[:2] == (404, 600)
    for wrong in ("", "/infra/segments/web"):
        assert (await tree.refused("GET", one, realized_path=wrong))[0] == 400


async def test_a_method_that_is_not_offered_is_answered_with_those_that_are(tree):
    for method, path, offered in (
        ("POST", "/infra/segments/web", "GET, PUT, PATCH, DELETE"),
        ("DELETE", "/infra", "GET, PUT, PATCH"),
        ("PUT", "/infra/sites/default", "GET"),
        ("PATCH", "/infra/segments", "GET"),
    ):
        answer = await tree.call(method, path, {})
        assert (answer.status_code, answer.headers["allow"]) == (405, offered)
    assert (await tree.call("DELETE", "/infra", force="true")).status_code == 405
    assert "GET" in (await tree.call("DELETE", "/api/v1/node")).headers["allow"]
    head = await tree.call("HEAD", "/infra/segments/web")
    assert head.status_code == 200
