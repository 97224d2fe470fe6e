"""Where pods go, and what is said when they can go nowhere."""

from __future__ import annotations

import pytest

from trunkline.standin.scheduler import decide, fit


def node(name, *, ready=True, labels=None, taints=None, cordoned=False, pods="110"):
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": {"taints": taints or [], "unschedulable": cordoned},
        "status": {"conditions": conditions, "allocatable": {"pods": pods}},
    }


def pod(name="p", *, on=None, owner=None, labels=None, namespace="shop", phase="Pending", **spec):
    owners = [{"uid": owner, "controller": True}] if owner else []
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}, "ownerReferences": owners},
        "spec": {**spec, **({"nodeName": on} if on else {})},
        "status": {"phase": phase},
    }


def place(new, nodes, running=()):
    return decide.place(new, fit.Cluster(nodes, running))


def test_given_even_nodes_when_pods_of_one_owner_come_then_they_are_spread():
    cluster = fit.Cluster([node("a"), node("b")], [pod("x", on="b", owner="other")])
    chosen = []
    for number in range(4):
        new = pod(f"web-{number}", owner="web")
        where, _ = decide.place(new, cluster)
        cluster.add(new, where)
        chosen.append(where)
    assert chosen == ["a", "b", "a", "b"]


def test_given_pods_without_owner_when_placed_then_their_namespace_is_spread():
    nodes = [node("a"), node("b")]
    running = [pod("db-01", on="a"), pod("x", on="b", owner="o1"), pod("y", on="b", owner="o2")]
    assert place(pod("db-02"), nodes, running) == ("b", "")


def test_given_ended_pods_when_counting_then_they_do_not_count():
    ended = [pod(f"job-{n}", on="a", phase="Succeeded") for n in range(5)]
    assert place(pod(), [node("a"), node("b")], [*ended, pod("x", on="b")])[0] == "a"


TAINT = [{"key": "role", "value": "cp", "effect": "NoSchedule"}]
SOFT = [{"key": "role", "value": "cp", "effect": "PreferNoSchedule"}]
NOT_READY = "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"


@pytest.mark.parametrize(
    ("spec", "options", "reason"),
    [
        ({}, {}, None),
        ({}, {"ready": False}, NOT_READY),
        ({}, {"cordoned": True}, "node(s) had untolerated taint {node.kubernetes.io/unschedulable: }"),
        ({}, {"taints": TAINT}, "node(s) had untolerated taint {role: cp}"),
        ({}, {"taints": SOFT}, None),
        ({"tolerations": [{"key": "role", "value": "cp"}]}, {"taints": TAINT}, None),
        (
            {"tolerations": [{"key": "role", "value": "no"}]},
            {"taints": TAINT},
            "node(s) had untolerated taint {role: cp}",
        ),
        ({"tolerations": [{"operator": "Exists"}]}, {"taints": TAINT, "ready": False, "cordoned": True}, None),
        ({"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}, {"ready": False}, NOT_READY),
        ({"nodeSelector": {"disk": "ssd"}}, {"labels": {"disk": "ssd"}}, None),
        ({"nodeSelector": {"disk": "ssd"}}, {}, fit.AFFINITY),
        ({}, {"pods": "0"}, fit.FULL),
    ],
)
def test_given_one_node_when_asking_then_the_reason_is_kubernetes_own(spec, options, reason):
    nodes = [node("a", **options)]
    expected = ("a", "") if reason is None else (None, f"0/1 nodes are available: 1 {reason}.")
    assert place(pod(**spec), nodes) == expected


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        ("In", ["5", "6"], True),
        ("In", ["6"], False),
        ("NotIn", ["6"], True),
        ("NotIn", ["5"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["4"], True),
        ("Gt", ["5"], False),
        ("Lt", ["6"], True),
    ],
)
def test_given_required_node_affinity_when_placed_then_its_operator_decides(operator, values, fits):
    term = {"matchExpressions": [{"key": "rack", "operator": operator, "values": values}]}
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    chosen, _ = place(pod(affinity={"nodeAffinity": wanted}), [node("a", labels={"rack": "5"})])
    assert (chosen == "a") is fits


def anti(labels):
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_given_anti_affinity_when_every_node_has_such_a_pod_then_it_says_so():
    web = {"app": "web"}
    running = [pod("w1", on="a", labels=web), pod("w2", on="b", labels=web, namespace="other")]
    new = pod(labels=web, affinity=anti(web))
    assert place(new, [node("a"), node("b")], running)[0] == "b", "the other namespace's pod does not count"
    running.append(pod("w3", on="b", labels=web))
    assert place(new, [node("a"), node("b")], running) == (
        None,
        f"0/2 nodes are available: 2 {fit.ANTI_AFFINITY}.",
    )


def test_given_a_running_pods_anti_affinity_when_a_pod_it_shuns_comes_then_it_is_kept_away():
    loner = pod("loner", on="a", affinity=anti({"app": "web"}))
    assert place(pod(labels={"app": "web"}), [node("a")], [loner])[1].endswith(f"1 {fit.EXISTING_ANTI_AFFINITY}.")


def test_given_a_spread_constraint_when_one_domain_is_ahead_then_the_other_is_taken():
    web = {"app": "web"}
    constraint = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": web},
    }
    nodes = [node("a", labels={"zone": "1"}), node("b", labels={"zone": "2"}, cordoned=True)]
    new = pod(labels=web, topologySpreadConstraints=[constraint])
    assert place(new, nodes)[0] == "a"
    chosen, why = place(new, nodes, [pod("w", on="a", labels=web)])
    assert chosen is None
    assert f"1 {fit.SPREAD}" in why


def test_given_no_nodes_when_placed_then_it_says_so():
    assert place(pod(), []) == (None, "no nodes available to schedule pods")


def test_given_different_reasons_when_told_then_they_are_counted_and_sorted():
    nodes = [node("a", ready=False), node("b"), node("c")]
    _, why = place(pod(nodeSelector={"x": "y"}), nodes)
    assert why == f"0/3 nodes are available: 1 {NOT_READY}, 2 {fit.AFFINITY}."


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"nodeName": "a"}},
        {"spec": {"schedulerName": "mine"}},
        {"spec": {"schedulingGates": [{"name": "x"}]}},
        {"metadata": {"deletionTimestamp": "now"}},
        {"status": {"phase": "Failed"}},
    ],
)
def test_given_a_pod_that_is_not_ours_to_place_when_asked_then_it_is_left_alone(change):
    assert decide.is_waiting(pod())
    assert not decide.is_waiting({**pod(), **change, "metadata": {**pod()["metadata"], **change.get("metadata", {})}})
