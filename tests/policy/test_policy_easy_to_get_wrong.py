"""Forty things that are easy to get wrong about NSX's Policy API, each as its clients meet it; one manager serves them all.

Every item has names of its own, so that none sees what another has made.
"""

from __future__ import annotations

import base64
import collections
import re
from typing import Any

import pytest
import pytest_asyncio

from trunkline.dialects.nsx import catalogue
from trunkline.dialects.nsx.realisation import Fabric, Written
from trunkline.dialects.nsx.realized import Nobody, Realisation

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAP = "segment-connection-binding-maps"
ENTITIES = "/infra/realized-state/realized-entities"
POINT = "/infra/sites/default/enforcement-points/default"
SEARCH = "/search/query"
PACKET = {
    "eth_header": {"src_mac": "00:50:56:00:00:01", "dst_mac": "00:50:56:00:00:02"},
    "ip_header": {"src_ip": "10.1.0.5", "dst_ip": "10.1.0.6"},
}


class Following(Nobody):
    """A network that follows at once."""

    def realisation(self, path: str, revision: int) -> Realisation | None:
        return Realisation(state="REALIZED", revision=revision, published_ms=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def policy(database: str, tmp_path_factory: pytest.TempPathFactory, manager_with: Any) -> Any:
    async with manager_with(database, tmp_path_factory.mktemp("policy"), realiser=Following()) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def admin(policy: Any) -> Any:
    return policy.admin


async def segments(admin: Any, item: int, *names: str, **body: Any) -> list[str]:
    """Segments of an item's own."""
    paths = [f"/infra/segments/{item}-{name}" for name in names]
    for path in paths:
        await admin.patch(path, **body)
    return paths


async def bind(admin: Any, child: str, parent: str, tag: object = 7, name: str = "m") -> Any:
    return await admin.put(f"{child}/{MAP}/{name}", vlan_traffic_tag=tag, segment_path=parent)


async def log_in(admin: Any, form: str, **headers: str) -> Any:
    return await admin.nobody(**headers).http.post("/api/session/create", content=form)


async def test_01_a_tag_sent_as_text_is_answered_as_a_number(admin):
    child, parent = await segments(admin, 1, "child", "parent")
    assert (await bind(admin, child, parent, "1002"))["vlan_traffic_tag"] == 1002


async def test_02_a_traceflow_names_its_child_segment_in_two_ways(admin):
    child, parent = await segments(admin, 2, "child", "parent")
    await bind(admin, child, parent)
    await admin.patch(f"{parent}/ports/vm", attachment={"id": "02-vif"})
    for name in ("connected_segment_path_as_source", "connected_parent_path_as_source"):
        body = {"segment_port_path": f"{parent}/ports/vm", "packet": PACKET, name: child}
        answer = await admin.put(f"/infra/traceflows/2-{name}", **body)
        others = {"connected_segment_path_as_source", "connected_parent_path_as_source"} - {name}
        assert (answer[name], others & answer.keys()) == (child, set()), "it is answered as it came"


async def test_03_patch_replaces_but_merges_the_rules_of_a_policy_and_everything_when_told_to(admin):
    (web,) = await segments(admin, 3, "web", description="one", admin_state="DOWN")
    await admin.patch(web)
    assert (await admin.get(web))["admin_state"] == "UP"
    await admin.with_headers(nsx_enable_partial_patch="true").patch(web, description="two")
    await admin.with_headers(nsx_enable_partial_patch="true").patch(web, admin_state="DOWN")
    assert (await admin.get(web))["description"] == "two"
    policy = "/infra/domains/default/security-policies/3"
    for rule in ("a", "b"):
        await admin.patch(policy, rules=[{"id": rule, "action": "ALLOW"}])
    assert (await admin.get(f"{policy}/rules"))["result_count"] == 2
    stored = await admin.get(policy)
    await admin.put(policy, **{**stored, "rules": [{"id": "c", "action": "DROP"}]})
    assert [rule["id"] for rule in (await admin.get(f"{policy}/rules"))["results"]] == ["c"]


async def test_04_patch_and_delete_answer_200_with_nothing_and_no_content_type(admin):
    for method, body in (("PATCH", {}), ("DELETE", None)):
        answer = await admin.call(method, "/infra/segments/4", body)
        assert (answer.status_code, answer.content, "content-type" in answer.headers) == (200, b"", False)


async def test_05_a_stale_revision_is_412_and_bad_credentials_and_a_dead_session_are_403(admin, policy):
    (web,) = await segments(admin, 5, "web")
    assert (await admin.refused("PUT", web, {"_revision": 9}))[0] == 412
    assert (await admin.as_user("admin", "wrong").refused("GET", web))[:2] == (403, 403)
    login = await log_in(admin, f"j_username=admin&j_password={policy.password}")
    cookie = login.headers["set-cookie"].split(";")[0] + ";"
    session = admin.nobody(Cookie=cookie, X_XSRF_TOKEN=login.headers["x-xsrf-token"])
    await session.get(web)
    policy.clock.now += 1801
    assert (await session.refused("GET", web))[:2] == (403, 403)


async def test_06_put_without_a_revision_makes_an_object_and_replaces_none(admin):
    assert (await admin.put("/infra/segments/6"))["_revision"] == 0
    assert (await admin.refused("PUT", "/infra/segments/6", {}))[:2] == (400, 500127)


async def test_07_errors_have_a_code_and_a_text_that_tools_take_apart(admin):
    child, parent = await segments(admin, 7, "child", "parent")
    await bind(admin, child, parent)
    error = (await admin.call("DELETE", parent)).json()
    assert (error["httpStatus"], error["error_code"]) == ("BAD_REQUEST", 500030)
    assert re.findall(r"path=\[(.*?)\]", error["error_message"]) == [parent, f"{child}/{MAP}/m"]
    assert error["related_errors"][0]["error_message"] == error["error_message"]


async def test_08_the_child_holds_the_map_and_segment_path_is_its_parent(admin):
    child, parent = await segments(admin, 8, "child", "parent")
    answer = await bind(admin, child, parent)
    assert (answer["parent_path"], answer["segment_path"]) == (child, parent)
    assert [(await admin.get(f"{each}/{MAP}"))["result_count"] for each in (child, parent)] == [1, 0]


async def test_09_a_tag_is_taken_once_per_parent_over_all_path_families(admin):
    await admin.patch("/infra/tier-1s/9")
    await admin.patch("/infra/tier-1s/9/segments/fixed")
    child, parent, other = await segments(admin, 9, "child", "parent", "other")
    await bind(admin, child, parent)
    clash = {"vlan_traffic_tag": 7, "segment_path": parent}
    for rival in ("/infra/tier-1s/9/segments/fixed", "/infra/segments/9-other"):
        assert (await admin.refused("PUT", f"{rival}/{MAP}/m", clash))[:2] == (400, 8327)
    await bind(admin, child, other, 7, "second"), "it is not taken per child"


async def test_10_a_child_has_no_children(admin):
    child, parent, other = await segments(admin, 10, "child", "parent", "other")
    await bind(admin, child, parent)
    for target, segment in ((child, other), (other, parent)):
        body = {"vlan_traffic_tag": 8, "segment_path": target}
        assert (await admin.refused("PUT", f"{segment}/{MAP}/n", body))[0] == 400


async def test_11_bindings_hold_child_and_parent_and_a_hierarchical_delete_takes_the_childs_own_only(admin):
    child, parent = await segments(admin, 11, "child", "parent")
    await bind(admin, child, parent)
    for held in (child, parent):
        assert (await admin.refused("DELETE", held))[:2] == (400, 500030)

    def gone(name: str) -> dict[str, Any]:
        inner = {"id": name, "resource_type": "Segment"}
        wrapper = {"resource_type": "ChildSegment", "marked_for_delete": True, "Segment": inner}
        return {"resource_type": "Infra", "children": [wrapper]}

    assert (await admin.refused("PATCH", "/infra", gone("11-parent")))[:2] == (400, 500030)
    await admin.patch("/infra", **gone("11-child"))
    await admin.delete(parent)


async def test_12_a_binding_makes_no_port_and_passes_nothing_on(admin):
    child, parent = await segments(admin, 12, "child", "parent")
    await admin.patch(f"{parent}/ports/vm", attachment={"id": "12-vif"})
    await admin.patch("/infra/qos-profiles/12")
    await admin.patch(f"{parent}/segment-qos-profile-binding-maps/default", qos_profile_path="/infra/qos-profiles/12")
    group = "/infra/domains/default/groups/12"
    await admin.patch(group, expression=[{"resource_type": "PathExpression", "paths": [parent]}])
    await bind(admin, child, parent)
    assert (await admin.get(f"{child}/ports"))["result_count"] == 0
    assert (await admin.get(f"{child}/segment-qos-profile-binding-maps"))["result_count"] == 0
    held = {
        each["target_type"]: each["target_id"] for each in (await admin.get(f"{child}/effective-profiles"))["results"]
    }
    assert held["QoSProfile"] == "/infra/qos-profiles/default-qos-profile"
    members = (await admin.get(f"{group}/members/segments"))["results"]
    assert [each["path"] for each in members] == [parent]


async def test_13_the_segments_below_a_tier_1_are_the_fixed_ones(admin):
    await admin.patch("/infra/tier-1s/13")
    await admin.patch("/infra/segments/13-flexible", connectivity_path="/infra/tier-1s/13")
    await admin.patch("/infra/tier-1s/13/segments/fixed")
    assert [each["id"] for each in (await admin.get("/infra/tier-1s/13/segments"))["results"]] == ["fixed"]
    flexible = await admin.get(SEARCH, query="resource_type:Segment AND connectivity_path:/infra/tier-1s/13")
    assert [each["id"] for each in flexible["results"]] == ["13-flexible"]


async def test_14_words_that_name_operations_are_no_ids(admin):
    await admin.patch("/infra/tier-1s/14")
    for path in ("/infra/segments/service-segments", "/infra/tier-1s/14/static-routes/bfd-peers"):
        assert (await admin.refused("PUT", path, {}))[0] == 404
    assert (await admin.refused("PUT", "/infra/segments/state", {}))[0] == 405
    assert all("state" in each for each in (await admin.get("/infra/segments/state"))["results"])


async def test_15_a_gateway_address_keeps_its_host_part_and_the_network_is_worked_out(admin):
    (web,) = await segments(admin, 15, "web", subnets=[{"gateway_address": "10.15.0.1/24", "network": "1.2.3.0/24"}])
    assert (await admin.get(web))["subnets"] == [{"gateway_address": "10.15.0.1/24", "network": "10.15.0.0/24"}]
    for wrong in ("10.15.0.0/24", "10.15.0.1"):
        assert (await admin.refused("PATCH", web, {"subnets": [{"gateway_address": wrong}]}))[:2] == (400, 255)


async def test_16_vlan_ids_are_texts_a_class_of_service_and_a_tag_are_numbers(admin):
    zone = {"transport_zone_path": f"{POINT}/transport-zones/vlan"}
    answer = await admin.put("/infra/segments/16", vlan_ids=["16", "100-200"], **zone)
    assert answer["vlan_ids"] == ["16", "100-200"]
    assert (await admin.refused("PUT", "/infra/segments/16-number", {"vlan_ids": [16], **zone}))[0] == 400
    assert (await admin.put("/infra/qos-profiles/16", class_of_service=5))["class_of_service"] == 5
    assert (await admin.refused("PUT", "/infra/qos-profiles/16-text", {"class_of_service": "5"}))[0] == 400


async def test_17_qos_is_spelled_with_a_capital_s_in_types_and_wrappers(admin):
    (web,) = await segments(admin, 17, "web")
    assert (await admin.put("/infra/qos-profiles/17"))["resource_type"] == "QoSProfile"
    inner = {"id": "default", "qos_profile_path": "/infra/qos-profiles/17"}
    wrapper = {"resource_type": "ChildSegmentQoSProfileBindingMap", "SegmentQoSProfileBindingMap": inner}
    segment = {"resource_type": "ChildSegment", "Segment": {"id": "17-web", "children": [wrapper]}}
    await admin.patch("/infra", resource_type="Infra", children=[segment])
    listed = (await admin.get(f"{web}/segment-qos-profile-binding-maps"))["results"]
    assert [each["resource_type"] for each in listed] == ["SegmentQoSProfileBindingMap"]


async def test_18_one_static_route_and_one_locale_service_are_plural(admin):
    await admin.patch("/infra/tier-1s/18")
    route = {"network": "10.18.0.0/24", "next_hops": [{"ip_address": "10.0.0.9"}]}
    answer = await admin.put("/infra/tier-1s/18/static-routes/r", **route)
    assert answer["resource_type"] == "StaticRoutes"
    assert (await admin.put("/infra/tier-1s/18/locale-services/default"))["resource_type"] == "LocaleServices"


async def test_19_what_terraform_dereferences_is_always_there(admin):
    await admin.patch("/infra/tier-1s/19")
    assert (await admin.get("/infra/tier-1s/19"))["disable_firewall"] is False
    for zone in (await admin.get(f"{POINT}/transport-zones"))["results"]:
        assert {"tz_type", "is_default"} <= zone.keys()
    assert {"node_version", "product_version"} <= (await admin.get("/api/v1/node/version")).keys()
    for empty in ("/infra/tier-1s/19/locale-services", "/infra/tier-1s/19/segments"):
        assert await admin.get(empty) == {
            "results": [],
            "result_count": 0,
            "sort_by": "display_name",
            "sort_ascending": True,
        }


async def test_20_a_manager_of_a_version_from_9_1_on_has_a_default_span(own_database, tmp_path, manager_with):
    async with manager_with(own_database.remote, tmp_path, version="9.1.1.0") as opened:
        assert (await opened.admin.get("/api/v1/node/version"))["product_version"] == "9.1.1.0"
        spans = (await opened.admin.get("/infra/network-spans"))["results"]
        assert [(span["is_default"], span["path"]) for span in spans] == [(True, "/infra/network-spans/default")]


async def test_21_a_search_always_has_a_number_for_a_cursor_and_a_list_none_on_its_last_page(admin):
    await segments(admin, 21, "a", "b", "c")
    query = "resource_type:Segment AND id:21-*"
    first = await admin.get(SEARCH, query=query, page_size=2)
    last = await admin.get(SEARCH, query=query, page_size=2, cursor=first["cursor"])
    assert [first["cursor"], last["cursor"], last["result_count"]] == ["2", "3", 3]
    await admin.patch("/infra/tier-1s/21")
    for name in "abc":
        await admin.patch(f"/infra/tier-1s/21/segments/{name}")
    page = await admin.get("/infra/tier-1s/21/segments", page_size=2)
    rest = await admin.get("/infra/tier-1s/21/segments", page_size=2, cursor=page["cursor"])
    assert [len(page["results"]), len(rest["results"]), "cursor" in rest] == [2, 1, False]


async def test_22_searched_values_have_blanks_dashes_and_colons_and_escaped_slashes(admin):
    tags = [{"scope": "vsphere.k8s.io/cluster-name", "tag": "a:b c"}]
    await admin.patch("/infra/segments/22", display_name="two words - more: yes", tags=tags)
    for query in (
        "display_name:two words - more: yes AND resource_type:Segment",
        r"display_name:two\ words* AND marked_for_delete:false AND path:\/infra*",
        r"tags.scope:vsphere.k8s.io\/cluster-name AND tags.tag:a:b c",
        r"tags.scope:vsphere.k8s.io\/cluster\-name AND tags.tag:a\:b c AND id:22",
    ):
        assert [each["id"] for each in (await admin.get(SEARCH, query=query))["results"]] == ["22"], query


async def test_23_a_route_is_told_by_its_intent_path_and_has_a_state(admin):
    await admin.patch("/infra/tier-1s/23")
    path = "/infra/tier-1s/23/static-routes/node_10.23.0.0_24"
    assert (await admin.get(ENTITIES, intent_path=path))["results"] == [], "not yet is not an error"
    await admin.patch(path, network="10.23.0.0/24", next_hops=[{"ip_address": "10.0.0.9"}])
    (entity,) = (await admin.get(ENTITIES, intent_path=path))["results"]
    assert (entity["intent_paths"][0], entity["state"]) == (path, "REALIZED")


async def test_24_the_session_cookie_comes_first_and_cookie_token_and_basic_come_together(admin, policy):
    login = await log_in(admin, f"j_username=admin&j_password={policy.password}")
    assert re.match(r"JSESSIONID=\w+;", login.headers["set-cookie"])
    cookie = login.headers["set-cookie"].split(";")[0] + ";"
    basic = base64.b64encode(f"admin:{policy.password}".encode()).decode()
    everything = {"Cookie": cookie, "X_XSRF_TOKEN": login.headers["x-xsrf-token"], "Authorization": f"Basic {basic}"}
    await admin.nobody(**everything).get("/infra/segments")
    stale = {**everything, "Cookie": "JSESSIONID=0123;", "X_XSRF_TOKEN": "old"}
    await admin.nobody(**stale).get("/infra/segments"), "any valid proof will do"


async def test_25_login_trusts_the_form_encoded_or_not_and_no_basic_header(admin, policy):
    user = {"username": "25", "password": "p@ss+1 word long", "roles": ["auditor"]}
    await admin.call("POST", "/api/v1/node/users", user, action="create_user")
    wrong = "Basic " + base64.b64encode(b"25:p%40ss").decode()
    for form in ("p%40ss%2B1+word+long", "p@ss+1 word long", "p%40ss%2B1%20word%20long"):
        answer = await log_in(admin, f"j_username=25&j_password={form}", Authorization=wrong)
        assert answer.status_code == 200, form


async def test_26_what_is_refused_five_times_leaves_nothing_behind(admin, policy):
    before = policy.manager.revision
    body = {"vlan_traffic_tag": 26, "segment_path": "/infra/segments/nowhere"}
    for _ in range(5):
        await admin.refused("PUT", f"/infra/segments/26/{MAP}/m", body)
        await admin.refused("PATCH", "/infra/segments/26", {"subnets": [{"gateway_address": "x"}]})
    assert policy.manager.revision == before


async def test_27_a_stub_of_a_gateway_with_partial_patch_wipes_nothing(admin):
    await admin.patch("/infra/tier-1s/27", description="kept", route_advertisement_types=["TIER1_NAT"])
    route = {"id": "r", "network": "10.27.0.0/24", "next_hops": [{"ip_address": "10.0.0.9"}]}
    inner = {"resource_type": "ChildStaticRoutes", "StaticRoutes": route}
    stub = {"resource_type": "Tier1", "id": "27", "children": [inner]}
    wrapper = {"resource_type": "ChildTier1", "Tier1": stub}
    await admin.with_headers(nsx_enable_partial_patch="true").patch("/infra", resource_type="Infra", children=[wrapper])
    gateway = await admin.get("/infra/tier-1s/27")
    assert (gateway["description"], gateway["route_advertisement_types"]) == ("kept", ["TIER1_NAT"])


async def test_28_a_new_segment_may_carry_revision_0_when_revisions_are_not_enforced(admin):
    wrapper = {"resource_type": "ChildSegment", "Segment": {"id": "28", "_revision": 0}}
    body = {"resource_type": "Infra", "children": [wrapper]}
    answer = await admin.call("PATCH", "/infra", body, enforce_revision_check="false")
    assert answer.status_code == 200, answer.text


async def test_29_a_traceflow_is_configured_in_seconds_and_tells_milliseconds(admin):
    (web,) = await segments(admin, 29, "web")
    await admin.patch(f"{web}/ports/vm", attachment={"id": "29-vif"})
    await admin.put("/infra/traceflows/29", segment_port_path=f"{web}/ports/vm", packet=PACKET, timeout=7)
    assert (await admin.get("/infra/traceflows/29"))["timeout"] == 7
    assert (await admin.get("/infra/traceflows/29/status"))["timeout"] == 7000


async def test_30_a_transient_traceflow_lives_for_two_hours_unless_told_otherwise(admin, policy):
    (web,) = await segments(admin, 30, "web")
    await admin.patch(f"{web}/ports/vm", attachment={"id": "30-vif"})
    answer = await admin.put("/infra/traceflows/30", segment_port_path=f"{web}/ports/vm", packet=PACKET)
    assert (answer["is_transient"], policy.manager.settings.transient_traces) == (True, 7200)


async def test_31_an_allocation_repeated_is_nothing_new_and_its_address_is_an_attribute(admin):
    pool = "/infra/ip-pools/31"
    ranges = [{"start": "10.31.0.10", "end": "10.31.0.20"}]
    await admin.patch(pool)
    await admin.patch(
        f"{pool}/ip-subnets/s",
        resource_type="IpAddressPoolStaticSubnet",
        cidr="10.31.0.0/24",
        allocation_ranges=ranges,
    )
    path = f"{pool}/ip-allocations/a"
    first = await admin.put(path)
    assert await admin.put(path, display_name="other") == first
    (entity,) = (await admin.get(ENTITIES, intent_path=path))["results"]
    attributes = {each["key"]: each["values"][0] for each in entity["extended_attributes"]}
    assert attributes["allocation_ip"] == first["allocation_ip"]


async def test_32_ids_of_routes_have_colons_and_the_body_has_no_id(admin):
    await admin.patch("/infra/tier-1s/32")
    path = "/infra/tier-1s/32/static-routes/6f0c_fd00:32::_64"
    await admin.patch(path, network="fd00:32::/64", next_hops=[{"ip_address": "fd00::9"}])
    assert (await admin.get(path))["id"] == "6f0c_fd00:32::_64"


async def test_33_a_next_hop_without_a_distance_has_1(admin):
    await admin.patch("/infra/tier-1s/33")
    answer = await admin.put(
        "/infra/tier-1s/33/static-routes/r", network="10.33.0.0/24", next_hops=[{"ip_address": "10.0.0.9"}]
    )
    assert answer["next_hops"] == [{"ip_address": "10.0.0.9", "admin_distance": 1}]


async def test_34_a_tier_1_that_says_nothing_advertises_nothing(admin, policy):
    await admin.patch("/infra/tier-0s/34")
    await admin.patch("/infra/tier-1s/34", tier0_path="/infra/tier-0s/34")
    await segments(
        admin, 34, "web", connectivity_path="/infra/tier-1s/34", subnets=[{"gateway_address": "10.34.0.1/24"}]
    )

    def told() -> int:
        fabric = Fabric()
        fabric.take([Written(each.path, each.kind, each.raw) for each in policy.manager.repository.tree.everything()])
        return sum(getattr(each, "router", "") == "infra/tier-0s/34" for each in fabric.objects())

    assert "route_advertisement_types" not in await admin.get("/infra/tier-1s/34")
    assert told() == 0
    await admin.patch(
        "/infra/tier-1s/34", tier0_path="/infra/tier-0s/34", route_advertisement_types=["TIER1_CONNECTED"]
    )
    assert told() == 1


async def test_35_the_edge_cluster_is_in_the_locale_services_and_not_in_the_gateway(admin):
    cluster = f"{POINT}/edge-clusters/edge-cluster"
    await admin.patch("/infra/tier-1s/35", edge_cluster_path=cluster)
    await admin.patch("/infra/tier-1s/35/locale-services/default", edge_cluster_path=cluster)
    assert (await admin.get("/infra/tier-1s/35/locale-services/default"))["edge_cluster_path"] == cluster
    (entity,) = (await admin.get(ENTITIES, intent_path="/infra/tier-1s/35"))["results"]
    assert "edge_cluster_path" in entity["alarms"][0]["message"], "where it has no business it is told"


async def test_36_protection_depends_on_who_asks_and_only_an_administrator_who_insists_overrides(admin):
    owner, other = await principal(admin, "36-owner"), await principal(admin, "36-other", "network_engineer")
    await owner.patch("/infra/segments/36")
    seen = [(await each.get("/infra/segments/36"))["_protection"] for each in (owner, admin, other)]
    assert seen == ["NOT_PROTECTED", "REQUIRE_OVERRIDE", "PROTECTED"]
    for refused in (admin, other, other.with_headers(X_Allow_Overwrite="true")):
        assert (await refused.refused("DELETE", "/infra/segments/36"))[:2] == (400, 289)
    await admin.with_headers(X_Allow_Overwrite="true").delete("/infra/segments/36")


async def test_37_the_override_may_accompany_any_request(admin):
    insisting = admin.with_headers(X_Allow_Overwrite="true")
    await insisting.patch("/infra/segments/37")
    for path in ("/infra/segments/37", "/api/v1/node", "/api/v1/spec/vmware/types/Tag"):
        await insisting.get(path)


async def test_38_what_is_required_is_required_here_because_no_sdk_does(admin):
    described = (await admin.get("/api/v1/spec/openapi/nsx_policy_api.json"))["components"]["schemas"]
    for kind, resource in catalogue.BY_TYPE.items():
        wanted = [field.name for field in resource.fields if field.required]
        if not wanted:
            continue
        assert described[kind]["required"] == wanted
        if resource.under == ("Infra",):
            body = {"resource_type": kind}
            status, code, text = await admin.refused("PUT", f"/infra/{resource.collection}/38", body)
            assert (status, code) == (400, 255)
            assert all(f"required property {name} is missing" in text for name in wanted)


async def test_39_unknown_fields_are_kept_and_told_and_read_only_ones_are_not_believed(admin):
    sent = {"from_the_future": 1, "path": "/infra/x", "unique_id": "mine", "_system_owned": True, "_create_user": "me"}
    answer = await admin.put("/infra/segments/39", **sent)
    assert (answer["from_the_future"], answer["path"]) == (1, "/infra/segments/39")
    assert (answer["unique_id"] != "mine", answer["_system_owned"], answer["_create_user"]) == (True, False, "admin")
    (entity,) = (await admin.get(ENTITIES, intent_path="/infra/segments/39"))["results"]
    assert "from_the_future" in entity["alarms"][0]["message"]


async def test_40_names_of_headers_have_any_case_and_values_ids_and_paths_have_one(admin, policy):
    login = await log_in(admin, f"j_username=admin&j_password={policy.password}")
    cookie, token = login.headers["set-cookie"].split(";")[0] + ";", login.headers["x-xsrf-token"]
    for name in ("x_xsrf_token", "X_Xsrf_Token", "X_XSRF_TOKEN"):
        await admin.nobody(cookie=cookie, **{name: token}).get("/infra/segments")
    assert (await admin.nobody(Cookie=cookie, X_XSRF_TOKEN=token.upper()).refused("GET", "/infra"))[:2] == (403, 98)
    await admin.with_headers(NSX_Enable_Partial_Patch="true").patch("/infra/segments/40-a", description="x")
    assert (await admin.refused("GET", "/infra/segments/40-A"))[0] == 404
    assert (await admin.refused("GET", "/infra/Segments/40-a"))[0] == 404
    await admin.patch("/infra/segments/40-A")
    found = await admin.get(SEARCH, query="resource_type:Segment AND id:40-a")
    assert collections.Counter(each["id"] for each in found["results"])["40-a"] == 1


async def principal(admin: Any, name: str, role: str = "enterprise_admin") -> Any:
    """A client with a registered certificate."""
    from tests.policy.test_policy_identity import register

    return (await register(admin, name, role=role))[1]
