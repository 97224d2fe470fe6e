"""The Kubernetes adapter against the stand-in API server: what both sides mean by the same words."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from trunkline.adapters.kube import Informer, errors, resource, resources
from trunkline.lab import credentials


def config(name, namespace, **data):
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


@pytest.fixture
async def informer(kube, namespace):
    found = Informer(kube, resources.CONFIG_MAPS, namespace=namespace)
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_given_objects_when_written_read_patched_and_deleted_then_both_sides_agree(kube, namespace, informer):
    made = await kube.create(resources.CONFIG_MAPS, config("a", namespace, x="1"))
    key = f"{namespace}/a"
    await informer.wait_for(lambda objects: key in objects, 5)
    patched = await kube.patch(resources.CONFIG_MAPS, "a", {"data": {"y": "2"}}, namespace)
    assert patched["data"] == {"x": "1", "y": "2"}
    made["data"] = {}
    with pytest.raises(errors.Conflict):
        await kube.replace(resources.CONFIG_MAPS, made)
    patched["data"] = {"z": "3"}
    await kube.replace(resources.CONFIG_MAPS, patched)
    await informer.wait_for(lambda objects: objects[key].get("data") == {"z": "3"}, 5)
    assert informer.objects[key]["kind"] == "ConfigMap"
    with pytest.raises(errors.Conflict):
        await kube.delete(resources.CONFIG_MAPS, "a", namespace, uid="another")
    await kube.delete(resources.CONFIG_MAPS, "a", namespace, uid=made["metadata"]["uid"])
    await informer.wait_for(lambda objects: key not in objects, 5)
    with pytest.raises(errors.NotFound, match=f"ConfigMap {namespace}/a"):
        await kube.get(resources.CONFIG_MAPS, "a", namespace)


async def test_given_a_name_that_is_taken_when_created_then_it_is_told_from_a_conflict(kube, namespace):
    await kube.create(resources.CONFIG_MAPS, config("a", namespace))
    with pytest.raises(errors.AlreadyExists):
        await kube.create(resources.CONFIG_MAPS, config("a", namespace))


async def test_given_bad_input_when_created_then_it_is_invalid_and_the_field_is_named(kube, namespace):
    with pytest.raises(errors.Invalid, match=r"metadata\.name"):
        await kube.create(resources.CONFIG_MAPS, config("Not_A_Name", namespace))


async def test_given_an_old_version_when_watched_then_what_came_after_is_seen(kube, namespace):
    _, version = await kube.list(resources.CONFIG_MAPS, namespace)
    await kube.create(resources.CONFIG_MAPS, config("a", namespace))
    events = kube.watch(resources.CONFIG_MAPS, namespace, resource_version=version)
    async with asyncio.timeout(5):
        kind, obj = await anext(events)
    assert (kind, obj["metadata"]["name"]) == ("ADDED", "a")
    await events.aclose()


async def test_given_selectors_when_listed_then_only_matches_come(kube, namespace):
    await kube.create(resources.CONFIG_MAPS, config("a", namespace))
    await kube.create(resources.CONFIG_MAPS, config("b", namespace))
    await kube.patch(resources.CONFIG_MAPS, "b", {"metadata": {"labels": {"tier": "db"}}}, namespace)
    by_label, _ = await kube.list(resources.CONFIG_MAPS, namespace, label_selector="tier in (db)")
    by_field, _ = await kube.list(resources.CONFIG_MAPS, namespace, field_selector="metadata.name=a")
    assert [[item["metadata"]["name"] for item in found] for found in (by_label, by_field)] == [["b"], ["a"]]


async def test_given_the_same_event_twice_when_recorded_then_there_is_one_that_counts(kube, namespace):
    made = await kube.create(resources.CONFIG_MAPS, config("a", namespace))
    for _ in range(2):
        await kube.record(made, reason="Tried", message="again", type="Warning", component="tests")
        for seen in kube._recorder._seen.values():
            seen.quiet_until = 0.0
    found, _ = await kube.list(resources.EVENTS, namespace)
    [event] = [item for item in found if item["reason"] == "Tried"]
    assert (event["count"], event["involvedObject"]["uid"]) == (2, made["metadata"]["uid"])


async def test_given_a_node_when_it_oversteps_then_it_is_forbidden(apiserver, kube, namespace):
    from trunkline.adapters.kube import Kube

    pair = credentials.kubelet(apiserver.authority, "n1")
    async with Kube.connect(apiserver.kubeconfig(pair), field_manager="kubelet") as node:
        with pytest.raises(errors.Forbidden):
            await node.create(resources.CONFIG_MAPS, config("a", namespace))


async def test_given_no_such_resource_when_listed_then_it_is_not_found(kube, namespace):
    with pytest.raises(errors.NotFound):
        await kube.list(resource("none.example.com", "v1", "nones", "None"))
