"""Rollouts, stepped by hand: ReplicaSets are played by the test, which lets pods become ready whenever it likes."""

from __future__ import annotations

import copy
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.adapters.kube import resources
from trunkline.standin.reconcile import Create, Delete, Patch
from trunkline.standin.workloads import deployments

NOW = "2026-01-01T00:00:00Z"


class World:
    """One deployment and its ReplicaSets; `make_ready` plays the pods."""

    def __init__(self, replicas=3, image="one", **spec):
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": image}]}}
        self.deployment = {
            "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 1, "annotations": {}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
            "status": {},
        }
        self.sets: dict[str, dict] = {}
        self._uids = itertools.count()

    def set_image(self, image):
        self.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.deployment["metadata"]["generation"] += 1

    def step(self):
        """One pass of the controller, carried out; how many actions it took."""
        actions = deployments.decide(copy.deepcopy(self.deployment), copy.deepcopy(list(self.sets.values())), NOW)
        for action in actions:
            match action:
                case Create(_, made):
                    made = copy.deepcopy(made)
                    made["metadata"] |= {"uid": f"rs{next(self._uids)}", "generation": 1}
                    self.sets.setdefault(made["metadata"]["name"], made)
                case Delete(_, gone):
                    del self.sets[gone["metadata"]["name"]]
                case Patch(resource, target, body):
                    is_set = resource == resources.REPLICA_SETS
                    merge(self.sets[target["metadata"]["name"]] if is_set else self.deployment, body)
        return len(actions)

    def shrink(self):
        """ReplicaSets delete surplus pods, unready ones first."""
        for entry in self.sets.values():
            status = entry.setdefault("status", {"replicas": 0, "availableReplicas": 0})
            status["replicas"] = min(status["replicas"], entry["spec"]["replicas"])
            status["availableReplicas"] = min(status["availableReplicas"], status["replicas"])
            status["observedGeneration"] = entry["metadata"]["generation"]

    def grow(self, ready):
        """ReplicaSets create missing pods; `ready` more of each set become available."""
        self.shrink()
        for entry in self.sets.values():
            status = entry["status"]
            status["replicas"] = entry["spec"]["replicas"]
            status["availableReplicas"] = min(status["replicas"], status["availableReplicas"] + ready)
            status["readyReplicas"] = status["availableReplicas"]

    def settle(self, ready=10):
        for _ in range(60):
            self.grow(ready)
            if not self.step():
                return
        raise AssertionError("never settles")

    @property
    def spec_total(self):
        return sum(entry["spec"]["replicas"] for entry in self.sets.values())

    @property
    def available(self):
        """Pods available whatever order surplus ones go in."""
        statuses = ((entry.get("status") or {}, entry["spec"]["replicas"]) for entry in self.sets.values())
        return sum(min(status.get("availableReplicas", 0), replicas) for status, replicas in statuses)

    def replicas_by_image(self):
        return {
            entry["spec"]["template"]["spec"]["containers"][0]["image"]: entry["spec"]["replicas"]
            for entry in self.sets.values()
        }


def merge(target, patch):
    for key, value in patch.items():
        if isinstance(value, dict):
            before = copy.deepcopy(target.get(key))
            merge(target.setdefault(key, {}), value)
            if key == "spec" and target["spec"] != before:
                target["metadata"]["generation"] += 1
        elif key != "uid":
            target[key] = value


def test_given_a_new_deployment_when_settled_then_one_set_has_all_replicas():
    world = World(replicas=3)
    world.settle()
    assert world.replicas_by_image() == {"one": 3}
    [entry] = world.sets.values()
    assert entry["metadata"]["labels"][deployments.HASH] == entry["spec"]["selector"]["matchLabels"][deployments.HASH]
    assert world.deployment["metadata"]["annotations"] == {deployments.REVISION: "1"}
    status = world.deployment["status"]
    assert (status["replicas"], status["availableReplicas"], status["unavailableReplicas"]) == (3, 3, 0)
    assert [c["reason"] for c in status["conditions"]] == ["MinimumReplicasAvailable", "NewReplicaSetAvailable"]


@settings(deadline=None, max_examples=60)
@given(
    replicas=st.integers(1, 9),
    surge=st.one_of(st.integers(0, 3), st.sampled_from(["0%", "25%", "50%"])),
    missing=st.one_of(st.integers(0, 3), st.sampled_from(["0%", "25%", "50%"])),
    paces=st.lists(st.integers(0, 3), min_size=1, max_size=12),
)
def test_given_any_bounds_and_pace_when_rolling_then_never_too_many_pods_nor_too_few_available(
    replicas, surge, missing, paces
):
    world = World(replicas, strategy={"rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}})
    world.settle()
    most, least = deployments._bounds(world.deployment)
    world.set_image("two")
    for pace in itertools.islice(itertools.cycle([*paces, 1]), 100):
        world.step()
        assert world.spec_total <= replicas + most
        assert world.available >= replicas - least
        world.grow(pace)
    world.settle()
    assert world.replicas_by_image() == {"one": 0, "two": replicas}
    assert world.deployment["status"]["conditions"][1]["reason"] == "NewReplicaSetAvailable"


def test_given_new_pods_never_ready_when_rolling_then_old_ones_keep_serving():
    world = World(replicas=4)
    world.settle()
    world.set_image("broken")
    before = world.available
    for _ in range(20):
        world.step()
        world.shrink()
    assert before - 1 <= world.available
    assert world.deployment["status"]["conditions"][1]["reason"] == "ReplicaSetUpdated"


def test_given_recreate_when_the_template_changes_then_all_old_pods_go_first():
    world = World(replicas=2, strategy={"type": "Recreate"})
    world.settle()
    world.set_image("two")
    world.step()
    assert world.replicas_by_image() == {"one": 0}
    world.step()
    assert world.replicas_by_image() == {"one": 0}, "their pods are still there"
    world.settle()
    assert world.replicas_by_image() == {"one": 0, "two": 2}


def test_given_a_rollback_when_settled_then_the_old_set_is_used_again_with_a_new_revision():
    world = World()
    world.settle()
    world.set_image("two")
    world.settle()
    world.set_image("one")
    world.settle()
    assert world.replicas_by_image() == {"one": 3, "two": 0}
    assert world.deployment["metadata"]["annotations"][deployments.REVISION] == "3"


def test_given_a_paused_deployment_when_scaled_and_changed_then_it_scales_and_does_not_roll():
    world = World(replicas=2)
    world.settle()
    world.deployment["spec"]["paused"] = True
    world.deployment["spec"]["replicas"] = 5
    world.set_image("two")
    world.settle()
    assert world.replicas_by_image() == {"one": 5}


def test_given_many_old_sets_when_settled_then_only_the_limit_is_kept():
    world = World(revisionHistoryLimit=2)
    for number in range(6):
        world.set_image(str(number))
        world.settle()
    assert world.replicas_by_image() == {"3": 0, "4": 0, "5": 3}


def test_given_a_settled_world_when_looked_at_again_then_nothing_is_written():
    world = World()
    world.settle()
    assert world.step() == 0


def test_given_a_deployment_being_deleted_when_looked_at_then_nothing_is_created():
    world = World()
    world.deployment["metadata"]["deletionTimestamp"] = NOW
    assert world.step() == 0


@pytest.mark.parametrize(
    ("value", "total", "up", "expected"),
    [(2, 10, True, 2), ("25%", 10, True, 3), ("25%", 10, False, 2), (None, 4, True, 1)],
)
def test_given_a_share_when_computed_then_it_rounds_as_asked(value, total, up, expected):
    assert deployments.pods.share(value, total, default="25%", up=up) == expected
