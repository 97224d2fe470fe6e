"""What Terraform's provider calls, in its order, for each of its resources and data sources: as the provider, and in a project.

The sequences are those of the provider's source.  After every write the provider reads back, and wants to find what it sent, in
the order in which it sent it, and nothing but the documented defaults besides.
"""

from __future__ import annotations

from typing import Any

import pytest

LISTS = {"include_mark_for_delete_objects": "false", "sort_ascending": "false"}
POINT = "/infra/sites/default/enforcement-points/default"
CLUSTER = f"{POINT}/edge-clusters/edge-cluster"
PROJECT = "/orgs/default/projects/p"


@pytest.fixture(params=["", PROJECT], ids=["provider", "project"])
async def root(request: pytest.FixtureRequest, admin: Any) -> str:
    """The infra that a sequence is about."""
    if request.param:
        await admin.patch(request.param)
    await admin.patch("/infra/tier-0s/t0")
    return f"{request.param}/infra"


async def send(admin: Any, root: str, wrapper: dict[str, Any], *, enforce: str) -> None:
    body = {"resource_type": "Infra", "children": [wrapper]}
    answer = await admin.call("PATCH", root, body, enforce_revision_check=enforce)
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def wrapped(kind: str, inner: dict[str, Any], *, gone: bool = False) -> dict[str, Any]:
    return {"resource_type": f"Child{kind}", kind: {"resource_type": kind, **inner}, "marked_for_delete": gone}


def sent_back(answer: dict[str, Any], sent: dict[str, Any]) -> None:
    """The provider would plan a change for everything that differs."""
    assert {name: answer.get(name) for name in sent} == sent


async def test_a_tier_1_gateway(admin, root):
    path = f"{root}/tier-1s/gw"
    assert (await admin.refused("GET", path))[0] == 404
    gateway = {
        "id": "gw",
        "display_name": "gw",
        "description": "",
        "failover_mode": "NON_PREEMPTIVE",
        "default_rule_logging": False,
        "disable_firewall": False,
        "enable_standby_relocation": False,
        "force_whitelisting": False,
        "tier0_path": "/infra/tier-0s/t0",
        "route_advertisement_types": ["TIER1_STATIC_ROUTES", "TIER1_CONNECTED", "TIER1_NAT"],
        "route_advertisement_rules": [
            {
                "name": "r",
                "action": "DENY",
                "subnets": ["10.9.0.0/24", "10.8.0.0/24"],
                "prefix_operator": "GE",
                "route_advertisement_types": ["TIER1_CONNECTED"],
            }
        ],
        "dhcp_config_paths": [],
        "pool_allocation": "ROUTING",
    }
    services = wrapped("LocaleServices", {"id": "default", "edge_cluster_path": CLUSTER})
    await send(admin, root, wrapped("Tier1", {**gateway, "children": [services]}), enforce="false")
    stored = await admin.get(path)
    sent_back(stored, gateway)
    listed = await admin.get(f"{path}/locale-services", **LISTS)
    assert (listed["result_count"], listed["results"][0]["edge_cluster_path"]) == (1, CLUSTER)

    found = await admin.get(f"{path}/locale-services/default")
    changed = {**gateway, "description": "changed", "_revision": stored["_revision"]}
    services = wrapped(
        "LocaleServices", {"id": "default", "edge_cluster_path": CLUSTER, "_revision": found["_revision"]}
    )
    await send(admin, root, wrapped("Tier1", {**changed, "children": [services]}), enforce="true")
    sent_back(await admin.get(path), {**gateway, "description": "changed"})
    stale = {"resource_type": "Infra", "children": [wrapped("Tier1", changed)]}
    assert (await admin.refused("PATCH", root, stale, enforce_revision_check="true"))[0] == 412

    await send(admin, root, wrapped("Tier1", {"id": "gw"}, gone=True), enforce="false")
    assert (await admin.refused("GET", path))[0] == 404
    assert (await admin.refused("GET", f"{path}/locale-services/default"))[0] == 404


async def test_a_segment(admin, root):
    await admin.patch(f"{root}/tier-1s/gw")
    path = f"{root}/segments/web"
    segment: dict[str, Any] = {
        "id": "web",
        "display_name": "web",
        "tags": [{"scope": "b", "tag": "2"}, {"scope": "a", "tag": "1"}],
        "connectivity_path": f"{root}/tier-1s/gw",
        "replication_mode": "MTEP",
        "subnets": [{"gateway_address": "12.12.2.1/24", "network": "", "dhcp_ranges": ["12.12.2.100-12.12.2.160"]}],
        "advanced_config": {"connectivity": "ON", "local_egress": False, "urpf_mode": "STRICT"},
    }
    if not root.startswith("/orgs"):
        segment["transport_zone_path"] = f"{POINT}/transport-zones/overlay"
    qos = wrapped(
        "SegmentQoSProfileBindingMap", {"id": "default", "qos_profile_path": "/infra/qos-profiles/default-qos-profile"}
    )
    await send(admin, root, wrapped("Segment", {**segment, "_revision": 0, "children": [qos]}), enforce="false")

    async def refresh() -> dict[str, Any]:
        stored: dict[str, Any] = await admin.get(path)
        for kind in ("discovery", "qos", "security"):
            listed = await admin.get(f"{path}/segment-{kind}-profile-binding-maps", **LISTS)
            assert listed["result_count"] == (kind == "qos")
        return stored

    stored = await refresh()
    assert stored["subnets"] == [{**segment["subnets"][0], "network": "12.12.2.0/24"}]
    assert {name: stored["advanced_config"][name] for name in segment["advanced_config"]} == segment["advanced_config"]
    sent_back(stored, {name: segment[name] for name in segment if name not in ("subnets", "advanced_config")})
    (own,) = (await admin.get(f"{path}/segment-qos-profile-binding-maps"))["results"]
    changed = {**stored, "description": "changed"}
    qos = wrapped("SegmentQoSProfileBindingMap", {**own})
    await send(admin, root, wrapped("Segment", {**changed, "children": [qos]}), enforce="true")
    assert (await refresh())["description"] == "changed"
    assert (await admin.get(f"{path}/ports", **LISTS))["results"] == []
    await send(admin, root, wrapped("Segment", {"id": "web"}, gone=True), enforce="false")
    assert (await admin.refused("GET", path))[0] == 404


async def test_a_fixed_segment(admin, root):
    await admin.patch(f"{root}/tier-1s/gw")
    path = f"{root}/tier-1s/gw/segments/web"

    def below(inner: dict[str, Any]) -> dict[str, Any]:
        return {
            "resource_type": "ChildResourceReference",
            "id": "gw",
            "target_type": "Tier1",
            "children": [inner],
        }

    segment = {"id": "web", "display_name": "web", "replication_mode": "MTEP"}
    await send(admin, root, below(wrapped("Segment", {**segment, "_revision": 0})), enforce="false")
    stored = await admin.get(path)
    sent_back(stored, {**segment, "type": "ROUTED"})
    assert [each["id"] for each in (await admin.get(f"{root}/tier-1s/gw/segments"))["results"]] == ["web"]
    await send(admin, root, below(wrapped("Segment", {**stored, "description": "x"})), enforce="true")
    assert (await admin.get(path))["description"] == "x"
    await send(admin, root, below(wrapped("Segment", {"id": "web"}, gone=True)), enforce="false")
    assert (await admin.refused("GET", path))[0] == 404


async def test_a_static_route(admin, root):
    await admin.patch(f"{root}/tier-1s/gw")
    path = f"{root}/tier-1s/gw/static-routes/5b4ff0a5-1bd9-4ba1-8d86-0a0e6b7b4c7e"
    route = {
        "id": path.rpartition("/")[2],
        "display_name": "r",
        "description": "",
        "tags": [],
        "network": "13.1.1.0/24",
        "next_hops": [
            {"admin_distance": 2, "ip_address": "11.10.10.1"},
            {"admin_distance": 4, "ip_address": "12.10.10.1"},
        ],
    }
    assert (await admin.refused("GET", path))[0] == 404
    await admin.patch(path, **route)
    sent_back(await admin.get(path), route)
    await admin.patch(path, **{**route, "network": "14.1.1.0/24", "_revision": 0})
    assert (await admin.get(path))["network"] == "14.1.1.0/24"
    await admin.delete(path)
    assert (await admin.refused("DELETE", path))[0] == 404, "which the provider takes for done"


async def test_data_sources(admin, root):
    await admin.patch(f"{root}/tier-1s/gw")
    await admin.patch(f"{root}/segments/web")
    below = root.replace("/", r"\/")
    for kind, name in (("Tier1", "gw"), ("Segment", "web")):
        query = f"resource_type:{kind} AND display_name:{name}* AND marked_for_delete:false AND path:{below}*"
        found = await admin.get("/search/query", query=query)
        assert [(each["id"], each["resource_type"]) for each in found["results"]] == [(name, kind)]
        by_id = await admin.get("/search/query", query=f"id:{name} AND marked_for_delete:false AND path:{below}*")
        assert name in [each["id"] for each in by_id["results"]]
    for kind, name in (("Tier0", "t0"), ("PolicyEdgeCluster", "edge-cluster")):
        query = rf"resource_type:{kind} AND display_name:{name}* AND marked_for_delete:false AND path:\/infra*"
        assert [each["display_name"] for each in (await admin.get("/search/query", query=query))["results"]] == [name]
    zones = (await admin.get(f"{POINT}/transport-zones", **LISTS))["results"]
    assert {zone["transport_zone_type"] for zone in zones if zone["is_default"]} == {"OVERLAY", "VLAN"}
    for gateway in ("/infra/tier-0s/t0", f"{root}/tier-1s/gw"):
        assert (await admin.refused("GET", f"{gateway}/locale-services/default"))[0] == 404
        assert (await admin.get(f"{gateway}/locale-services"))["result_count"] == 0


async def test_realization_of_a_segment_is_polled_by_its_state(admin, root):
    await admin.patch(f"{root}/segments/web")
    assert (await admin.get(f"{root}/segments/web/state"))["state"] in ("success", "in_progress")
    entities = f"{root}/realized-state/realized-entities"
    (entity,) = (await admin.get(entities, intent_path=f"{root}/segments/web"))["results"]
    assert entity["entity_type"] == "RealizedLogicalSwitch"
