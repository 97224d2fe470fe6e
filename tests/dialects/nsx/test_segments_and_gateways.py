"""Segments, ports, gateways, routes, zones: what the server fills in and what it refuses."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx.errors import Refused

POINT = "/infra/sites/default/enforcement-points/default"
OVERLAY, VLAN = f"{POINT}/transport-zones/overlay", f"{POINT}/transport-zones/vlan"


def refused(code: int, status: int = 400):
    return pytest.raises(Refused, check=lambda error: (error.code, error.status) == (code, status))


def test_an_overlay_segment_is_completed(manager):
    segment = manager.patch("/infra/segments/web", subnets=[{"gateway_address": "10.1.0.1/24", "network": ""}])
    assert segment["transport_zone_path"] == OVERLAY
    assert segment["type"] == "DISCONNECTED"
    assert segment["subnets"] == [{"gateway_address": "10.1.0.1/24", "network": "10.1.0.0/24"}]
    assert (segment["admin_state"], segment["replication_mode"]) == ("UP", "MTEP")
    assert segment["advanced_config"]["connectivity"] == "ON"
    assert 65536 <= segment["overlay_id"] < 2**24


def test_a_gateway_connects_and_an_empty_path_disconnects(manager):
    manager.patch("/infra/tier-1s/t1")
    assert manager.patch("/infra/segments/web", connectivity_path="/infra/tier-1s/t1")["type"] == "ROUTED"
    segment = manager.patch("/infra/segments/web", connectivity_path="", merge=True)
    assert segment["type"] == "DISCONNECTED"
    assert "connectivity_path" not in segment


def test_an_empty_path_is_an_absent_one(manager):
    assert manager.patch("/infra/segments/web", transport_zone_path="")["transport_zone_path"] == OVERLAY
    assert "tier0_path" not in manager.patch("/infra/tier-1s/t1", tier0_path="")
    manager.patch("/infra/segments/child")
    with refused(255):
        manager.put("/infra/segments/child/segment-connection-binding-maps/m", vlan_traffic_tag=1, segment_path="")


@pytest.mark.parametrize("gateway", ["10.1.0.0/24", "10.1.0.1", "10.1.0.1/33", "fd00::/64", "x", 7, "", None])
def test_a_gateway_address_is_an_address_with_a_prefix(manager, gateway):
    with refused(255):
        manager.patch("/infra/segments/web", subnets=[{"gateway_address": gateway}])


def test_one_subnet_per_family(manager):
    both = [{"gateway_address": "10.1.0.1/24"}, {"gateway_address": "fd00::1/64"}]
    assert manager.patch("/infra/segments/web", subnets=both)["subnets"][1]["network"] == "fd00::/64"
    with refused(255):
        manager.patch(
            "/infra/segments/web", subnets=[{"gateway_address": "10.1.0.1/24"}, {"gateway_address": "10.2.0.1/24"}]
        )


@pytest.mark.parametrize("vlans", [["0"], ["4094"], ["10-20", "30"]])
def test_a_vlan_segment_takes_ids_and_ranges(manager, vlans):
    segment = manager.patch("/infra/segments/v", transport_zone_path=VLAN, vlan_ids=vlans)
    assert segment["vlan_ids"] == vlans
    assert "overlay_id" not in segment


@pytest.mark.parametrize(
    "vlans", [None, [], ["4095"], ["20-10"], ["x"], [19], ["1-"], ["1-2-3"], ["-1"], "19", ["１９"]]
)
def test_other_vlans_are_refused(manager, vlans):
    with refused(255):
        manager.patch("/infra/segments/v", transport_zone_path=VLAN, vlan_ids=vlans)


def test_a_vlan_segment_has_no_gateway_and_needs_its_zone(manager):
    manager.patch("/infra/tier-1s/t1")
    with refused(255):
        manager.patch(
            "/infra/segments/v", transport_zone_path=VLAN, vlan_ids=["1"], connectivity_path="/infra/tier-1s/t1"
        )
    with refused(255):
        manager.patch("/infra/segments/v", vlan_ids=["1"])


def test_a_fixed_segment_has_its_gateway_in_its_path(manager):
    manager.patch("/infra/tier-1s/t1")
    assert manager.patch("/infra/tier-1s/t1/segments/web")["type"] == "ROUTED"
    with refused(255):
        manager.patch("/infra/tier-1s/t1/segments/web", connectivity_path="/infra/tier-1s/t1")


def test_an_overlay_id_is_unique_and_stays(manager):
    vni = manager.patch("/infra/segments/a")["overlay_id"]
    with refused(255):
        manager.patch("/infra/segments/b", overlay_id=vni)
    with refused(255):
        manager.patch("/infra/segments/a", overlay_id=vni + 1)
    assert manager.patch("/infra/segments/a", description="x")["overlay_id"] == vni


def test_a_missing_or_wrong_reference_is_named(manager):
    with refused(600, 404):
        manager.patch("/infra/segments/web", connectivity_path="/infra/tier-1s/nowhere")
    with refused(500012):
        manager.patch("/infra/segments/web", connectivity_path=OVERLAY)
    with refused(500012):
        manager.patch("/infra/segments/web", connectivity_path="/infra//tier-1s/t1")
    with refused(255):
        manager.patch("/infra/segments/web", connectivity_path=7)


def test_every_wrong_field_is_named_at_once(manager):
    with refused(255) as caught:
        manager.patch(
            "/infra/segments/web", admin_state="LEFT", replication_mode=1, display_name="x" * 256, tags=[{"tag": 1}]
        )
    for field in ("admin_state", "replication_mode", "display_name", "tags[0].tag"):
        assert field in str(caught.value)


def test_a_segment_with_attached_interfaces_stays_and_unattached_ports_go_along(manager):
    manager.patch("/infra/segments/web")
    manager.patch("/infra/segments/web/ports/default:1", attachment={"id": "vif-1"})
    manager.patch("/infra/segments/web/ports/loose")
    with refused(503040) as caught:
        manager.delete("/infra/segments/web")
    assert "ports/default:1" in str(caught.value)
    manager.patch("/infra/segments/web/ports/default:1")
    manager.delete("/infra/segments/web")
    assert not manager.has("/infra/segments/web/ports/loose")


def test_force_deletes_all_the_same(manager):
    manager.patch("/infra/segments/web")
    manager.patch("/infra/segments/web/ports/p", attachment={"id": "vif-1"})
    manager.delete("/infra/segments/web", force=True)
    assert not manager.has("/infra/segments/web/ports/p")


@pytest.mark.parametrize(
    "attachment",
    [
        {"type": "PARENT"},
        {"type": "CHILD", "id": "c"},
        {"type": "CHILD", "id": "c", "context_id": "p"},
        {"type": "CHILD", "id": "c", "context_id": "p", "traffic_tag": 4095},
        {"id": "i", "traffic_tag": 5},
        {"type": "SIDEWAYS"},
    ],
)
def test_attachments_that_make_no_sense_are_refused(manager, attachment):
    manager.patch("/infra/segments/web")
    with refused(255):
        manager.patch("/infra/segments/web/ports/p", attachment=attachment)


def test_a_tier1_always_says_what_terraform_dereferences(manager):
    tier1 = manager.patch("/infra/tier-1s/t1")
    assert tier1["disable_firewall"] is False
    assert "ha_mode" not in tier1


def test_a_gateway_in_use_stays(manager):
    manager.patch("/infra/tier-0s/t0")
    manager.patch("/infra/tier-1s/t1", tier0_path="/infra/tier-0s/t0")
    with refused(500030) as caught:
        manager.delete("/infra/tier-0s/t0")
    assert "path=[/infra/tier-1s/t1]" in str(caught.value)


def test_the_cloud_providers_route(manager):
    """IPv6 and IPv4 ids as it makes them, no admin distance, an identical PATCH again."""
    manager.patch("/infra/tier-1s/t1")
    body = {"network": "fd00:1::/64", "next_hops": [{"ip_address": "fd00::9"}], "display_name": "c_n_fd00:1::/64"}
    path = "/infra/tier-1s/t1/static-routes/6f0c_fd00:1::_64"
    route = manager.patch(path, **body)
    assert route["next_hops"] == [{"ip_address": "fd00::9", "admin_distance": 1}]
    assert manager.patch(path, **body) == route


@pytest.mark.parametrize(
    "body",
    [
        {"network": "10.0.0.0/24"},
        {"network": "10.0.0.0/24", "next_hops": []},
        {"network": "10.0.0.1/24", "next_hops": [{}]},
        {"network": "10.0.0.0", "next_hops": [{}]},
        {"network": "10.0.0.0/24", "next_hops": [{"ip_address": "fd00::1"}]},
        {"network": "10.0.0.0/24", "next_hops": [{"ip_address": "10.0.0.1", "admin_distance": 0}]},
        {"next_hops": [{"ip_address": "10.0.0.1"}]},
    ],
)
def test_routes_that_make_no_sense_are_refused(manager, body):
    manager.patch("/infra/tier-1s/t1")
    with refused(255):
        manager.patch("/infra/tier-1s/t1/static-routes/r", **body)


def test_zones_tell_their_kind_twice_and_keep_it(manager):
    path = f"{POINT}/transport-zones/z"
    zone = manager.patch(path, tz_type="OVERLAY_STANDARD")
    assert (zone["transport_zone_type"], zone["is_default"]) == ("OVERLAY", False)
    assert manager.patch(f"{POINT}/transport-zones/y", transport_zone_type="VLAN")["tz_type"] == "VLAN_BACKED"
    for body in ({}, {"tz_type": "VLAN_BACKED"}, {"tz_type": "OVERLAY_BACKED", "transport_zone_type": "VLAN"}):
        with refused(255):
            manager.patch(path, **body)
    with refused(255):
        manager.patch(path, tz_type="OVERLAY_BACKED", is_default=True)


def test_a_zone_with_segments_stays(manager):
    manager.patch(f"{POINT}/transport-zones/z", tz_type="VLAN_BACKED")
    manager.patch("/infra/segments/v", transport_zone_path=f"{POINT}/transport-zones/z", vlan_ids=["1"])
    with refused(500030):
        manager.delete(f"{POINT}/transport-zones/z")


def test_projects_are_walls(manager):
    for name in ("red", "blue"):
        manager.patch(f"/orgs/default/projects/{name}")
        manager.patch(f"/orgs/default/projects/{name}/infra/tier-1s/t1")
    red = "/orgs/default/projects/red/infra"
    manager.patch("/infra/tier-0s/t0")
    manager.patch("/infra/tier-1s/t1")
    manager.patch(f"{red}/tier-1s/t1", tier0_path="/infra/tier-0s/t0")  # lent by the provider
    for gateway in ("/infra/tier-1s/t1", "/orgs/default/projects/blue/infra/tier-1s/t1"):
        with refused(500012):
            manager.patch(f"{red}/segments/web", connectivity_path=gateway)
    with refused(500012):
        manager.patch("/infra/segments/web", connectivity_path=f"{red}/tier-1s/t1")
    with refused(255):
        manager.patch(f"{red}/segments/web", transport_zone_path=VLAN, vlan_ids=["1"])
    assert manager.patch(f"{red}/segments/web", connectivity_path=f"{red}/tier-1s/t1")["transport_zone_path"] == OVERLAY


def test_a_project_with_objects_stays_and_an_empty_one_goes_with_its_roots(manager):
    manager.patch("/orgs/default/projects/red")
    assert manager.has("/orgs/default/projects/red/infra")
    manager.patch("/orgs/default/projects/red/infra/segments/web")
    with refused(500030):
        manager.delete("/orgs/default/projects/red")
    manager.delete("/orgs/default/projects/red/infra/segments/web")
    manager.delete("/orgs/default/projects/red")
    assert not manager.has("/orgs/default/projects/red/infra")


@pytest.mark.parametrize(
    "path",
    [
        "/orgs/default/projects/red/infra/tier-0s/t0",
        "/orgs/default/projects/red/infra/sites/default",
        "/orgs/default/projects/default/infra/segments/web",
        "/infra/segments",
        "/infra/segments/state",
        "/infra/bfd",
        "/",
    ],
)
def test_places_that_do_not_exist_are_invalid_paths(manager, path):
    manager.patch("/orgs/default/projects/red")
    with refused(500012):
        manager.patch(path)


def test_objects_in_a_missing_project_or_under_a_missing_gateway_are_not_found(manager):
    for path in ("/orgs/default/projects/nowhere/infra/segments/s", "/infra/tier-1s/nowhere/segments/s"):
        with refused(600, 404):
            manager.patch(path)


def test_gateways_of_both_tiers_have_interfaces(manager):
    def body(segment):
        return {
            "segment_path": f"/infra/segments/{segment}",
            "subnets": [{"ip_addresses": ["192.0.2.2"], "prefix_len": 24}],
        }

    for path in ("/infra/segments/up", "/infra/segments/side", "/infra/tier-0s/t0", "/infra/tier-1s/t1"):
        manager.patch(path)
    for gateway in ("/infra/tier-0s/t0", "/infra/tier-1s/t1"):
        manager.patch(f"{gateway}/locale-services/default")
    uplink = manager.patch("/infra/tier-0s/t0/locale-services/default/interfaces/up", **body("up"))
    assert (uplink["resource_type"], uplink["type"], uplink["urpf_mode"]) == ("Tier0Interface", "EXTERNAL", "STRICT")
    service = manager.patch("/infra/tier-1s/t1/locale-services/default/interfaces/side", **body("side"))
    assert (service["resource_type"], service["admin_state"], "type" in service) == ("Tier1Interface", "UP", False)
    with refused(255):
        manager.patch("/infra/tier-0s/t0/locale-services/default/interfaces/bare", segment_path="/infra/segments/up")


def test_a_segment_serves_one_interface_unless_they_are_uplinks(manager):
    def body(**more):
        subnets = [{"ip_addresses": ["192.0.2.2"], "prefix_len": 24}]
        return {"segment_path": "/infra/segments/up", "subnets": subnets, **more}

    for path in ("/infra/segments/up", "/infra/tier-0s/t0", "/infra/tier-1s/t1"):
        manager.patch(path)
    own = [f"{gateway}/locale-services/default" for gateway in ("/infra/tier-0s/t0", "/infra/tier-1s/t1")]
    for path in own:
        manager.patch(path)
    manager.patch(f"{own[0]}/interfaces/one", **body())
    manager.patch(f"{own[0]}/interfaces/two", **body())
    for path, sent in (
        (f"{own[1]}/interfaces/side", body()),
        (f"{own[0]}/interfaces/side", body(type="SERVICE")),
    ):
        with refused(503101):
            manager.patch(path, **sent)
    with refused(255):
        manager.patch(f"{own[0]}/interfaces/one", **body(subnets=[{"ip_addresses": ["192.0.2.2"], "prefix_len": 64}]))


def test_an_overlay_segment_that_becomes_a_vlan_segment_gives_its_overlay_id_back(manager):
    vni = manager.patch("/infra/segments/a")["overlay_id"]
    changed = manager.patch("/infra/segments/a", transport_zone_path=VLAN, vlan_ids=["5"], overlay_id=vni)
    assert "overlay_id" not in changed
    assert manager.patch("/infra/segments/b", overlay_id=vni)["overlay_id"] == vni
    again = manager.patch("/infra/segments/a", transport_zone_path=OVERLAY)["overlay_id"]
    assert again != vni
