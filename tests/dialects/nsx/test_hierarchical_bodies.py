"""PATCH of the whole tree: all or nothing, order of no matter."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx.errors import Refused


def child(kind: str, /, *children: object, gone: bool = False, **body: object) -> dict[str, object]:
    inner = {"resource_type": kind, **body, **({"children": list(children)} if children else {})}
    return {"resource_type": f"Child{kind}", kind: inner, "marked_for_delete": gone}


def reference(kind: str, name: str, *children: object) -> dict[str, object]:
    return {"resource_type": "ChildResourceReference", "target_type": kind, "id": name, "children": list(children)}


def test_terraforms_tier1_with_its_locale_services(manager):
    edges = "/infra/sites/default/enforcement-points/default/edge-clusters/edges"
    locale = child("LocaleServices", id="default", edge_cluster_path=edges)
    manager.hierarchy(child("Tier1", locale, id="t1", description="", dhcp_config_paths=[], failover_mode="PREEMPTIVE"))
    tier1 = manager.get("/infra/tier-1s/t1")
    assert (tier1["description"], tier1["dhcp_config_paths"], tier1["disable_firewall"]) == ("", [], False)
    assert manager.get("/infra/tier-1s/t1/locale-services/default")["edge_cluster_path"] == edges


def test_a_child_may_come_before_what_it_needs(manager):
    binding = child("SegmentConnectionBindingMap", id="m", vlan_traffic_tag="7", segment_path="/infra/segments/parent")
    manager.hierarchy(
        child("Segment", binding, id="child", connectivity_path="/infra/tier-1s/t1"),
        child("Segment", id="parent"),
        child("Tier1", id="t1"),
    )
    assert manager.get("/infra/segments/child/segment-connection-binding-maps/m")["vlan_traffic_tag"] == 7


def test_a_segment_may_come_before_its_zone(manager):
    point = "/infra/sites/default/enforcement-points/default"
    zone = child("PolicyTransportZone", id="z", tz_type="VLAN_BACKED")
    below = reference("Site", "default", reference("EnforcementPoint", "default", zone))
    manager.hierarchy(child("Segment", id="v", vlan_ids=["5"], transport_zone_path=f"{point}/transport-zones/z"), below)
    assert "overlay_id" not in manager.get("/infra/segments/v")


def test_one_wrong_object_stops_all_of_them(manager):
    with pytest.raises(Refused):
        manager.hierarchy(child("Tier1", id="t1"), child("Segment", id="s", admin_state="SIDEWAYS"))
    assert not manager.has("/infra/tier-1s/t1")


def test_the_whole_subtree_goes_with_a_marked_object(manager):
    route = child("StaticRoutes", id="r", network="10.0.0.0/24", next_hops=[{"ip_address": "10.1.1.1"}])
    manager.hierarchy(
        child("Tier1", route, child("Segment", id="fixed"), child("LocaleServices", id="default"), id="t1")
    )
    with pytest.raises(Refused):
        manager.delete("/infra/tier-1s/t1")
    manager.hierarchy(child("Tier1", id="t1", gone=True))
    for path in ("", "/static-routes/r", "/segments/fixed", "/locale-services/default"):
        assert not manager.has(f"/infra/tier-1s/t1{path}")


def test_deleting_what_is_gone_already_is_fine(manager):
    manager.hierarchy(child("Segment", id="nowhere", gone=True))


def test_objects_that_hang_on_each_other_go_together(manager):
    manager.hierarchy(child("Tier1", id="t1"), child("Segment", id="s", connectivity_path="/infra/tier-1s/t1"))
    with pytest.raises(Refused):
        manager.hierarchy(child("Tier1", id="t1", gone=True))
    manager.hierarchy(child("Tier1", id="t1", gone=True), child("Segment", id="s", gone=True))


def test_a_reference_only_descends_and_must_exist(manager):
    manager.patch("/infra/tier-1s/t1", description="kept")
    manager.hierarchy(reference("Tier1", "t1", child("Segment", id="fixed")))
    assert manager.get("/infra/tier-1s/t1")["description"] == "kept"
    assert manager.get("/infra/tier-1s/t1/segments/fixed")["type"] == "ROUTED"
    with pytest.raises(Refused, check=lambda error: error.code == 600):
        manager.hierarchy(reference("Tier1", "nowhere", child("Segment", id="fixed")))


def test_a_stub_parent_with_partial_patch_wipes_nothing(manager):
    """nsxlib invents `{"resource_type": "Tier1", "id": "t1"}` around the objects that it means."""
    before = manager.patch("/infra/tier-1s/t1", description="kept", route_advertisement_types=["TIER1_CONNECTED"])
    manager.hierarchy(child("Tier1", child("Segment", id="fixed"), id="t1"), merge=True)
    assert manager.get("/infra/tier-1s/t1") == before
    assert manager.has("/infra/tier-1s/t1/segments/fixed")


def test_revisions_count_only_when_asked(manager):
    manager.hierarchy(child("Segment", id="s", _revision=0))
    manager.hierarchy(child("Segment", id="s", _revision=17, description="b"))
    with pytest.raises(Refused, check=lambda error: error.status == 412):
        manager.hierarchy(child("Segment", id="s", _revision=17, description="c"), check=True)
    manager.hierarchy(child("Segment", id="s", _revision=1, description="c"), child("Segment", id="new"), check=True)
    assert manager.get("/infra/segments/s")["_revision"] == 2


def test_the_sdk_leaves_out_the_wrappers_type(manager):
    manager.hierarchy({"Segment": {"id": "s"}})
    assert manager.has("/infra/segments/s")


def test_a_project_has_a_tree_of_its_own(manager):
    manager.patch("/orgs/default/projects/p")
    manager.hierarchy(child("Segment", id="s"), root="/orgs/default/projects/p/infra")
    assert manager.has("/orgs/default/projects/p/infra/segments/s")
    assert not manager.has("/infra/segments/s")


@pytest.mark.parametrize(
    "wrapper",
    [
        {},
        "text",
        {"resource_type": "ChildSegment"},
        {"resource_type": "ChildSegment", "Segment": []},
        {"resource_type": "ChildNonsense", "Nonsense": {"id": "x"}},
        {"resource_type": "ChildStaticRoutes", "StaticRoutes": {"id": "x"}},
        {"resource_type": "ChildSegment", "Segment": {}},
        {"resource_type": "ChildSegment", "Segment": {"id": "a/b"}},
        {"resource_type": "ChildSegment", "Segment": {"id": "state"}},
        {"resource_type": "ChildSegment", "Segment": {"id": 7}},
        {"resource_type": "ChildResourceReference", "target_type": "Nonsense", "id": "x"},
        {"resource_type": "ChildResourceReference"},
    ],
)
def test_wrappers_that_make_no_sense_are_refused(manager, wrapper):
    with pytest.raises(Refused, check=lambda error: error.status == 400):
        manager.hierarchy(wrapper)


def test_five_thousand_objects_are_the_limit_and_take_a_moment(manager):
    with pytest.raises(Refused, match="at most 5000"):
        manager.hierarchy(*({"Segment": {"id": f"s{number}"}} for number in range(5001)))
    manager.hierarchy(*({"Segment": {"id": f"s{number}"}} for number in range(5000)))
    vnis = {entry.body["overlay_id"] for entry in manager.tree.of_kind("Segment")}
    assert len(vnis) == 5000
