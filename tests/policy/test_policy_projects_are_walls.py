"""A caller of one project sees and changes nothing of another one or of the provider, whatever way they try."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.policy.test_policy_identity import register
from trunkline.adapters import store as documents
from trunkline.dialects.nsx.traceflow.observed import PROVIDER, Observation, Remark
from trunkline.dialects.nsx.traceflow.outcome import Outcome

RED, BLUE = "/orgs/default/projects/red", "/orgs/default/projects/blue"
MAP = "segment-connection-binding-maps"
PACKET = {
    "eth_header": {"src_mac": "00:50:56:00:00:01", "dst_mac": "00:50:56:00:00:02"},
    "ip_header": {"src_ip": "10.1.0.5", "dst_ip": "10.1.0.6"},
}


@pytest.fixture
async def red(admin: Any) -> Any:
    """A client that may everything in the project red; provider and blue have what red must not see."""
    for root in (RED, BLUE):
        await admin.patch(root)
    for root in ("", RED, BLUE):
        await admin.patch(f"{root}/infra/segments/web", description="secret", tags=[{"scope": "a", "tag": "secret"}])
        await admin.patch(f"{root}/infra/segments/web/ports/vm", attachment={"id": f"vif{root.rpartition('/')[2]}"})
        await admin.patch(f"{root}/infra/tier-1s/t1")
        await admin.patch(f"{root}/infra/domains/default/groups/g")
    grant = [{"path": RED, "roles": [{"role": "project_admin"}]}]
    return (await register(admin, "red", roles_for_paths=grant, role=""))[1]


OTHERS = ("/infra", f"{BLUE}/infra")


async def test_nothing_outside_is_read(red):
    for root in OTHERS:
        for path in (
            root,
            f"{root}/segments",
            f"{root}/segments/web",
            f"{root}/segments/web/state",
            f"{root}/segments/web/statistics",
            f"{root}/segments/web/effective-profiles",
            f"{root}/segments/web/mac-table",
            f"{root}/segments/web/arp-table",
            f"{root}/segments/state",
            f"{root}/segments/web/ports/vm/state",
            f"{root}/segments/nowhere",
            f"{root}/domains/default/groups/g/members/segments",
            f"{root}/realized-state/alarms",
            f"{root}/realized-state/enforcement-points/default/vifs",
        ):
            assert (await red.refused("GET", path))[0] == 403, path
    for path in ("/infra/tier-0s", "/infra/sites/default", "/orgs", "/orgs/default", "/orgs/default/projects", BLUE):
        assert (await red.refused("GET", path))[0] == 403, path
    await red.get(RED)
    assert (await red.get(f"{RED}/infra/segments"))["result_count"] == 1


async def test_trace_shows_of_what_lies_outside_only_that_something_was_observed(red, admin, policy):
    trace = f"{RED}/infra/traceflows/t"
    await red.patch(trace, segment_port_path=f"{RED}/infra/segments/web/ports/vm", packet=PACKET)
    while (await red.get(f"{trace}/status"))["operation_state"] == "IN_PROGRESS":  # noqa: ASYNC110 (clients poll)
        await asyncio.sleep(0.01)
    said = {"sequence_no": 0, "component_type": "LR", "component_name": "t1"}
    found = Outcome(
        operation="FINISHED",
        observations=(
            Observation({"resource_type": "TraceflowObservationForwardedLogical", **said}, f"{RED}/infra/tier-1s/t1"),
            Observation({"resource_type": "TraceflowObservationForwardedLogical", **said}, "/infra/tier-1s/t1"),
            Observation({"resource_type": "TraceflowObservationReceived", **said}, PROVIDER),
        ),
        analysis=(Remark("yours"), Remark("secret", "/infra/tier-1s/t1")),
    )
    document = documents.Put(f"policy/traces{trace}", "PolicyTrace", msgspec.json.encode(found))
    await policy.manager._store.commit(document)

    shown = (await red.get(f"{trace}/observations"))["results"]
    assert [each.get("component_name") for each in shown] == ["t1", None, None]
    assert [each.get("original_type", "")[20:] for each in shown] == ["", "ForwardedLogical", "Received"]
    status = await red.get(f"{trace}/status")
    assert status["analysis"] == ["yours"]
    assert (status["counters"]["protected_count"], status["counters"]["received_count"]) == (1, 0)
    assert (status["logical_counters"]["protected_count"], status["logical_counters"]["forwarded_count"]) == (1, 1)
    everything = await admin.get(f"{trace}/status")
    assert everything["analysis"] == ["yours", "secret"]
    assert everything["counters"]["protected_count"] == everything["logical_counters"]["protected_count"] == 0
    assert everything["logical_counters"]["forwarded_count"] == 2


async def test_nothing_outside_is_told_through_ones_own_tree(red, admin):
    state = f"{RED}/infra/realized-state"
    for root in OTHERS:
        intent = f"{root}/segments/web"
        for call in ("realized-entities", "status"):
            assert (await red.refused("GET", f"{state}/{call}", intent_path=intent))[0] == 403
        (entity,) = (await admin.get("/infra/realized-state/realized-entities", intent_path=intent))["results"]
        assert (await red.refused("GET", f"{state}/realized-entity", realized_path=entity["path"]))[0] == 404
        answer = await red.call("POST", f"{state}/realized-entity?action=refresh&intent_path={intent}")
        assert answer.status_code == 403
        assert (await red.refused("GET", f"{RED}/infra", base_path=f"{root}/segments"))[0] == 400
    interfaces = (await red.get(f"{state}/enforcement-points/default/vifs"))["results"]
    assert [each["external_id"] for each in interfaces] == ["vifred"]


async def test_search_finds_what_may_be_read(red, admin):
    for query in ("resource_type:Segment", "description:secret", "tags.tag:secret", "id:web", r"path:\/infra*"):
        found = await red.get("/search/query", query=query)
        assert {each["path"].startswith(f"{RED}/") for each in found["results"]} <= {True}, query
        assert found["result_count"] == len(found["results"]), "the count tells nothing either"
    assert (await admin.get("/search/query", query="description:secret"))["result_count"] == 3
    assert (await red.get(f"{RED}/search/query", query="description:secret"))["result_count"] == 1
    assert (await red.get(f"{BLUE}/search/query", query="description:secret"))["result_count"] == 0


async def test_nothing_outside_is_changed(red):
    for root in OTHERS:
        for method, body in (("PUT", {}), ("PATCH", {}), ("DELETE", None)):
            assert (await red.refused(method, f"{root}/segments/web", body))[0] == 403
        wrapper = {"resource_type": "ChildSegment", "Segment": {"id": "x"}}
        assert (await red.refused("PATCH", root, {"children": [wrapper]}))[0] == 403


async def test_a_hierarchical_body_does_not_tell_what_there_is(red):
    """It may lead through the roots to one's own project, and nowhere else: not even to learn that something is missing."""

    def through(*steps: tuple[str, str], last: Any) -> dict[str, Any]:
        body = last
        for kind, name in reversed(steps):
            body = {"resource_type": "ChildResourceReference", "target_type": kind, "id": name, "children": [body]}
        return {"children": [body]}

    segment = {"resource_type": "ChildSegment", "Segment": {"id": "db"}}
    own = through(("Org", "default"), ("Project", "red"), ("Infra", "infra"), last=segment)
    await red.patch("/org-root", **own)
    await red.get(f"{RED}/infra/segments/db")
    nothing = {"resource_type": "ChildResourceReference", "target_type": "Segment", "id": "nowhere"}
    for name in ("t1", "nowhere"):
        assert (await red.refused("PATCH", "/infra", through(("Tier1", name), last=nothing)))[0] == 403


@pytest.mark.parametrize(
    "parent", ["/infra/segments/web", f"{BLUE}/infra/segments/web", f"{BLUE}/infra/segments/nowhere"]
)
async def test_a_binding_to_a_segment_of_others_is_refused_and_does_not_tell_whether_there_is_one(red, admin, parent):
    path = f"{RED}/infra/segments/web/{MAP}/m"
    body = {"vlan_traffic_tag": 7, "segment_path": parent}
    for client in (red, admin):
        assert (await client.refused("PUT", path, body))[:2] == (400, 500012)
    assert (
        await admin.refused(
            "PUT", f"/infra/segments/web/{MAP}/m", {**body, "segment_path": f"{RED}/infra/segments/web"}
        )
    )[:2] == (400, 500012)


async def test_gateways_and_groups_of_others_are_refused(red):
    own = f"{RED}/infra"
    for root in OTHERS:
        body = {"connectivity_path": f"{root}/tier-1s/t1"}
        assert (await red.refused("PATCH", f"{own}/segments/web", body))[:2] == (400, 500012)
        paths = {"expression": [{"resource_type": "PathExpression", "paths": [f"{root}/segments/web"]}]}
        assert (await red.refused("PATCH", f"{own}/domains/default/groups/g", paths))[:2] == (400, 500012)


async def test_an_interface_of_others_is_not_taken_and_not_told_about(red):
    for theirs in ("vif", "vifblue"):
        body = {"attachment": {"id": theirs}}
        status, _, text = await red.refused("PATCH", f"{RED}/infra/segments/web/ports/thief", body)
        assert (status, "blue" in text.replace(theirs, ""), "/infra/segments/web/ports/vm" in text) == (
            400,
            False,
            False,
        )
    containers = {"attachment": {"id": "vifblue/7"}}
    assert (await red.refused("PATCH", f"{RED}/infra/segments/web/ports/thief", containers))[:2] == (400, 255)


async def test_a_packet_is_not_traced_from_a_port_of_others(red, admin):
    port = f"{BLUE}/infra/segments/web/ports/vm"
    trace = f"{RED}/infra/traceflows/t"
    assert (await red.refused("PUT", trace, {"segment_port_path": port, "packet": PACKET}))[:2] == (400, 500012)
    uuid = (await admin.get(port))["unique_id"]
    await red.put(trace, segment_port_path=uuid, packet=PACKET)
    for _ in range(100):
        status = await red.get(f"{trace}/status")
        if status["operation_state"] != "IN_PROGRESS":
            break
        await asyncio.sleep(0.01)  # no event tells that a trace has ended
    assert status["request_status"] == "SOURCE_PORT_NOT_FOUND"


async def test_platform_calls_that_tell_about_everything_are_the_administrators(red):
    for path in (
        "/api/v1/alarms",
        "/api/v1/capacity/usage",
        "/api/v1/node/users",
        "/api/v1/trust-management/certificates",
    ):
        assert (await red.refused("GET", path))[0] == 403
    assert (await red.get("/api/v1/aaa/user-info"))["roles"] == [{"role": "project_admin", "path": RED}]


async def test_a_project_uses_the_tier_0s_that_it_was_given(red, admin):
    for name in ("own", "others"):
        await admin.patch(f"/infra/tier-0s/{name}")
    await admin.patch(RED, tier_0s=["/infra/tier-0s/own"])
    await red.patch(f"{RED}/infra/tier-1s/t1", tier0_path="/infra/tier-0s/own")
    body = {"tier0_path": "/infra/tier-0s/others"}
    assert (await red.refused("PATCH", f"{RED}/infra/tier-1s/t1", body))[:2] == (400, 255)
