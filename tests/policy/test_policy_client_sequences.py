"""What the named clients call, in their order: start-up, Terraform, nsxlib, the cloud provider's route controller."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trunkline.dialects.nsx.realized import Nobody, Realisation

LISTS = {"include_mark_for_delete_objects": "false", "sort_ascending": "false"}


class Network(Nobody):
    """A realiser that tests move."""

    def __init__(self) -> None:
        self.follows: dict[str, Realisation] = {}

    def realisation(self, path: str, revision: int) -> Realisation | None:
        return self.follows.get(path)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def admin(database: str, tmp_path: Path, network: Network, manager_with) -> Any:
    async with manager_with(database, tmp_path, realiser=network) as opened:
        yield opened.admin


async def test_start_up_of_terraform(admin):
    version = await admin.get("/api/v1/node/version")
    assert version["node_version"] == version["product_version"] == "4.2.1.0.0.24304122"
    assert (await admin.get("/api/v1/licenses"))["result_count"] == 0
    spans = (await admin.get("/infra/network-spans"))["results"]
    assert [(span["is_default"], span["path"]) for span in spans] == [(True, "/infra/network-spans/default")]
    zones = await admin.get("/infra/sites/default/enforcement-points/default/transport-zones", **LISTS)
    kinds = {zone["tz_type"]: zone["is_default"] for zone in zones["results"]}
    assert kinds == {"OVERLAY_BACKED": True, "VLAN_BACKED": True}
    edges = await admin.get(
        "/search/query", query=r"resource_type:PolicyEdgeCluster AND display_name:edge-cluster* AND path:\/infra*"
    )
    assert edges["results"][0]["path"].endswith("/edge-clusters/edge-cluster")
    nothing = await admin.get("/search/query", query="resource_type:dummy")
    assert (nothing["results"], nothing["result_count"]) == ([], 0)


async def test_start_up_of_nsxlib(admin):
    health = await admin.nobody().get("/api/v1/reverse-proxy/node/health")
    assert health["healthy"] is True
    assert health["components_health"].startswith("POLICY:UP, SEARCH:UP, MANAGER:UP")
    insisting = admin.with_headers(X_Allow_Overwrite="true")
    assert (await insisting.get("/api/v1/spec/vmware/types/Tag"))["properties"]["tag"]["maxLength"] == 256
    assert (await insisting.get("/api/v1/spec/vmware/types/ManagedResource"))["properties"]["tags"]["maxItems"] == 30
    assert (await insisting.get("/api/v1/node"))["node_version"].startswith("4.2.1")
    assert (await insisting.get("/api/v1/cluster/status"))["overall_status"] == "STABLE"


async def test_terraforms_segment_from_create_to_destroy(admin):
    await admin.refused("GET", "/infra/segments/web")
    zone = "/infra/sites/default/enforcement-points/default/transport-zones/overlay"
    segment = {
        "id": "web",
        "display_name": "web",
        "tags": [{"scope": "a", "tag": "b"}],
        "resource_type": "Segment",
        "transport_zone_path": zone,
        "replication_mode": "MTEP",
        "subnets": [{"gateway_address": "12.12.2.1/24", "network": ""}],
    }

    async def send(enforce: str, revision: int, gone: bool = False, **more: Any) -> None:
        inner = {**segment, "_revision": revision, **more}
        wrapped = {"resource_type": "ChildSegment", "Segment": inner, "marked_for_delete": gone}
        body = {"resource_type": "Infra", "children": [wrapped]}
        response = await admin.call("PATCH", "/infra", body, enforce_revision_check=enforce)
        assert (response.status_code, response.content) == (200, b""), response.text

    await send("false", 0)
    stored = await admin.get("/infra/segments/web")
    for kind in ("discovery", "qos"):
        listed = await admin.get(f"/infra/segments/web/segment-{kind}-profile-binding-maps", **LISTS)
        assert listed["result_count"] == 0
    await admin.get("/infra/segments/web/segment-security-profile-binding-maps", **LISTS)
    await send("true", stored["_revision"], description="changed", tags=[])
    stored = await admin.get("/infra/segments/web")
    assert (stored["_revision"], stored["description"], stored["tags"]) == (1, "changed", [])
    assert (await admin.get("/infra/segments/web/ports", **LISTS))["results"] == []
    await send("false", 0, gone=True)
    await admin.refused("GET", "/infra/segments/web")


async def test_a_fixed_segment_below_a_reference(admin):
    await admin.patch("/infra/tier-1s/t1")
    fixed = {"resource_type": "ChildSegment", "Segment": {"id": "web", "resource_type": "Segment"}}
    wrapped = {"resource_type": "ChildResourceReference", "id": "t1", "target_type": "Tier1", "children": [fixed]}
    await admin.patch("/infra", resource_type="Infra", children=[wrapped])
    assert (await admin.get("/infra/tier-1s/t1/segments/web"))["type"] == "ROUTED"


async def test_the_cloud_providers_route_becomes_realized_when_the_network_follows(admin, network):
    await admin.patch("/infra/tier-1s/t1")
    path = "/infra/tier-1s/t1/static-routes/6f0c_100.96.1.0_24"
    scopes = {"vsphere.k8s.io/cluster-name": "c", "vsphere.k8s.io/node-name": "n"}
    await admin.patch(
        path,
        display_name="c_n_100.96.1.0/24",
        network="100.96.1.0/24",
        next_hops=[{"ip_address": "10.0.0.9"}],
        tags=[{"scope": scope, "tag": tag} for scope, tag in scopes.items()],
    )
    query = r"resource_type:StaticRoutes AND tags.scope:vsphere.k8s.io\/cluster-name AND tags.tag:c"
    found = await admin.get("/search/query", query=query)
    assert (found["result_count"], found["results"][0]["network"]) == (1, "100.96.1.0/24")
    entities = "/infra/realized-state/realized-entities"
    waiting = (await admin.get(entities, intent_path=path))["results"][0]
    assert (waiting["intent_paths"], waiting["state"]) == ([path], "UNREALIZED"), "nobody has said otherwise"
    network.follows[path] = Realisation(state="REALIZED", revision=0, published_ms=5, took_ms=2)
    done = (await admin.get(entities, intent_path=path))["results"][0]
    assert (done["state"], done["entity_type"], done["time_taken_for_realization"]) == (
        "REALIZED",
        "RealizedStaticRoutes",
        2,
    )
    await admin.delete(path)
    assert (await admin.get(entities, intent_path=path))["results"] == []


async def test_realised_state_in_all_its_forms(admin, network):
    await admin.patch("/infra/segments/web")
    await admin.patch("/infra/segments/web/ports/p", attachment={"id": "vif"})
    status = "/infra/realized-state/status"
    assert (await admin.get(status, intent_path="/infra/segments/web"))["publish_status"] == "UNREALIZED"
    assert (await admin.get("/infra/segments/web/state"))["state"] == "in_progress"
    assert (await admin.get("/infra/segments/web/ports/p/status"))["status"] == "DOWN"
    network.follows["/infra/segments/web"] = Realisation(state="ERROR", problem="no such VLAN")
    answer = await admin.get(status, intent_path="/infra/segments/web")
    assert answer["consolidated_status"] == {"consolidated_status": "ERROR"}
    entity = (await admin.get("/infra/realized-state/realized-entities", intent_path="/infra/segments/web"))["results"][
        0
    ]
    assert entity["alarms"][0]["message"] == "no such VLAN"
    state = await admin.get("/infra/segments/web/state")
    assert (state["state"], state["failure_message"]) == ("error", "no such VLAN")
    network.follows["/infra/segments/web"] = Realisation(state="REALIZED")
    at = {"transport_node_ids": ["hv1"], "operational_status": ["UP"]}
    network.follows["/infra/segments/web/ports/p"] = Realisation(state="REALIZED", attributes=at)
    assert (await admin.get("/infra/segments/state", configuration_state="success"))["result_count"] == 1
    attached = {"id": "vif", "state": "ATTACHED", "attachers": [{"host": "hv1", "entity": "vif"}]}
    assert (await admin.get("/infra/segments/web/ports/p/state"))["attachment"] == attached
    assert (await admin.get("/infra/segments/web/ports/p/status"))["status"] == "UP"
    assert (await admin.refused("GET", status, intent_path="/infra/segments/nowhere"))[0] == 404
    assert (await admin.refused("GET", "/infra/realized-state/realized-entities"))[:2] == (400, 500012)


async def test_search_pages_by_count(admin):
    for number in range(5):
        await admin.patch(f"/infra/segments/s{number}")
    seen: list[str] = []
    cursor = "0"
    for _ in range(3):
        page = await admin.get("/search/query", query="resource_type:Segment", page_size=2, cursor=cursor, sort_by="id")
        assert page["result_count"] == 5
        seen += [hit["id"] for hit in page["results"]]
        cursor = page["cursor"]
        assert int(cursor) == len(seen)
    assert seen == ["s0", "s1", "s2", "s3", "s4"]
    assert (await admin.get("/search/query", query="resource_type:Segment", cursor="99"))["results"] == []
    assert (await admin.refused("GET", "/search/query", query="x:y", cursor="abc"))[:2] == (400, 255)


async def test_the_raw_unencoded_queries_of_the_sdks(admin):
    """The vapi runtimes put `/`, `:`, `,` and `*` into URLs as they are."""
    await admin.patch("/infra/segments/s1")
    found = await admin.get("/search/query?query=resource_type:Segment%20AND%20path:\\/infra*&included_fields=id,path")
    assert found["result_count"] == 1
    listed = await admin.get("/infra/realized-state/realized-entities?intent_path=/infra/segments/s1")
    assert listed["result_count"] == 1
    listed = await admin.get("/infra/realized-state/realized-entities?intent_path=%2Finfra%2Fsegments%2Fs1")
    assert listed["result_count"] == 1


async def test_the_description_covers_every_place_and_only_those(admin):
    document = await admin.get("/api/v1/spec/openapi/nsx_policy_api.json")
    item = document["paths"][
        "/policy/api/v1/infra/segments/{segment-id}/segment-connection-binding-maps/{segment-connection-binding-map-id}"
    ]
    assert {"get", "put", "patch", "delete"} < set(item)
    assert set(document["components"]["schemas"]["SegmentConnectionBindingMap"]["required"]) == {
        "vlan_traffic_tag",
        "segment_path",
    }
    names = [
        verb["operationId"] for path in document["paths"].values() for key, verb in path.items() if key != "parameters"
    ]
    assert len(names) == len(set(names))
    assert "put" not in document["paths"]["/policy/api/v1/infra/sites/{site-id}"]


POINT = "/infra/sites/default/enforcement-points/default"


async def test_edge_nodes_are_the_hypervisors_that_may_serve_gateways(database, tmp_path, manager_with):
    gateways = {"edge-cluster": ("hv-2", "hv-1"), "no-such-cluster": ("hv-9",)}
    async with manager_with(database, tmp_path, gateways=gateways) as opened:
        admin, nodes = opened.admin, f"{POINT}/edge-clusters/edge-cluster/edge-nodes"
        listed = (await admin.get(nodes, sort_by="member_index"))["results"]
        assert [(node["id"], node["member_index"]) for node in listed] == [("hv-2", 0), ("hv-1", 1)]
        found = await admin.get("/search/query", query=f"resource_type:PolicyEdgeNode AND nsx_id:{listed[0]['nsx_id']}")
        assert [node["path"] for node in found["results"]] == [f"{nodes}/hv-2"]
        await admin.patch("/infra/tier-0s/t0")
        cluster = f"{POINT}/edge-clusters/edge-cluster"
        preferred = [f"{nodes}/hv-1"]
        services = "/infra/tier-0s/t0/locale-services/default"
        await admin.patch(services, edge_cluster_path=cluster, preferred_edge_paths=preferred)
        assert (await admin.get(services))["preferred_edge_paths"] == preferred


async def test_hypervisors_that_appear_later_become_edge_nodes(database, tmp_path, manager_with):
    class Willing(Nobody):
        def edges(self):
            return {"edge-cluster": ("hv-1",)}

    async with manager_with(database, tmp_path, realiser=Willing()) as opened:
        meeting = asyncio.create_task(opened.manager.meet())
        try:
            for _ in range(200):
                listed = await opened.admin.get(f"{POINT}/edge-clusters/edge-cluster/edge-nodes")
                if listed["results"]:
                    break
                await asyncio.sleep(0.01)  # no event tells that the manager has met somebody
        finally:
            meeting.cancel()
        assert [node["id"] for node in listed["results"]] == ["hv-1"]


async def test_effective_profiles_are_the_ports_then_the_segments_then_the_defaults(admin):
    for kind in ("spoofguard", "qos"):
        for name in ("own", "segments"):
            await admin.patch(f"/infra/{kind}-profiles/{name}")
    await admin.patch("/infra/segments/web")
    await admin.patch("/infra/segments/web/ports/vm")
    maps = {
        "/infra/segments/web/segment-security-profile-binding-maps/default": {
            "spoofguard_profile_path": "/infra/spoofguard-profiles/segments"
        },
        "/infra/segments/web/segment-qos-profile-binding-maps/default": {
            "qos_profile_path": "/infra/qos-profiles/segments"
        },
        "/infra/segments/web/ports/vm/port-qos-profile-binding-maps/default": {
            "qos_profile_path": "/infra/qos-profiles/own"
        },
    }
    for path, body in maps.items():
        await admin.patch(path, **body)

    async def effective(path: str) -> dict[str, str]:
        found = (await admin.get(f"{path}/effective-profiles"))["results"]
        return {each["target_type"]: each["target_id"] for each in found}

    segment, port = await effective("/infra/segments/web"), await effective("/infra/segments/web/ports/vm")
    assert (segment["QoSProfile"], port["QoSProfile"]) == ("/infra/qos-profiles/segments", "/infra/qos-profiles/own")
    assert segment["SpoofGuardProfile"] == port["SpoofGuardProfile"] == "/infra/spoofguard-profiles/segments"
    assert port["MacDiscoveryProfile"].endswith("/default-mac-discovery-profile")


async def test_nsxlib_patches_waits_and_deletes(admin, network):
    """Its own requests, in its order; the library itself runs in `test_policy_official_clients`."""
    merging = admin.with_headers(nsx_enable_partial_patch="true")
    await admin.patch("/infra/tier-1s/r", failover_mode="NON_PREEMPTIVE", id="r", resource_type="Tier1")
    gateway = await admin.get("/infra/tier-1s/r")
    await merging.patch("/infra/tier-1s/r", **{**gateway, "route_advertisement_types": ["TIER1_CONNECTED"]})
    path = "/infra/segments/5a1c"
    await admin.patch(
        path,
        id="5a1c",
        resource_type="Segment",
        display_name="web",
        connectivity_path="/infra/tier-1s/r",
        subnets=[{"gateway_address": "10.0.0.1/24", "dhcp_config": None}],
        tags=[{"scope": "os-neutron-net-id", "tag": "x"}],
    )
    await merging.patch(path, id="5a1c", resource_type="Segment", description="changed", connectivity_path="")
    changed = await admin.get(path)
    assert ("connectivity_path" in changed, changed["description"], len(changed["tags"])) == (False, "changed", 1)
    entities = "/infra/realized-state/realized-entities"
    network.follows[path] = Realisation(state="REALIZED", revision=1, published_ms=5)
    (entity,) = (await admin.get(entities, intent_path=path))["results"]
    assert (entity["entity_type"], entity["state"]) == ("RealizedLogicalSwitch", "REALIZED")
    port = f"{path}/ports/p"
    attachment = {"id": "vif", "type": "PARENT"}
    await admin.patch(port, id="p", resource_type="SegmentPort", display_name="p", attachment=attachment)
    assert (await admin.refused("DELETE", path))[:2] == (400, 503040)
    await admin.delete(port)
    await admin.delete(path)
    route = {"network": "10.9.0.0/24", "next_hops": [{"ip_address": "10.0.0.9"}], "id": "x"}
    await admin.patch("/infra/tier-1s/r/static-routes/x", resource_type="StaticRoutes", **route)
    refresh = f"{entities.removesuffix('entities')}entity?action=refresh&intent_path=/infra/tier-1s/r"
    assert (await admin.call("POST", refresh)).status_code == 200
    gone = {"resource_type": "ChildTier1", "marked_for_delete": True, "Tier1": {"id": "r", "resource_type": "Tier1"}}
    await merging.patch("/infra", resource_type="Infra", children=[gone])
    await admin.refused("GET", "/infra/tier-1s/r")


async def test_the_operators_steps_before_routable_pods_and_the_routes_that_follow(admin, network):
    """TKG: a linked gateway that advertises, the nodes' segment, one route for each node with the node as next hop."""
    await admin.patch("/infra/tier-0s/t0")
    told = ["TIER1_STATIC_ROUTES", "TIER1_NAT", "TIER1_CONNECTED"]
    await admin.patch("/infra/tier-1s/tkg", tier0_path="/infra/tier-0s/t0", route_advertisement_types=told)
    await admin.patch(
        "/infra/tier-1s/tkg/locale-services/default", edge_cluster_path=f"{POINT}/edge-clusters/edge-cluster"
    )
    subnets = [{"gateway_address": "195.115.4.1/24"}]
    await admin.patch("/infra/segments/nodes", connectivity_path="/infra/tier-1s/tkg", subnets=subnets)
    for number in (1, 2):
        tags = {"vsphere.k8s.io/cluster-name": "c", "vsphere.k8s.io/node-name": f"node-{number}"}
        body = {
            "display_name": f"c_node-{number}_100.96.{number}.0/24",
            "network": f"100.96.{number}.0/24",
            "next_hops": [{"ip_address": f"195.115.4.{number + 10}"}],
            "tags": [{"scope": scope, "tag": tag} for scope, tag in tags.items()],
        }
        path = f"/infra/tier-1s/tkg/static-routes/uid-{number}_100.96.{number}.0_24"
        for _ in range(2):  # reconciling repeats itself
            await admin.patch(path, **body)
        assert (await admin.get(path))["_revision"] == 0
    query = r"resource_type:StaticRoutes AND tags.scope:vsphere.k8s.io\/cluster-name AND tags.tag:c"
    found = await admin.get("/search/query", query=query)
    assert found["result_count"] == 2
    for route in found["results"]:
        node = next(tag["tag"] for tag in route["tags"] if tag["scope"] == "vsphere.k8s.io/node-name")
        assert route["next_hops"][0]["ip_address"] == f"195.115.4.{int(node[-1]) + 10}"
        await admin.with_headers(X_Allow_Overwrite="true").delete(route["path"])
