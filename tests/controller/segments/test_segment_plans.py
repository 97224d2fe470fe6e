"""The plan: smallest, ordered, there and back, from any half-done state, and blind to what is not ours."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.controller.segments.managers import Crash, Manager, binding, segment
from trunkline.adapters.nsx import errors
from trunkline.controller.segments import carry, plan
from trunkline.controller.segments.documents import MAPS, Shape
from trunkline.controller.segments.plan import Observed, Put, Remove
from trunkline.controller.segments.routable import Wanted

A, B = "/infra/segments/nodes-a", "/infra/tier-1s/t1/segments/nodes-b"
ONE = Shape(cluster="blue", parents=(A,))
BOTH = Shape(cluster="blue", parents=(A, B))
CHILD = "/infra/segments/blue-vlan-19"
CLUSTER_TAG = {"scope": "trunkline/cluster", "tag": "blue"}


def wanted(*vlans: int, pools: tuple[str, ...] = ("pool-ap",)) -> dict[int, Wanted]:
    gateways = ("172.16.19.254/24",) if pools else ()
    return {vlan: Wanted(vlan=vlan, pools=pools, gateways=gateways) for vlan in sorted(vlans)}


def nodes() -> Manager:
    return Manager(segment(A), segment(B))


def settle(manager: Manager, vlans: dict[int, Wanted], shape: Shape) -> plan.Plan:
    """One round; answers its plan."""
    planned = plan.plan(vlans, manager.observed(), shape)
    asyncio.run(carry.carry_out(manager, shape, planned.calls))  # type: ignore[arg-type]
    return planned


def test_a_vlan_becomes_a_segment_and_then_a_binding_for_each_parent():
    planned = plan.plan(wanted(19), Observed(), BOTH)

    assert [(type(call).__name__, call.path) for call in planned.calls] == [
        ("Put", CHILD),
        ("Put", f"{CHILD}/{MAPS}/nodes-a-{BOTH.binding(19, A)[-8:]}"),
        ("Put", f"{CHILD}/{MAPS}/nodes-b-{BOTH.binding(19, B)[-8:]}"),
    ]
    assert planned.calls[0].body == {  # type: ignore[union-attr]
        "resource_type": "Segment",
        "display_name": "blue-vlan-19",
        "tags": [CLUSTER_TAG, {"scope": "trunkline/pool", "tag": "pool-ap"}],
    }
    assert planned.calls[2].body == {  # type: ignore[union-attr]
        "resource_type": "SegmentConnectionBindingMap",
        "vlan_traffic_tag": 19,
        "segment_path": B,
        "tags": [CLUSTER_TAG],
    }


def test_what_goes_goes_first_and_bindings_before_their_segments():
    manager = nodes()
    settle(manager, wanted(19), BOTH)

    planned = plan.plan(wanted(20), manager.observed(), BOTH)

    kinds = [f"{type(call).__name__} {'binding' if MAPS in call.path else 'segment'}" for call in planned.calls]
    assert kinds == ["Remove binding", "Remove binding", "Remove segment", "Put segment", "Put binding", "Put binding"]


def test_there_and_back_leaves_the_first_state():
    manager = nodes()
    settle(manager, wanted(19, 20), ONE)
    first = copy.deepcopy(manager.documents)

    settle(manager, wanted(20, 21), BOTH)
    settle(manager, wanted(19, 20), ONE)

    assert manager.documents == first


def test_a_pool_more_changes_only_the_segments_tags_and_keeps_those_of_other_people():
    manager = nodes()
    settle(manager, wanted(19), ONE)
    manager.documents[CHILD] |= {"description": "theirs", "connectivity_path": "/infra/tier-1s/t9"}
    manager.documents[CHILD]["tags"].append({"scope": "owner", "tag": "jane"})

    planned = settle(manager, wanted(19, pools=("pool-ap", "pool-db")), ONE)

    assert [call.path for call in planned.calls] == [CHILD]
    stored = manager.documents[CHILD]
    assert (stored["description"], stored["connectivity_path"]) == ("theirs", "/infra/tier-1s/t9")
    assert [tag["tag"] for tag in stored["tags"]] == ["blue", "pool-ap", "pool-db", "jane"]


def test_the_order_of_tags_is_the_managers_business():
    manager = nodes()
    settle(manager, wanted(19), ONE)
    manager.documents[CHILD]["tags"].reverse()

    assert plan.plan(wanted(19), manager.observed(), ONE).calls == ()


def test_bindings_whose_tags_were_exchanged_by_hand_are_made_anew():
    manager = nodes()
    settle(manager, wanted(19, 20), ONE)
    first, second = (manager.documents[ONE.binding(vlan, A)] for vlan in (19, 20))
    first["vlan_traffic_tag"], second["vlan_traffic_tag"] = 20, 19

    settle(manager, wanted(19, 20), ONE)

    tags = {path: each["vlan_traffic_tag"] for path, each in manager.documents.items() if MAPS in path}
    assert tags == {ONE.binding(19, A): 19, ONE.binding(20, A): 20}


def test_a_tag_of_somebody_else_bars_that_parent_alone():
    manager = nodes()
    theirs = binding("/infra/segments/test2", "m", A, 19, tags=[{"scope": "trunkline/cluster", "tag": "green"}])
    manager.documents |= {"/infra/segments/test2": segment("/infra/segments/test2"), theirs["path"]: theirs}

    planned = settle(manager, wanted(19), BOTH)

    assert [call.path for call in planned.calls] == [CHILD, BOTH.binding(19, B)]
    assert planned.conflicts == (plan.Conflict(vlan=19, parent=A, binding=theirs["path"], tag=19, cluster="green"),)

    assert plan.plan(wanted(19), manager.observed(), ONE).calls == (Remove(BOTH.binding(19, B)), Remove(CHILD))


def test_without_any_parent_to_bind_to_no_child_is_made():
    theirs = binding("/infra/segments/test2", "m", A, 19)

    assert plan.plan(wanted(19), Observed((theirs,)), ONE).calls == ()


def test_a_binding_that_somebody_made_on_our_child_to_our_parent_is_a_conflict_and_stays():
    manager = nodes()
    settle(manager, wanted(19), Shape(cluster="blue", parents=(B,)))
    theirs = binding(CHILD, "by-hand", A, 77)
    manager.documents[theirs["path"]] = theirs

    planned = settle(manager, wanted(19), BOTH)

    assert planned.calls == ()
    assert [(each.parent, each.binding, each.tag) for each in planned.conflicts] == [(A, theirs["path"], 77)]

    settle(manager, {}, BOTH)

    assert manager.documents.keys() == {A, B, CHILD, theirs["path"]}  # only our own binding went


def test_our_tag_elsewhere_and_our_name_without_the_tag_are_not_ours():
    copied = segment("/infra/segments/copy", tags=[CLUSTER_TAG])
    named = segment(CHILD)
    other = segment("/infra/segments/blue-vlan-20", tags=[{"scope": "trunkline/cluster", "tag": "green"}])
    manager = Manager(segment(A), segment(B), copied, named, other)

    assert settle(manager, {}, BOTH).calls == ()
    failures = asyncio.run(
        carry.carry_out(manager, BOTH, plan.plan(wanted(19, 20), manager.observed(), BOTH).calls)  # type: ignore[arg-type]
    )
    assert {path: type(error) for path, error in failures.items()} == {
        CHILD: carry.Foreign,
        other["path"]: carry.Foreign,
    }
    assert manager.writes == []


def test_an_index_that_lags_costs_a_read_and_never_a_write():
    manager = nodes()
    settle(manager, wanted(19), BOTH)
    writes = len(manager.writes)

    calls = plan.plan(wanted(19), Observed(), BOTH).calls  # the index knows nothing of it yet
    assert asyncio.run(carry.carry_out(manager, BOTH, calls)) == {}  # type: ignore[arg-type]
    still_listed = manager.observed()
    settle(manager, {}, BOTH)
    done = len(manager.writes)
    late = plan.plan({}, still_listed, BOTH).calls
    assert asyncio.run(carry.carry_out(manager, BOTH, late)) == {}  # type: ignore[arg-type]

    assert (writes, done, len(manager.writes)) == (3, 6, 6)


def test_a_document_that_lost_our_tag_since_it_was_seen_is_not_deleted():
    manager = nodes()
    settle(manager, wanted(19), ONE)
    seen = manager.observed()
    manager.documents[CHILD]["tags"] = [{"scope": "owner", "tag": "jane"}]

    failures = asyncio.run(carry.carry_out(manager, ONE, plan.plan({}, seen, ONE).calls))  # type: ignore[arg-type]

    assert isinstance(failures[CHILD], carry.Foreign)
    assert CHILD in manager.documents


def test_a_segment_with_a_port_of_somebody_is_held_and_said_why():
    manager = nodes()
    settle(manager, wanted(19), ONE)
    manager.documents[f"{CHILD}/ports/vm"] = {"path": f"{CHILD}/ports/vm", "resource_type": "SegmentPort"}

    failures = asyncio.run(carry.carry_out(manager, ONE, plan.plan({}, manager.observed(), ONE).calls))  # type: ignore[arg-type]

    assert f"{CHILD}: found {CHILD}/ports/vm" in str(failures[CHILD])
    assert manager.writes[-1] == ("DELETE", ONE.binding(19, A))


def test_below_a_segment_that_could_not_be_made_nothing_is_tried():
    manager = Manager(segment(A), segment(CHILD))

    failures = asyncio.run(
        carry.carry_out(manager, ONE, plan.plan(wanted(19), Observed(), ONE).calls)  # type: ignore[arg-type]
    )

    assert list(failures) == [CHILD]


def test_a_missing_parent_is_reported_and_does_not_stop_the_other():
    manager = Manager(segment(B))

    calls = plan.plan(wanted(19), manager.observed(), BOTH).calls
    failures = asyncio.run(carry.carry_out(manager, BOTH, calls))  # type: ignore[arg-type]

    assert {path: type(error) for path, error in failures.items()} == {BOTH.binding(19, A): errors.NotFound}
    assert BOTH.binding(19, B) in manager.documents


def test_a_vlan_without_pools_is_kept_as_it_is_and_never_made():
    manager = nodes()
    assert plan.plan(wanted(19, pools=()), manager.observed(), ONE).calls == ()
    settle(manager, wanted(19), ONE)

    assert plan.plan(wanted(19, pools=()), manager.observed(), ONE).calls == ()


TIER1 = Shape(cluster="blue", parents=(A,), tier1="/infra/tier-1s/t1")


def gateways(*found: str) -> dict[int, Wanted]:
    return {19: Wanted(vlan=19, pools=("pool-ap",), gateways=tuple(sorted(found)))}


def test_a_tier_1_takes_one_gateway_of_each_family_and_keeps_the_one_it_has():
    manager = nodes()
    first = settle(manager, gateways("172.16.19.254/24", "fd00:19::1/64"), TIER1)
    assert first.routed == {19: ("172.16.19.254/24", "fd00:19::1/64")}
    manager.documents[CHILD]["subnets"][0]["dhcp_ranges"] = ["172.16.19.100-172.16.19.120"]

    second = settle(manager, gateways("10.0.0.1/24", "172.16.19.254/24", "fd00:19::1/64"), TIER1)

    assert (second.routed, second.calls) == (first.routed, ())


def test_a_gateway_that_was_ours_goes_with_the_setting_and_that_of_others_stays():
    manager = nodes()
    settle(manager, gateways("172.16.19.254/24"), TIER1)
    settle(manager, gateways("172.16.19.254/24"), ONE)
    assert not manager.documents[CHILD].keys() & {"connectivity_path", "subnets"}

    manager.documents[CHILD] |= {"connectivity_path": "/infra/tier-1s/theirs", "subnets": [{"gateway_address": "x"}]}
    assert settle(manager, gateways("172.16.19.254/24"), ONE).calls == ()


def test_vlan_backed_children_carry_the_vlan_on_the_uplinks_too():
    shape = Shape(cluster="blue", parents=(A,), vlan_backed=True, transport_zone="/infra/tz")
    call = plan.plan(wanted(19), Observed(), shape).calls[0]
    assert isinstance(call, Put)
    assert (call.body["vlan_ids"], call.body["transport_zone_path"]) == (["19"], "/infra/tz")


VLANS = st.sets(st.integers(1, 5))
PARENTS = st.sets(st.sampled_from([A, B]), min_size=1).map(lambda found: tuple(sorted(found)))
STAGES = st.lists(st.tuples(VLANS, PARENTS, st.integers(0, 12)), min_size=1, max_size=4)


@st.composite
def foreign(draw: Any) -> list[dict[str, Any]]:
    """Segments and bindings of other people, that get in the way or do not."""
    tags = draw(st.sampled_from([[], [CLUSTER_TAG], [{"scope": "trunkline/cluster", "tag": "green"}]]))
    found = [segment("/infra/segments/theirs", tags=tags)]
    for parent in (A, B):
        if draw(st.booleans()):
            tag = draw(st.integers(1, 7))
            found.append(binding("/infra/segments/theirs", parent[-7:], parent, tag, tags=tags))
    if draw(st.booleans()):
        found.append(segment(f"/infra/segments/blue-vlan-{draw(st.integers(1, 5))}", description="theirs"))
    return found


@settings(deadline=None, max_examples=200)
@given(stages=STAGES, theirs=foreign())
def test_killed_at_any_call_and_asked_for_something_else_it_converges_and_touches_nothing_foreign(
    stages: list[tuple[set[int], tuple[str, ...], int]], theirs: list[dict[str, Any]]
) -> None:
    manager = Manager(segment(A), segment(B), *copy.deepcopy(theirs))
    for vlans, parents, writes in stages:
        manager.writes_left = writes
        try:
            settle(manager, wanted(*vlans), Shape(cluster="blue", parents=parents))
        except Crash:
            pass
    manager.writes_left = -1
    vlans, parents, _ = stages[-1]
    shape = Shape(cluster="blue", parents=parents)

    last = settle(manager, wanted(*vlans), shape)
    before = len(manager.writes)
    settle(manager, wanted(*vlans), shape)

    assert len(manager.writes) == before
    assert all(manager.documents[each["path"]] == each for each in theirs)
    barred = {(each.vlan, each.parent) for each in last.conflicts}
    taken = {shape.vlan_of(each["path"]) for each in theirs} - {None}
    expected = {(vlan, parent) for vlan in vlans - taken for parent in parents} - barred
    bound = {each["path"]: each for path, each in manager.documents.items() if MAPS in path and "/blue-" in path}
    assert {(each["vlan_traffic_tag"], each["segment_path"]) for each in bound.values()} == expected
    children = {path for path in manager.documents if path.startswith("/infra/segments/blue-") and MAPS not in path}
    assert {shape.vlan_of(path) for path in children} == {vlan for vlan, _ in expected} | taken
