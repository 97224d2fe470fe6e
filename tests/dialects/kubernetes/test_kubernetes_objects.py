"""Reading of API objects: what is taken, and that absence is not an error."""

import pytest

from trunkline.dialects.kubernetes import objects
from trunkline.ipam import StatefulSetOwner


def test_a_pod_as_the_api_serves_it():
    pod = objects.pod(
        {
            "metadata": {
                "uid": "0123456789abcdef",
                "namespace": "shop",
                "name": "web-0",
                "annotations": {"a": "b"},
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "set", "controller": True}
                ],
            },
            "spec": {"nodeName": "node-1", "hostNetwork": True},
            "status": {"phase": "Running"},
        }
    )

    assert pod.port == "shop/web-0/01234567"
    assert pod.stateful_set == StatefulSetOwner("shop", "web", 0, "set")
    assert (pod.node, pod.host_network, pod.deleting, pod.terminal) == ("node-1", True, True, False)
    assert str(pod.source) == "Pod shop/web-0"


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("web-0", {"kind": "ReplicaSet", "name": "web", "controller": True}),
        ("web-0", {"kind": "StatefulSet", "name": "web", "controller": False}),
        ("web-x", {"kind": "StatefulSet", "name": "web", "controller": True}),
        ("web-a-0", {"kind": "StatefulSet", "name": "web", "controller": True}),
        ("web-0", {"apiVersion": "apps.kruise.io/v1beta1", "kind": "StatefulSet", "name": "web", "controller": True}),
    ],
)
def test_only_the_controlling_set_s_ordinal_is_a_place(name, owner):
    owner = {"apiVersion": "apps/v1", **owner}
    assert objects.pod({"metadata": {"name": name, "ownerReferences": [owner]}}).stateful_set is None


@pytest.mark.parametrize("read", [objects.pod, objects.namespace, objects.node, objects.stateful_set])
@pytest.mark.parametrize(
    "raw", [{}, {"metadata": None, "spec": None, "status": None}, {"metadata": {"annotations": None}}]
)
def test_absent_and_null_mean_empty(read, raw):
    assert read(raw).name == ""


@pytest.mark.parametrize(
    ("phase", "terminal"), [("Succeeded", True), ("Failed", True), ("Running", False), ("", False)]
)
def test_a_pod_that_ended_is_terminal(phase, terminal):
    assert objects.pod({"status": {"phase": phase}}).terminal is terminal


def test_a_node_with_one_or_several_pod_cidrs():
    one = objects.node({"metadata": {"name": "n"}, "spec": {"podCIDR": "10.244.1.0/24"}})
    both = objects.node(
        {
            "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd00:1::/64"]},
            "status": {
                "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "192.168.0.11"}]
            },
        }
    )

    assert [str(prefix) for prefix in one.pod_cidrs] == ["10.244.1.0/24"]
    assert [str(prefix) for prefix in both.pod_cidrs] == ["10.244.1.0/24", "fd00:1::/64"]
    assert [str(address) for address in both.internal_ips] == ["192.168.0.11"]


def test_a_stateful_set_has_one_replica_unless_it_says_otherwise():
    assert objects.stateful_set({"spec": {}}).replicas == 1
    assert objects.stateful_set({"spec": {"replicas": 0, "ordinals": {"start": 5}}}).first_place.index == 5
