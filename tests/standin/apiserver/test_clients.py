"""Unmodified clients: kubectl as Debian ships it, a current kubectl, and lightkube."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DEBIAN = ROOT / ".tools/kubernetes-client/usr/bin/kubectl"


def kubectls() -> list[Any]:
    """The two binaries; one that is not here is skipped with the reason."""
    current = shutil.which("kubectl")
    missing_debian = pytest.mark.skipif(not DEBIAN.exists(), reason=f"{DEBIAN.relative_to(ROOT)} is not there")
    missing_current = pytest.mark.skipif(current is None, reason="no kubectl on PATH")
    return [
        pytest.param(str(DEBIAN), id="debian", marks=missing_debian),
        pytest.param(current, id="current", marks=missing_current),
    ]


class Kubectl:
    """One kubectl binary with one user's kubeconfig; nothing of it leaves `home`."""

    def __init__(self, binary: str, kubeconfig: Path, home: Path) -> None:
        self._argv = [binary, f"--kubeconfig={kubeconfig}", f"--cache-dir={home}/cache"]

    async def start(self, *argv: str, stdin: bool = False) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*self._argv, *argv, stdin=pipe, stdout=pipe, stderr=pipe)

    async def run(self, *argv: str, given: Any = None) -> tuple[int, str]:
        """Exit code and everything printed; `given` goes to standard input as YAML documents."""
        text = yaml.safe_dump_all(given if isinstance(given, list) else [given]) if given is not None else ""
        process = await self.start(*argv)
        async with asyncio.timeout(30):
            out, errors = await process.communicate(text.encode())
        return process.returncode or 0, out.decode() + errors.decode()

    async def __call__(self, *argv: str, given: Any = None) -> str:
        code, text = await self.run(*argv, given=given)
        assert code == 0, text
        return text


@pytest.fixture(params=kubectls())
async def kubectl(request: Any, running: Any, tmp_path: Path) -> Kubectl:
    return Kubectl(request.param, running.kubeconfig(), tmp_path)


async def test_apply_creates_changes_and_then_leaves_alone(kubectl: Kubectl, manifests: Any) -> None:
    objects = [manifests.deployment(replicas=2), manifests.service(), manifests.config_map(a="1")]

    assert (await kubectl("apply", "-f", "-", given=objects)).count("created") == 3
    assert (await kubectl("apply", "-f", "-", given=objects)).count("unchanged") == 3
    objects[0]["spec"]["replicas"] = 3
    assert "deployment.apps/web configured" in await kubectl("apply", "-f", "-", given=objects)
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "3"
    del objects[0]["spec"]["replicas"]
    await kubectl("apply", "-f", "-", given=objects)
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "1", (
        "a field taken out goes back"
    )


async def test_the_three_patches_annotate_and_label(kubectl: Kubectl, manifests: Any) -> None:
    await kubectl("apply", "-f", "-", given=manifests.deployment())

    image = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "x:2"}]}}}}
    await kubectl("patch", "deploy", "web", "-p", json.dumps(image))
    await kubectl("patch", "deploy", "web", "--type=merge", "-p", '{"spec": {"replicas": 4}}')
    await kubectl(
        "patch", "deploy", "web", "--type=json", "-p", '[{"op": "add", "path": "/spec/paused", "value": true}]'
    )
    await kubectl("annotate", "deploy", "web", "ipam.antrea.io/ippools=pool-ap")
    await kubectl("label", "deploy", "web", "tier=front")

    found = json.loads(await kubectl("get", "deploy", "web", "-o", "json"))
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "x:2"
    assert found["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] == 8080
    assert (found["spec"]["replicas"], found["spec"]["paused"]) == (4, True)
    assert found["metadata"]["annotations"]["ipam.antrea.io/ippools"] == "pool-ap"
    assert found["metadata"]["labels"] == {"tier": "front"}


async def test_edit_sends_what_the_editor_leaves(kubectl: Kubectl, manifests: Any, monkeypatch: Any) -> None:
    await kubectl("apply", "-f", "-", given=manifests.config_map(a="before"))
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/before/after/")

    assert "edited" in await kubectl("edit", "configmap", "settings")

    assert await kubectl("get", "cm", "settings", "-o", "jsonpath={.data.a}") == "after"


async def test_create_makes_the_usual_kinds(kubectl: Kubectl) -> None:
    await kubectl("create", "namespace", "shop")
    for argv in (
        ("configmap", "settings", "--from-literal=a=b"),
        ("secret", "generic", "key", "--from-literal=a=b"),
        ("deployment", "web", "--image=x", "--replicas=2"),
        ("service", "clusterip", "web", "--tcp=80:8080"),
        ("serviceaccount", "robot"),
    ):
        assert "created" in await kubectl("-n", "shop", "create", *argv)

    assert await kubectl("-n", "shop", "get", "secret", "key", "-o", "jsonpath={.data.a}") == "Yg=="
    assert await kubectl("-n", "shop", "get", "svc", "web", "-o", "jsonpath={.spec.ports[0].targetPort}") == "8080"
    assert await kubectl("-n", "shop", "get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"
    await kubectl("delete", "namespace", "shop")
    assert (await kubectl.run("get", "namespace", "shop"))[0] == 1


async def test_get_shows_the_known_columns(kubectl: Kubectl, manifests: Any) -> None:
    await kubectl(
        "apply", "-f", "-", given=[manifests.pod(), manifests.deployment(), manifests.service(), manifests.node()]
    )

    pods = (await kubectl("get", "pods", "-o", "wide")).splitlines()
    assert pods[0].split() == [
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED",
        "NODE",
        "READINESS",
        "GATES",
    ]
    assert pods[1].split()[:4] == ["web-0", "0/1", "Pending", "0"]
    assert (await kubectl("get", "deploy")).splitlines()[0].split() == [
        "NAME",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "AGE",
    ]
    assert (await kubectl("get", "svc")).splitlines()[0].split() == [
        "NAME",
        "TYPE",
        "CLUSTER-IP",
        "EXTERNAL-IP",
        "PORT(S)",
        "AGE",
    ]
    assert (await kubectl("get", "nodes")).splitlines()[0].split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert "pod/web-0" in await kubectl("get", "all")


async def test_get_w_follows(kubectl: Kubectl, manifests: Any) -> None:
    process = await kubectl.start("get", "configmaps", "-w")
    assert process.stdout is not None
    try:
        await asyncio.sleep(0.3)  # both orders are right; the watch is more often first this way
        await kubectl("apply", "-f", "-", given=manifests.config_map(a="1"))
        await kubectl("apply", "-f", "-", given=manifests.config_map(a="1", b="2"))
        async with asyncio.timeout(20):
            while (line := (await process.stdout.readline()).decode().split()[:2]) != ["settings", "2"]:
                assert line[:1] in (["NAME"], ["settings"]), line
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_wait_for_a_condition_and_for_the_end(kubectl: Kubectl, manifests: Any, running: Any) -> None:
    await kubectl("apply", "-f", "-", given=manifests.pod())
    waiting = asyncio.create_task(kubectl("wait", "--for=condition=Ready", "pod/web-0", "--timeout=20s"))
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    headers = {"content-type": "application/strategic-merge-patch+json"}
    async with running.http() as http:
        await http.patch("/api/v1/namespaces/default/pods/web-0/status", content=json.dumps(ready), headers=headers)
    assert "condition met" in await waiting

    gone = await kubectl.start("wait", "--for=delete", "pod/web-0", "--timeout=20s", "-v=6")
    assert gone.stderr is not None
    async with asyncio.timeout(20):
        while b"/pods/web-0" not in (line := await gone.stderr.readline()):
            assert line  # kubectl 1.20 fails when there is nothing to wait for, so it has to have asked before
    await kubectl("delete", "pod", "web-0")
    _, said = await gone.communicate()
    assert gone.returncode == 0, said


async def test_rollout_status_and_scale(kubectl: Kubectl, manifests: Any, running: Any) -> None:
    await kubectl("apply", "-f", "-", given=manifests.deployment())
    await kubectl("scale", "deploy", "web", "--replicas=2")
    following = asyncio.create_task(kubectl("rollout", "status", "deploy/web", "--timeout=20s"))
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
    headers = {"content-type": "application/merge-patch+json"}
    async with running.http() as http:
        content = json.dumps({"status": {"observedGeneration": 2, **counts}})
        await http.patch("/apis/apps/v1/namespaces/default/deployments/web/status", content=content, headers=headers)

    assert "successfully rolled out" in await following
    assert (await kubectl("get", "deploy", "web")).splitlines()[1].split()[:4] == ["web", "2/2", "2", "2"]


async def test_describe_tells_about_pods_deployments_and_nodes(kubectl: Kubectl, manifests: Any) -> None:
    node = {**manifests.node(), "spec": {"podCIDR": "10.10.0.0/24"}}
    await kubectl("apply", "-f", "-", given=[node, manifests.pod(nodeName="n1"), manifests.deployment()])
    uid = await kubectl("get", "pod", "web-0", "-o", "jsonpath={.metadata.uid}")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "namespace": "default", "uid": uid},
        "type": "Warning",
        "reason": "FailedCreatePodSandBox",
        "message": "pool pool-ap is exhausted",
        "source": {"component": "kubelet"},
    }
    await kubectl("apply", "-f", "-", given=event)

    assert "pool pool-ap is exhausted" in await kubectl("describe", "pod", "web-0")
    assert "25% max unavailable, 25% max surge" in await kubectl("describe", "deploy", "web")
    described = await kubectl("describe", "node", "n1")
    assert "10.10.0.0/24" in described
    assert "web-0" in described
    assert "pool pool-ap is exhausted" in await kubectl("get", "events")


async def test_a_definition_and_its_objects(kubectl: Kubectl, manifests: Any) -> None:
    await kubectl("apply", "-f", "-", given=manifests.definition())
    assert "condition met" in await kubectl("wait", "--for=condition=Established", "crd/pools.example.org")
    await kubectl("apply", "-f", "-", given=manifests.pool(vlan=19))

    assert "unchanged" in await kubectl("apply", "-f", "-", given=manifests.pool(vlan=19))
    assert "configured" in await kubectl("apply", "-f", "-", given=manifests.pool(vlan=20))
    table = (await kubectl("get", "pl")).splitlines()
    assert [line.split()[:2] for line in table] == [["NAME", "VLAN"], ["blue", "20"]]
    code, text = await kubectl.run("apply", "-f", "-", given=manifests.pool(vlan=70000))
    assert code == 1
    assert "spec.vlan in body should be less than or equal to 4094" in text
    assert "pool.example.org/blue" in await kubectl("get", "nets", "-o", "name")


async def test_an_unknown_field_is_refused_or_warned_of(kubectl: Kubectl, manifests: Any) -> None:
    code, text = await kubectl.run("apply", "-f", "-", given=manifests.deployment(replicaz=3))

    # kubectl 1.27 and newer ask the server to be strict; older ones take the warning.
    assert 'unknown field "spec.replicaz"' in text
    assert code == ("strict decoding error" in text)


async def test_a_replaced_version_that_is_old_conflicts(kubectl: Kubectl, manifests: Any) -> None:
    await kubectl("apply", "-f", "-", given=manifests.config_map(a="1"))
    old = yaml.safe_load(await kubectl("get", "cm", "settings", "-o", "yaml"))
    await kubectl("apply", "-f", "-", given=manifests.config_map(a="2"))

    code, text = await kubectl.run("replace", "-f", "-", given=old)

    assert code == 1
    assert "the object has been modified; please apply your changes to the latest version and try again" in text


async def test_api_resources_and_versions(kubectl: Kubectl) -> None:
    resources = await kubectl("api-resources")

    for word in ("deployments", "deploy", "configmaps", "customresourcedefinitions", "leases", "endpointslices"):
        assert word in resources
    assert "apps/v1" in (await kubectl("api-versions")).split()


async def test_lightkube_lists_and_watches(running: Any, manifests: Any) -> None:
    import lightkube
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    config = lightkube.KubeConfig.from_file(running.kubeconfig())
    client = lightkube.AsyncClient(config=config)
    await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"k": "v"}))
    found = [item.metadata.name async for item in client.list(ConfigMap)]
    assert found == ["a"]

    async def first() -> tuple[str, str]:
        async for kind, item in client.watch(ConfigMap, namespace="default"):
            if item.metadata.name == "b":
                return kind, item.data["k"]
        raise AssertionError("the watch ended")

    watching = asyncio.create_task(first())
    await client.create(ConfigMap(metadata=ObjectMeta(name="b", namespace="default"), data={"k": "w"}))
    async with asyncio.timeout(10):
        assert await watching == ("ADDED", "w")
