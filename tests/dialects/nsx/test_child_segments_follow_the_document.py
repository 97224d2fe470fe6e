"""Every sentence of the child-segment document that the API alone can show, one test each."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx import change
from trunkline.dialects.nsx.errors import Refused

VLAN_ZONE = "/infra/sites/default/enforcement-points/default/transport-zones/vlan"


def refused(code: int, trk: str = ""):
    """The next block is refused with this error code (and Trunkline's id)."""
    return pytest.raises(Refused, check=lambda error: error.code == code and trk in ("", error.trk))


def test_the_documents_put_gives_the_documents_answer_field_for_field(manager):
    manager.segment("openshift-segment")
    manager.segment("test2")
    answer = manager.put(
        "/infra/segments/test2/segment-connection-binding-maps/map-id-1",
        vlan_traffic_tag="1002",
        segment_path="/infra/segments/openshift-segment",
    )
    unique = answer["unique_id"]
    expected = {
        "vlan_traffic_tag": 1002,
        "segment_path": "/infra/segments/openshift-segment",
        "resource_type": "SegmentConnectionBindingMap",
        "id": "map-id-1",
        "display_name": "map-id-1",
        "path": "/infra/segments/test2/segment-connection-binding-maps/map-id-1",
        "relative_path": "map-id-1",
        "parent_path": "/infra/segments/test2",
        "remote_path": "",
        "unique_id": unique,
        "realization_id": unique,
        "owner_id": "210584d9-6329-452e-bb01-0133945ab675",
        "marked_for_delete": False,
        "overridden": False,
        "_system_owned": False,
        "_protection": "NOT_PROTECTED",
        "_create_time": 1712718210160,
        "_create_user": "admin",
        "_last_modified_time": 1712718210160,
        "_last_modified_user": "admin",
        "_revision": 0,
    }
    assert answer == expected
    assert list(answer) == list(expected), "the order of the fields is the document's, too"


def test_no_configuration_makes_a_segment_a_parent(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    before = manager.get(parent)
    manager.bind(child, parent, 10)
    assert manager.get(parent) == before


def test_a_child_may_have_several_parents(manager):
    child = manager.segment("child")
    for number in range(5):
        manager.bind(child, manager.segment(f"parent-{number}"), 100 + number, f"map-{number}")
    assert len(list(manager.tree.members(f"{child}/segment-connection-binding-maps"))) == 5


def test_a_parent_may_have_numerous_children(manager):
    parent = manager.segment("parent")
    for tag in range(1, 201):
        manager.bind(manager.segment(f"child-{tag}"), parent, tag)
    assert len(list(manager.tree.referrers(parent))) == 200


def test_two_children_of_one_parent_cannot_share_a_tag(manager):
    parent, one, two = (manager.segment(name) for name in ("parent", "one", "two"))
    manager.bind(one, parent, 10)
    with refused(8327, "TRK-0912") as caught:
        manager.bind(two, parent, 10)
    assert f"path=[{one}/segment-connection-binding-maps/map]" in str(caught.value), "it says who has the tag"
    assert "VLAN 10" in str(caught.value)


def test_the_tag_is_unique_per_parent_also_across_path_families(manager):
    manager.patch("/infra/tier-1s/t1")
    parent = manager.segment("parent", under="/infra/tier-1s/t1")
    manager.bind(manager.segment("one"), parent, 10)
    with refused(8327):
        manager.bind(manager.segment("two", under="/infra/tier-1s/t1"), parent, "10")


@pytest.mark.parametrize("tags", [(7, 7), (7, 8)], ids=["same tag", "different tags"])
def test_a_child_may_use_the_same_or_different_tags_on_its_parents(manager, tags):
    child = manager.segment("child")
    for number, tag in enumerate(tags):
        manager.bind(child, manager.segment(f"parent-{number}"), tag, f"map-{number}")


def test_a_child_cannot_be_the_parent_of_another_child(manager):
    parent, child, grandchild = (manager.segment(name) for name in ("parent", "child", "grandchild"))
    manager.bind(child, parent, 10)
    with refused(255, "TRK-0913"):
        manager.bind(grandchild, child, 20)


def test_a_parent_cannot_become_a_child(manager):
    parent, child, above = (manager.segment(name) for name in ("parent", "child", "above"))
    manager.bind(child, parent, 10)
    with refused(255, "TRK-0913"):
        manager.bind(parent, above, 20)


def test_a_segment_cannot_be_its_own_parent(manager):
    alone = manager.segment("alone")
    with refused(255, "TRK-0913"):
        manager.bind(alone, alone, 10)


def test_a_child_is_bound_to_one_parent_once(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 10, "first")
    with refused(255, "TRK-0914"):
        manager.bind(child, parent, 11, "second")


@pytest.mark.parametrize("body", [{}, {"transport_zone_path": VLAN_ZONE, "vlan_ids": ["19"]}], ids=["overlay", "vlan"])
def test_a_child_may_be_overlay_or_vlan(manager, body):
    manager.bind(manager.segment("child", **body), manager.segment("parent"), 10)


def test_a_vm_on_a_child_has_a_port_like_anywhere_and_the_binding_makes_none(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 10)
    assert not list(manager.tree.members(f"{child}/ports"))
    manager.patch(f"{child}/ports/vm", attachment={"id": "vif-1"})
    assert list(manager.tree.members(f"{child}/ports")) == [f"{child}/ports/vm"]


def test_parent_and_child_may_hang_on_different_gateways_and_differ_in_everything(manager):
    for name in ("t1-a", "t1-b"):
        manager.patch(f"/infra/tier-1s/{name}")
    parent = manager.segment("parent", connectivity_path="/infra/tier-1s/t1-a", admin_state="UP")
    child = manager.segment("child", connectivity_path="/infra/tier-1s/t1-b", admin_state="DOWN")
    before = manager.get(parent), manager.get(child)
    manager.bind(child, parent, 10)
    assert (manager.get(parent), manager.get(child)) == before, "nothing is inherited, in no direction"


def test_profiles_of_a_parent_are_not_its_childs(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 10)
    manager.patch(
        f"{parent}/segment-qos-profile-binding-maps/default",
        qos_profile_path="/infra/qos-profiles/default-qos-profile",
    )
    assert not list(manager.tree.members(f"{child}/segment-qos-profile-binding-maps"))


def test_a_child_with_bindings_cannot_go_and_the_refusal_lists_them(manager):
    child = manager.segment("child")
    for number in range(2):
        manager.bind(child, manager.segment(f"parent-{number}"), 10, f"map-{number}")
    with refused(500030) as caught:
        manager.delete(child)
    maps = ", ".join(f"{child}/segment-connection-binding-maps/map-{number}" for number in range(2))
    assert f"The object path=[{child}] cannot be deleted" in str(caught.value)
    assert f"path=[{maps}]" in str(caught.value)


def test_a_parent_with_bindings_cannot_go_and_the_refusal_lists_them(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 10)
    with refused(500030) as caught:
        manager.delete(parent)
    assert f"path=[{child}/segment-connection-binding-maps/map]" in str(caught.value)


def test_both_go_once_the_bindings_are_gone_and_the_tag_is_free_again(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 10)
    manager.delete(f"{child}/segment-connection-binding-maps/map")
    manager.bind(manager.segment("other"), parent, 10)
    manager.delete(child)
    manager.delete("/infra/segments/other/segment-connection-binding-maps/map")
    manager.delete(parent)
    assert not manager.has(parent)
    assert not manager.has(child)


def test_the_map_id_must_be_unique_under_its_child(manager):
    child = manager.segment("child")
    manager.bind(child, manager.segment("one"), 10, "map")
    with refused(500127):
        manager.bind(child, manager.segment("two"), 11, "map")


def test_a_missing_parent_is_not_found(manager):
    child = manager.segment("child")
    with refused(600, "TRK-0902") as caught:
        manager.bind(child, "/infra/segments/nowhere", 10)
    assert caught.value.status == 404


def test_a_binding_under_a_missing_child_is_not_found(manager):
    with refused(600):
        manager.bind("/infra/segments/nowhere", manager.segment("parent"), 10)


@pytest.mark.parametrize("tag", [1, 4094, "1", "4094", "0017"])
def test_tags_within_the_range_are_taken_and_answered_as_integers(manager, tag):
    answer = manager.bind(manager.segment("child"), manager.segment("parent"), tag)
    assert answer["vlan_traffic_tag"] == int(tag)
    assert type(answer["vlan_traffic_tag"]) is int


@pytest.mark.parametrize("tag", [0, 4095, 70000, -1, "0", "4095", "ten", "", "10.0", 10.5, True, None, [10], "１０"])
def test_other_tags_are_refused_and_nothing_is_stored(manager, tag):
    child, parent = manager.segment("child"), manager.segment("parent")
    with refused(255) as caught:
        manager.bind(child, parent, tag)
    assert "vlan_traffic_tag" in str(caught.value)
    assert not manager.has(f"{child}/segment-connection-binding-maps/map")


def test_both_missing_fields_are_named_at_once(manager):
    child = manager.segment("child")
    with refused(255) as caught:
        manager.put(f"{child}/segment-connection-binding-maps/map")
    assert "required property vlan_traffic_tag is missing" in str(caught.value)
    assert "required property segment_path is missing" in str(caught.value)


def test_the_parent_must_be_a_segment(manager):
    manager.patch("/infra/tier-1s/t1")
    with refused(500012):
        manager.bind(manager.segment("child"), "/infra/tier-1s/t1", 10)


def test_tag_and_parent_may_change_in_place_under_the_same_rules(manager):
    child, one, two = (manager.segment(name) for name in ("child", "one", "two"))
    path = f"{child}/segment-connection-binding-maps/map"
    manager.bind(child, one, 10)
    answer = manager.put(path, vlan_traffic_tag=11, segment_path=two, _revision=0)
    assert (answer["vlan_traffic_tag"], answer["segment_path"], answer["_revision"]) == (11, two, 1)
    manager.bind(manager.segment("other"), one, 10)  # the old pair is free
    with refused(8327):
        manager.patch(path, vlan_traffic_tag=10, segment_path=one)


def test_two_children_swap_their_tags_in_one_hierarchical_request(manager):
    parent, one, two = (manager.segment(name) for name in ("parent", "one", "two"))
    manager.bind(one, parent, 10)
    manager.bind(two, parent, 20)

    def swapped(child: str, tag: int) -> object:
        inner = {"id": "map", "vlan_traffic_tag": tag, "segment_path": parent}
        wrapped = {"resource_type": "ChildSegmentConnectionBindingMap", "SegmentConnectionBindingMap": inner}
        name = child.rpartition("/")[2]
        return {"resource_type": "ChildResourceReference", "target_type": "Segment", "id": name, "children": [wrapped]}

    plan = manager.hierarchy(swapped(one, 20), swapped(two, 10))
    assert manager.get(f"{one}/segment-connection-binding-maps/map")["vlan_traffic_tag"] == 20
    assert set(plan.claims.values()) == {
        (f"{two}/segment-connection-binding-maps/map", f"{one}/segment-connection-binding-maps/map"),
        (f"{one}/segment-connection-binding-maps/map", f"{two}/segment-connection-binding-maps/map"),
    }


@pytest.mark.parametrize("family", ["/infra", "/infra/tier-1s/t1", "/orgs/default/projects/p", "project tier-1"])
def test_every_path_family_of_the_document_works(manager, family):
    manager.patch("/orgs/default/projects/p")
    manager.patch("/infra/tier-1s/t1")
    manager.patch("/orgs/default/projects/p/infra/tier-1s/t1")
    under = {
        "/orgs/default/projects/p": "/orgs/default/projects/p/infra",
        "project tier-1": "/orgs/default/projects/p/infra/tier-1s/t1",
    }.get(family, family)
    child, parent = manager.segment("child", under=under), manager.segment("parent", under=under)
    answer = manager.bind(child, parent, "1002", "m")
    path = f"{under}/segments/child/segment-connection-binding-maps/m"
    assert (answer["path"], answer["parent_path"], answer["vlan_traffic_tag"]) == (path, child, 1002)
    manager.patch(path, vlan_traffic_tag=1003, segment_path=parent)
    manager.delete(path)
    assert not manager.has(path)


def test_parents_in_another_project_are_refused(manager):
    for name in ("red", "blue"):
        manager.patch(f"/orgs/default/projects/{name}")
    red = manager.segment("red", under="/orgs/default/projects/red/infra")
    for parent in (
        manager.segment("blue", under="/orgs/default/projects/blue/infra"),
        manager.segment("provider"),
    ):
        with refused(500012, "TRK-0916"):
            manager.bind(red, parent, 10)


def test_a_deleted_child_takes_its_own_bindings_along_only_when_deleted_hierarchically(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 10)
    gone = {"resource_type": "ChildSegment", "marked_for_delete": True, "Segment": {"id": "child"}}
    manager.hierarchy(gone)
    assert not manager.has(f"{child}/segment-connection-binding-maps/map")
    manager.bind(manager.segment("next"), parent, 10)
    with refused(500030):
        manager.hierarchy({**gone, "Segment": {"id": "parent"}})


def test_a_refused_binding_leaves_no_claim_behind(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    with refused(600):
        manager.do(
            change.Write(
                path=f"{child}/segment-connection-binding-maps/map",
                body={"vlan_traffic_tag": 10, "segment_path": parent},
            ),
            change.Write(
                path=f"{child}/segment-connection-binding-maps/x",
                body={"vlan_traffic_tag": 11, "segment_path": "/infra/segments/nowhere"},
            ),
        )
    manager.bind(manager.segment("other"), parent, 10)
