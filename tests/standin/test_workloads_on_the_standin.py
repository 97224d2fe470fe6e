"""Scheduler and workload controllers at work, with kubectl as the judge.  Kubelets are played: a bound pod is made Running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from trunkline.adapters.kube import Informer, Kube, errors, resources
from trunkline.kit import clock
from trunkline.standin import controllers

ROOT = Path(__file__).parents[2]
OLD_KUBECTL = ROOT / ".tools/kubernetes-client/usr/bin/kubectl"


@pytest.fixture(
    params=[pytest.param(shutil.which("kubectl"), id="kubectl"), pytest.param(str(OLD_KUBECTL), id="kubectl-1.20")]
)
def kubectl(request, apiserver, namespace):
    program = request.param
    if not program or not os.path.exists(program):
        pytest.skip("this kubectl is not installed")
    kubeconfig = apiserver.kubeconfig()

    async def run(*words, stdin=None):
        command = [program, f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", *words]
        env = {"HOME": str(apiserver.home), "PATH": os.environ["PATH"]}
        return await asyncio.to_thread(
            lambda: (
                subprocess.run(
                    command, input=stdin, env=env, check=True, capture_output=True, text=True, timeout=30
                ).stdout
            )
        )

    return run


@pytest.fixture
async def cluster(apiserver, kube, namespace):
    """Two nodes whose kubelets do as they are told, and the controllers."""
    for name in ("n1", "n2"):
        with contextlib.suppress(errors.AlreadyExists):
            await kube.create(resources.NODES, {"metadata": {"name": name}, "spec": {}})
        status = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"pods": "110"}}
        await kube.patch(resources.NODES, name, {"status": status}, kind="strategic", subresource="status")
    tasks = [asyncio.create_task(controllers.run(apiserver.kubeconfig())), asyncio.create_task(play_kubelets(kube))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def play_kubelets(kube):
    pods = Informer(kube, resources.PODS)
    async with asyncio.TaskGroup() as group:
        group.create_task(pods.run())
        async for batch in pods.subscribe():
            for _, _, pod in batch:
                if pod and pod["spec"].get("nodeName"):
                    with contextlib.suppress(errors.NotFound, errors.Conflict):
                        await play(kube, pod)


async def play(kube, pod):
    meta = pod["metadata"]
    if meta.get("deletionTimestamp"):
        await kube.delete(resources.PODS, meta["name"], meta["namespace"], uid=meta["uid"], grace_seconds=0)
    elif pod.get("status", {}).get("phase") != "Running":
        now = clock.rfc3339(clock.now())
        ready = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")]
        body = {"metadata": {"uid": meta["uid"]}, "status": {"phase": "Running", "conditions": ready}}
        await kube.patch(resources.PODS, meta["name"], body, meta["namespace"], kind="strategic", subresource="status")


def manifest(kind, name, replicas=None, **spec):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "one"}]}}
    body = {"selector": {"matchLabels": labels}, "template": template, **spec}
    if replicas is not None:
        body["replicas"] = replicas
    return yaml.safe_dump({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body})


async def pods_of(kube, namespace, app):
    found, _ = await kube.list(resources.PODS, namespace, label_selector=f"app={app}")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


async def test_given_a_deployment_when_rolled_scaled_and_rolled_back_then_kubectl_is_satisfied(
    cluster, kubectl, kube, namespace, eventually
):
    await kubectl("apply", "-f", "-", stdin=manifest("Deployment", "web", 3))
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    await kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=10s")
    pods = await pods_of(kube, namespace, "web")
    assert sorted(pod["spec"]["nodeName"] for pod in pods) in (["n1", "n1", "n2"], ["n1", "n2", "n2"])
    await kubectl("set", "image", "deployment/web", "c=two")
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    await eventually(lambda: images_are(kube, namespace, ["two"] * 3))
    await kubectl("rollout", "undo", "deployment/web")
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    await kubectl("scale", "deployment/web", "--replicas=1")
    await eventually(lambda: images_are(kube, namespace, ["one"]))
    history = await kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]
    await kubectl("delete", "deployment", "web", "--wait")
    await eventually(lambda: images_are(kube, namespace, []))


async def images_are(kube, namespace, expected):
    return [pod["spec"]["containers"][0]["image"] for pod in await pods_of(kube, namespace, "web")] == expected


async def test_given_a_stateful_set_when_rolled_and_scaled_then_names_and_order_hold(
    cluster, kubectl, kube, namespace, eventually
):
    await kubectl("apply", "-f", "-", stdin=manifest("StatefulSet", "db", 3, serviceName="db"))
    assert "complete" in await kubectl("rollout", "status", "statefulset/db", "--timeout=20s")

    async def names():
        return sorted(pod["metadata"]["name"] for pod in await pods_of(kube, namespace, "db"))

    assert await names() == ["db-0", "db-1", "db-2"]
    await kubectl("set", "image", "statefulset/db", "c=two")
    assert "complete" in await kubectl("rollout", "status", "statefulset/db", "--timeout=20s")
    assert {pod["spec"]["containers"][0]["image"] for pod in await pods_of(kube, namespace, "db")} == {"two"}
    await kubectl("scale", "statefulset/db", "--replicas=1")

    async def one():
        return await names() == ["db-0"]

    await eventually(one)


async def test_given_a_daemon_set_when_applied_then_every_node_has_its_pod(cluster, kubectl, kube, namespace):
    await kubectl("apply", "-f", "-", stdin=manifest("DaemonSet", "ds"))
    assert "successfully rolled out" in await kubectl("rollout", "status", "daemonset/ds", "--timeout=20s")
    assert sorted(pod["spec"]["nodeName"] for pod in await pods_of(kube, namespace, "ds")) == ["n1", "n2"]


async def test_given_a_pod_that_fits_nowhere_when_described_then_the_reason_is_there(
    cluster, kubectl, kube, namespace, eventually
):
    spec = {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "c", "image": "one"}]}
    await kube.create(resources.PODS, {"metadata": {"name": "p", "namespace": namespace}, "spec": spec})

    async def told():
        return "FailedScheduling" in await kubectl("describe", "pod", "p")

    await eventually(told)
    text = await kubectl("describe", "pod", "p")
    assert "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector." in text
    await kubectl("label", "node", "n2", "disk=ssd", "--overwrite")
    await kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=10s")
    assert (await kube.get(resources.PODS, "p", namespace))["spec"]["nodeName"] == "n2"
    await kubectl("label", "node", "n2", "disk-")


async def test_given_nodes_when_they_register_then_each_has_its_own_piece_of_the_cluster(cluster, kube, eventually):
    async def pieces():
        nodes, _ = await kube.list(resources.NODES)
        found = {node["spec"].get("podCIDR") for node in nodes}
        return found if None not in found else None

    assert await eventually(pieces) == {"10.244.0.0/24", "10.244.1.0/24"}


async def _settled(kube: Kube) -> str:
    """The version of a cluster in which nothing has been written for a second."""
    async with asyncio.timeout(20):
        seen = ""
        while True:
            _, version = await kube.list(resources.PODS)
            if version == seen:
                return version
            seen = version
            await asyncio.sleep(1)


async def test_given_a_settled_cluster_when_the_controllers_restart_then_nothing_is_written(
    cluster, kubectl, apiserver, kube, namespace
):
    await kubectl("apply", "-f", "-", stdin=manifest("Deployment", "web", 2))
    await kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    before = await _settled(kube)  # the last status is written after kubectl is satisfied
    again = asyncio.create_task(controllers.run(apiserver.kubeconfig()))
    await asyncio.sleep(1)  # long enough to write something, if it wanted to
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    _, after = await kube.list(resources.PODS)
    assert before == after
