"""Watches bring pods, namespaces and stateful sets in any order; an address that was given stays, so a pod waits for both."""

from __future__ import annotations

from typing import Any

from trunkline.adapters.kube.informer import Change
from trunkline.controller import decisions
from trunkline.controller.decisions import Decision
from trunkline.controller.world import World
from trunkline.dialects.kubernetes import objects
from trunkline.ipam import Book

ANNOTATION = {"ipam.antrea.io/ippools": "p"}
POOL = {
    "apiVersion": "crd.antrea.io/v1beta1",
    "metadata": {"name": "p"},
    "spec": {
        "ipRanges": [{"start": "172.16.19.11", "end": "172.16.19.50"}],
        "subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 19},
    },
}
OWNER = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "set", "controller": True}


def pod(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "web-0", "uid": "u", **metadata}, "spec": {"nodeName": "n"}}


def world(*, namespace: bool = True, stateful_set: bool = True) -> World:
    found = World("trunk")
    found.pools.take([Change("p", None, POOL)])
    found.nodes.take(
        [Change("n", None, {"metadata": {"name": "n", "uid": "n"}, "spec": {"podCIDRs": ["10.244.0.0/24"]}})]
    )
    if namespace:
        found.namespaces.take([Change("shop", None, {"metadata": {"name": "shop", "annotations": ANNOTATION}})])
    if stateful_set:
        made = {"metadata": {"namespace": "shop", "name": "web", "uid": "set"}, "spec": {}}
        found.stateful_sets.take([Change("shop/web", None, made)])
    return found


def decided(raw: dict[str, Any], heard: World) -> Decision:
    return decisions.decide(objects.pod(raw), heard, Book(()))


def test_given_its_namespace_is_not_heard_of_then_a_pod_gets_no_address_of_its_node_but_waits() -> None:
    early = decided(pod(), world(namespace=False))

    assert (early.too_early, early.leases, early.problems) == (True, (), ())
    assert [str(lease.address) for lease in decided(pod(), world()).leases] == ["172.16.19.11"]


def test_given_its_stateful_set_is_not_heard_of_then_a_pod_leaves_the_addresses_to_be_kept_for_it() -> None:
    early = decided(pod(ownerReferences=[OWNER]), world(stateful_set=False))

    assert (early.too_early, early.leases, early.problems) == (True, (), ())
    assert decided(pod(ownerReferences=[OWNER]), world()).leases


def test_given_a_pod_that_names_its_pools_then_its_namespace_has_no_say_and_it_does_not_wait() -> None:
    assert decided(pod(annotations=ANNOTATION), world(namespace=False)).leases
