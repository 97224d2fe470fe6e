"""ReplicaSets, StatefulSets and DaemonSets: which pods they create and delete next."""

from __future__ import annotations

import copy
import ipaddress

import pytest

from trunkline.standin.reconcile import Create, Delete, Patch
from trunkline.standin.workloads import daemon_sets, node_ipam, replica_sets, stateful_sets

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "one"}]}}


def owner(replicas=3, **spec):
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "w", "generation": 1},
        "spec": {"replicas": replicas, "template": copy.deepcopy(TEMPLATE), **spec},
    }


def pod(name, *, ready=True, leaving=False, phase="Running", node="a", labels=None, annotations=None, created="2026"):
    meta = {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "web", **(labels or {})}}
    meta |= {"annotations": annotations or {}, "creationTimestamp": created}
    if leaving:
        meta["deletionTimestamp"] = "now"
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": phase, "conditions": conditions}}


def created(actions):
    return [
        a.object["metadata"].get("name") or a.object["metadata"]["generateName"]
        for a in actions
        if isinstance(a, Create)
    ]


def deleted(actions):
    return [a.object["metadata"]["name"] for a in actions if isinstance(a, Delete)]


def status(actions):
    return next((a.body["status"] for a in actions if isinstance(a, Patch)), None)


# ReplicaSets


def test_given_missing_pods_when_looked_at_then_they_are_created_with_owner_and_labels():
    actions = replica_sets.decide(owner(3), [pod("web-a")])
    assert created(actions) == ["web-", "web-"]
    made = actions[0].object["metadata"]
    assert made["labels"] == {"app": "web"}
    [reference] = made["ownerReferences"]
    assert (reference["kind"], reference["uid"], reference["controller"]) == ("ReplicaSet", "w", True)
    assert status(actions)["readyReplicas"] == 1


@pytest.mark.parametrize("gone", [{"leaving": True}, {"phase": "Failed"}, {"phase": "Succeeded"}])
def test_given_a_pod_that_ends_when_looked_at_then_it_is_replaced(gone):
    assert created(replica_sets.decide(owner(1), [pod("web-a", **gone)])) == ["web-"]


def test_given_too_many_pods_when_looked_at_then_the_least_useful_go_first():
    owned = [
        pod("cheap", annotations={replica_sets.COST: "-5"}),
        pod("alone", node="b"),
        pod("crowded-old", created="2025"),
        pod("crowded-young"),
        pod("unready", ready=False),
        pod("pending", ready=False, phase="Pending"),
        pod("unbound", ready=False, phase="Pending", node=None),
    ]
    order = ["unbound", "pending", "unready", "cheap", "crowded-young", "crowded-old", "alone"]
    for keep in range(7):
        assert deleted(replica_sets.decide(owner(keep), owned)) == order[: 7 - keep]


def test_given_the_right_pods_and_status_when_looked_at_then_nothing_is_done():
    found = owner(1)
    found["status"] = status(replica_sets.decide(found, [pod("web-a")]))
    assert replica_sets.decide(found, [pod("web-a")]) == []


# StatefulSets


def member(number, *, of=None, **options):
    revision = f"web-{stateful_sets.pods.template_hash((of or owner())['spec']['template'])}"
    return pod(f"web-{number}", labels={stateful_sets.REVISION: revision}, **options)


def test_given_an_ordered_set_when_growing_then_one_pod_at_a_time_and_only_after_a_ready_one():
    assert created(stateful_sets.decide(owner(3), [])) == ["web-0"]
    assert created(stateful_sets.decide(owner(3), [member(0, ready=False)])) == []
    assert created(stateful_sets.decide(owner(3), [member(0)])) == ["web-1"]
    assert created(stateful_sets.decide(owner(3), [member(1)])) == ["web-0"], "a lost one comes back first"


def test_given_a_parallel_set_when_growing_and_shrinking_then_all_at_once():
    assert created(stateful_sets.decide(owner(3, podManagementPolicy="Parallel"), [])) == ["web-0", "web-1", "web-2"]
    shrinking = stateful_sets.decide(owner(1, podManagementPolicy="Parallel"), [member(n) for n in range(3)])
    assert deleted(shrinking) == ["web-2", "web-1"]


def test_given_an_ordered_set_when_shrinking_then_from_the_top_and_one_at_a_time():
    members = [member(n) for n in range(3)]
    assert deleted(stateful_sets.decide(owner(1), members)) == ["web-2"]
    members[2] = member(2, leaving=True)
    assert deleted(stateful_sets.decide(owner(1), members)) == []


def test_given_a_pod_when_created_then_it_has_its_name_in_labels_and_hostname():
    [made, *_] = stateful_sets.decide(owner(1, serviceName="db"), [])
    assert made.object["metadata"]["labels"][stateful_sets.NAME] == "web-0"
    assert made.object["metadata"]["labels"][stateful_sets.INDEX] == "0"
    assert (made.object["spec"]["hostname"], made.object["spec"]["subdomain"]) == ("web-0", "db")


def test_given_a_failed_pod_when_looked_at_then_it_is_deleted_to_come_back():
    assert deleted(stateful_sets.decide(owner(1), [member(0, phase="Failed", ready=False)])) == ["web-0"]


def changed(**spec):
    found = owner(3, **spec)
    found["spec"]["template"]["spec"]["containers"][0]["image"] = "two"
    return found


def test_given_a_changed_template_when_rolling_then_from_the_top_and_healthy_before_the_next():
    old = [member(n) for n in range(3)]
    new = changed()
    assert deleted(stateful_sets.decide(new, old)) == ["web-2"]
    assert deleted(stateful_sets.decide(new, [*old[:2], member(2, of=new, ready=False)])) == []
    assert deleted(stateful_sets.decide(new, [*old[:2], member(2, of=new)])) == ["web-1"]


def test_given_a_partition_or_on_delete_when_rolling_then_lower_pods_stay():
    old = [member(n) for n in range(3)]
    partitioned = changed(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    assert deleted(stateful_sets.decide(partitioned, [*old[:2], member(2, of=partitioned)])) == []
    assert deleted(stateful_sets.decide(changed(updateStrategy={"type": "OnDelete"}), old)) == []


def test_given_a_rollout_when_it_is_done_then_the_current_revision_follows():
    before = owner(1)
    before["status"] = status(stateful_sets.decide(before, [member(0)]))
    after = {**changed(), "status": before["status"]}
    after["spec"]["replicas"] = 1
    during = status(stateful_sets.decide(after, [member(0)]))
    assert during["currentRevision"] != during["updateRevision"]
    done = status(stateful_sets.decide(after, [member(0, of=after)]))
    assert done["currentRevision"] == done["updateRevision"]


# DaemonSets


def node(name, **spec):
    return {
        "metadata": {"name": name, "labels": {}},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def daemon(name, at, *, of=None, **options):
    revision = daemon_sets.pods.template_hash((of or owner())["spec"]["template"])
    return pod(name, node=at, labels={daemon_sets.REVISION: revision}, **options)


def test_given_nodes_when_looked_at_then_each_gets_one_bound_pod():
    nodes = [node("a"), node("b", unschedulable=True), node("c", taints=[{"key": "x", "effect": "NoSchedule"}])]
    actions = daemon_sets.decide(owner(), nodes, [daemon("ds-1", "a")])
    assert [a.object["spec"]["nodeName"] for a in actions if isinstance(a, Create)] == ["b"], "cordoned ones too"
    assert status(actions)["desiredNumberScheduled"] == 2


def test_given_pods_where_none_belong_when_looked_at_then_they_go():
    owned = [daemon("keep", "a", created="1"), daemon("twin", "a", created="2"), daemon("stray", "gone")]
    assert sorted(deleted(daemon_sets.decide(owner(), [node("a")], owned))) == ["stray", "twin"]


def test_given_a_changed_template_when_rolling_then_one_at_a_time():
    nodes = [node("a"), node("b")]
    owned = [daemon("ds-a", "a"), daemon("ds-b", "b")]
    new = changed()
    assert deleted(daemon_sets.decide(new, nodes, owned)) == ["ds-a"]
    assert deleted(daemon_sets.decide(new, nodes, [daemon("n", "a", of=new, ready=False), owned[1]])) == []
    assert deleted(daemon_sets.decide(new, nodes, [daemon("n", "a", of=new), owned[1]])) == ["ds-b"]


# Node ipam


def test_given_nodes_when_looked_at_then_bare_ones_get_the_lowest_free_piece():
    nodes = [node("c"), node("b"), node("a", podCIDR="10.1.1.0/26")]
    patches = node_ipam.decide(nodes, ipaddress.IPv4Network("10.1.0.0/23"), 26)
    assert {p.object["metadata"]["name"]: p.body["spec"]["podCIDR"] for p in patches} == {
        "b": "10.1.0.0/26",
        "c": "10.1.0.64/26",
    }


def test_given_no_piece_left_when_looked_at_then_the_node_gets_none():
    nodes = [node("a", podCIDR="10.1.0.0/25"), node("b"), node("c")]
    patches = node_ipam.decide(nodes, ipaddress.IPv4Network("10.1.0.0/24"), 25)
    assert [p.object["metadata"]["name"] for p in patches] == ["b"]
