"""Pods on a real kubelet with real processes, against the real stand-in API server and a CNI plugin of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from trunkline.adapters.kube import errors, resources
from trunkline.standin.kubelet import namespaces, processes
from trunkline.standin.kubelet.records import Records

pytestmark = pytest.mark.lab

ECHO = {"name": "main", "image": "trunkline/echo"}


def shell(script, **fields):
    return {"name": "main", "image": "any", "command": ["sh", "-c", script], **fields}


class Pods:
    """Pods of one namespace on one node."""

    def __init__(self, kube, namespace, node, eventually):
        self.kube, self.namespace, self.node, self.eventually = kube, namespace, node, eventually

    async def create(self, name, container=None, *, annotations=None, **spec):
        meta = {"name": name, "namespace": self.namespace, "annotations": annotations or {}}
        spec = {"nodeName": self.node, "containers": [container or ECHO], **spec}
        return await self.kube.create(resources.PODS, {"metadata": meta, "spec": spec})

    async def get(self, name):
        return await self.kube.get(resources.PODS, name, self.namespace)

    async def until(self, name, check):
        """The pod once `check(pod, state of its container)` is true."""

        async def ask():
            pod = await self.get(name)
            states = (pod.get("status") or {}).get("containerStatuses") or [{"state": {}, "lastState": {}}]
            return pod if check(pod, states[0]) else None

        return await self.eventually(ask)

    async def until_phase(self, name, phase):
        return await self.until(name, lambda pod, _: pod.get("status", {}).get("phase") == phase)

    async def until_event(self, name, reason):
        async def ask():
            events, _ = await self.kube.list(resources.EVENTS, self.namespace)
            return [e for e in events if e["involvedObject"]["name"] == name and e["reason"] == reason]

        return (await self.eventually(ask))[0]

    async def until_gone(self, name):
        async def ask():
            try:
                await self.get(name)
            except errors.NotFound:
                return True
            return False

        await self.eventually(ask)

    async def delete(self, name):
        await self.kube.delete(resources.PODS, name, self.namespace)


@pytest.fixture
def pods(kube, namespace, kubelet, eventually):
    return Pods(kube, namespace, kubelet.settings.node, eventually)


def records(kubelet):
    return Records(kubelet.settings.state_dir).load()


def netns_of(kubelet, pod):
    meta = pod["metadata"]
    return namespaces.name_of(kubelet.settings.netns_prefix, meta["namespace"], meta["name"], meta["uid"])


def start_program(kubelet, home):
    """The kubelet as a program of its own."""
    config = home / "kubelet.toml"
    values = msgspec.to_builtins(kubelet.settings, enc_hook=str)
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items() if key != "labels"))
    program = [sys.executable, "-m", "trunkline.cli.main", "standin", "kubelet", f"--config={config}"]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(program, stderr=log)


def fetch(netns, url):
    """What the server answers; None while it does not listen."""
    program = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode(), end='')"
    command = ["nsenter", f"--net=/run/netns/{netns}", sys.executable, "-c", program, url]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if "Connection refused" in done.stderr:
        return None
    done.check_returncode()
    return done.stdout


async def test_given_a_bound_pod_when_the_kubelet_runs_then_it_runs_with_its_address_and_answers(
    pods, kubelet, plugins
):
    plugins.configure("first")
    kubelet.start()
    await pods.create("web-0")
    pod = await pods.until_phase("web-0", "Running")
    status = pod["status"]
    assert (status["podIP"], status["hostIP"]) == ("192.0.2.7", "192.0.2.1")
    assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "True"
    assert status["containerStatuses"][0]["ready"]
    # The echo server has no probe that says when it listens.
    answer = await pods.eventually(lambda: fetch(netns_of(kubelet, pod), "http://192.0.2.7:8080/"))
    assert answer == "web-0 192.0.2.7\n"


async def test_given_a_node_without_cni_when_its_configuration_comes_then_node_and_pod_become_ready(
    pods, kubelet, plugins
):
    kubelet.start()
    await pods.create("early")
    event = await pods.until_event("early", "FailedCreatePodSandBox")
    assert "cni plugin not initialized" in event["message"]

    async def ready():
        node = await pods.kube.get(resources.NODES, pods.node)
        return {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", [])}.get("Ready")

    assert await pods.eventually(ready) == "False"
    plugins.configure("first")
    await pods.until_phase("early", "Running")

    async def is_true():
        return await ready() == "True"

    await pods.eventually(is_true)


async def test_given_a_failing_plugin_when_the_pod_changes_then_it_is_tried_again_at_once(pods, kubelet, plugins):
    plugins.configure("first")
    plugins.fail("ADD", "pool pool-tiny is full")
    kubelet.start()
    await pods.create("p")
    event = await pods.until_event("p", "FailedCreatePodSandBox")
    assert event["message"].endswith('plugin type="first" failed (add): pool pool-tiny is full')
    pod = await pods.until("p", lambda pod, _: pod.get("status", {}).get("containerStatuses"))
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    await pods.eventually(lambda: len(plugins.calls("ADD")) >= 4)  # by now the pause is 4 s
    assert len(plugins.calls("DEL")) >= 3, "each failed ADD is followed by DEL"
    plugins.succeed("ADD")
    await pods.kube.patch(resources.PODS, "p", {"metadata": {"annotations": {"a": "b"}}}, pods.namespace)
    async with asyncio.timeout(2):
        await pods.until_phase("p", "Running")


async def test_given_a_chain_when_the_pod_goes_then_dels_run_in_reverse_with_the_result(pods, kubelet, plugins):
    plugins.configure("first", "second")
    kubelet.start()
    pod = await pods.create("p")
    await pods.until_phase("p", "Running")
    plugins.configure("other")  # DEL uses what ADD used, whatever the configuration says by then
    await pods.delete("p")
    await pods.until_gone("p")
    assert [(c["command"], c["plugin"]) for c in plugins.calls()] == [
        ("ADD", "first"),
        ("ADD", "second"),
        ("DEL", "second"),
        ("DEL", "first"),
    ]
    first, second, *dels = plugins.calls()
    assert "prevResult" not in first["input"]
    for call in (second, *dels):
        assert call["input"]["prevResult"]["ips"] == [{"address": "192.0.2.7/32"}]
        assert (call["input"]["name"], call["input"]["cniVersion"], call["input"]["mtu"]) == ("tests", "1.0.0", 1400)
    arguments = dict(item.split("=") for item in first["args"].split(";"))
    meta = pod["metadata"]
    assert arguments == {
        "IgnoreUnknown": "1",
        "K8S_POD_NAMESPACE": meta["namespace"],
        "K8S_POD_NAME": "p",
        "K8S_POD_INFRA_CONTAINER_ID": first["id"],
        "K8S_POD_UID": meta["uid"],
    }
    assert not os.path.exists(first["netns"])
    assert records(kubelet) == {}


async def test_given_a_del_that_fails_when_the_pod_goes_then_it_stays_until_del_succeeds(pods, kubelet, plugins):
    plugins.configure("first")
    kubelet.start()
    await pods.create("p")
    await pods.until_phase("p", "Running")
    plugins.fail("DEL", "agent asleep")
    await pods.delete("p")
    assert "agent asleep" in (await pods.until_event("p", "FailedKillPod"))["message"]
    assert (await pods.get("p"))["metadata"]["deletionTimestamp"]
    plugins.succeed("DEL")
    await pods.until_gone("p")


async def test_given_a_stubborn_process_when_its_grace_is_over_then_it_is_killed(pods, kubelet, plugins):
    plugins.configure("first")
    kubelet.start()
    script = "trap '' TERM; setsid sleep 300 & while :; do sleep 0.1; done"
    await pods.create("p", shell(script), terminationGracePeriodSeconds=1)
    pod = await pods.until_phase("p", "Running")
    path = namespaces.path_of(netns_of(kubelet, pod))
    await pods.eventually(lambda: len(processes.in_namespace(path)) >= 2)
    inside = processes.in_namespace(path)
    await pods.delete("p")
    await pods.until_gone("p")
    assert not [handle for handle in inside if processes.is_alive(handle)], "runaways go too"


@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 3, "Failed"), ("OnFailure", 0, "Succeeded")]
)
async def test_given_a_container_that_ends_when_it_is_not_restarted_then_the_pod_ends(
    pods, kubelet, plugins, policy, code, phase
):
    plugins.configure("first")
    kubelet.start()
    await pods.create("job", shell(f"exit {code}"), restartPolicy=policy)
    pod = await pods.until_phase("job", phase)
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, "Error" if code else "Completed")
    assert pod["status"]["podIP"] == "192.0.2.7"
    await pods.eventually(lambda: plugins.calls("DEL"))  # an ended pod gives its address back
    await pods.eventually(lambda: not os.path.exists(namespaces.path_of(netns_of(kubelet, pod))))


async def test_given_a_container_that_fails_when_restarted_again_and_again_then_it_backs_off(pods, kubelet, plugins):
    plugins.configure("first")
    kubelet.start()
    await pods.create("crash", shell("exit 7"))
    pod = await pods.until("crash", lambda _, c: c["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")
    [container] = pod["status"]["containerStatuses"]
    assert container["lastState"]["terminated"]["exitCode"] == 7
    assert container["restartCount"] >= 2
    assert pod["status"]["phase"] == "Running"
    assert not container["ready"]


async def test_given_init_containers_when_they_run_then_in_order_and_before_the_others(
    pods, kubelet, plugins, tmp_path
):
    plugins.configure("first")
    kubelet.start()
    init = [{**shell(f"sleep 0.1; echo {n} >> {tmp_path}/order"), "name": n} for n in ("one", "two")]
    await pods.create("p", shell(f"echo main >> {tmp_path}/order; sleep 300"), initContainers=init)
    pod = await pods.until_phase("p", "Running")
    assert (tmp_path / "order").read_text().split()[:2] == ["one", "two"]
    assert all(c["state"]["terminated"]["exitCode"] == 0 for c in pod["status"]["initContainerStatuses"])


@pytest.mark.parametrize(
    ("container", "reason", "message"),
    [
        ({"name": "main", "image": "nginx:1.27"}, "ErrImagePull", "the lab pulls no images"),
        ({**ECHO, "envFrom": [{"configMapRef": {"name": "x"}}]}, "CreateContainerConfigError", "envFrom"),
    ],
)
async def test_given_a_container_we_cannot_run_when_it_is_tried_then_the_reason_is_told(
    pods, kubelet, plugins, container, reason, message
):
    plugins.configure("first")
    kubelet.start()
    await pods.create("p", container)
    pod = await pods.until("p", lambda _, c: c["state"].get("waiting", {}).get("reason") == reason)
    assert pod["status"]["phase"] == "Pending"
    assert message in pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert message in (await pods.until_event("p", "Failed"))["message"]


async def test_given_a_readiness_probe_when_it_passes_then_the_pod_becomes_ready(pods, kubelet, plugins, tmp_path):
    plugins.configure("first")
    kubelet.start()
    probe = {"exec": {"command": ["test", "-e", str(tmp_path / "flag")]}, "periodSeconds": 1}
    await pods.create("p", {**ECHO, "readinessProbe": probe})
    pod = await pods.until_phase("p", "Running")
    assert not pod["status"]["containerStatuses"][0]["ready"]
    (tmp_path / "flag").touch()
    await pods.until("p", lambda _, c: c["ready"])


async def test_given_a_liveness_probe_when_it_fails_then_the_container_is_restarted(pods, kubelet, plugins):
    plugins.configure("first")
    kubelet.start()
    probe = {"httpGet": {"port": 9, "path": "/"}, "periodSeconds": 1, "failureThreshold": 1}
    await pods.create("p", {**ECHO, "livenessProbe": probe}, terminationGracePeriodSeconds=1)
    pod = await pods.until("p", lambda _, c: c.get("restartCount", 0) >= 1)
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 143
    assert "Liveness probe failed" in (await pods.until_event("p", "Unhealthy"))["message"]


async def test_given_a_host_network_pod_when_it_runs_then_it_has_the_nodes_address_and_no_cni(
    pods, kubelet, plugins, tmp_path
):
    plugins.configure("first")
    kubelet.start()
    script = f"readlink /proc/self/ns/net > {tmp_path}/ns; echo $IP > {tmp_path}/ip; exec sleep 300"
    env = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    await pods.create("p", shell(script, env=env), hostNetwork=True)
    pod = await pods.until_phase("p", "Running")
    assert pod["status"]["podIP"] == "192.0.2.1"
    await pods.eventually(lambda: (tmp_path / "ip").exists() and (tmp_path / "ip").read_text())
    assert (tmp_path / "ns").read_text().strip() == os.readlink("/proc/self/ns/net")
    assert (tmp_path / "ip").read_text() == "192.0.2.1\n"
    await pods.delete("p")
    await pods.until_gone("p")
    assert plugins.calls() == []


async def test_given_a_stopped_kubelet_when_it_comes_back_then_pods_never_noticed(pods, kubelet, plugins):
    plugins.configure("first")
    kubelet.start()
    await pods.create("stays")
    await pods.create("deleted-meanwhile")
    await pods.create("vanished-meanwhile")
    for name in ("stays", "deleted-meanwhile", "vanished-meanwhile"):
        await pods.until_phase(name, "Running")
    before = {r.pod: r.containers["main"].process for r in records(kubelet).values()}
    await kubelet.stop()
    assert all(processes.is_alive(handle) for handle in before.values())
    await pods.delete("deleted-meanwhile")
    meta = (await pods.get("vanished-meanwhile"))["metadata"]
    await pods.kube.delete(resources.PODS, meta["name"], meta["namespace"], grace_seconds=0)
    kubelet.start()
    await pods.until_gone("deleted-meanwhile")
    await pods.eventually(lambda: len(records(kubelet)) == 1)
    [left] = records(kubelet).values()
    assert (left.pod, left.containers["main"].process) == ("stays", before["stays"])
    assert not processes.is_alive(before["vanished-meanwhile"])
    assert len(plugins.calls("DEL")) == 2
    assert len(plugins.calls("ADD")) == 3
    assert (await pods.get("stays"))["status"]["containerStatuses"][0]["restartCount"] == 0
    os.kill(before["stays"].pid, signal.SIGKILL)
    pod = await pods.until("stays", lambda _, c: c.get("restartCount") == 1)
    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert last["reason"] in ("ContainerStatusUnknown", "Error")


async def test_given_a_killed_kubelet_when_another_comes_then_it_takes_over_even_unrecorded_processes(
    pods, kubelet, plugins, home
):
    plugins.configure("first")
    process = start_program(kubelet, home)
    try:
        await pods.create("p")
        await pods.until_phase("p", "Running")
    finally:
        process.kill()
        process.wait()
    store = Records(kubelet.settings.state_dir)
    [record] = store.load().values()
    handle = record.containers["main"].process
    record.containers["main"].process = None  # as if it had died between starting the container and writing it down
    store.save(record)
    kubelet.start()
    await pods.eventually(lambda: next(iter(records(kubelet).values())).containers["main"].process == handle)
    assert len(processes.in_namespace(namespaces.path_of(netns_of(kubelet, await pods.get("p"))))) == 1


async def test_given_a_pod_made_anew_under_its_name_when_the_old_one_goes_then_the_new_one_runs(pods, kubelet, plugins):
    plugins.configure("first")
    kubelet.start()
    await pods.create("p")
    old = await pods.until_phase("p", "Running")
    await pods.kube.delete(resources.PODS, "p", pods.namespace, grace_seconds=0)
    await pods.create("p")
    new = await pods.until_phase("p", "Running")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    await pods.eventually(lambda: not os.path.exists(namespaces.path_of(netns_of(kubelet, old))))
    assert Path(namespaces.path_of(netns_of(kubelet, new))).exists()


async def test_given_a_full_disk_when_a_container_is_started_then_it_is_started_once_and_written_down_later(
    pods, kubelet, plugins, monkeypatch
):
    plugins.configure("first")
    save, failures = Records.save, []

    def full_disk(self, record):
        if len(failures) < 2 and any(state.process for state in record.containers.values()):
            failures.append(record.pod)
            raise OSError(28, "No space left on device")
        save(self, record)

    monkeypatch.setattr(Records, "save", full_disk)
    kubelet.start()
    await pods.create("p")
    pod = await pods.until_phase("p", "Running")
    assert failures
    [running] = processes.in_namespace(namespaces.path_of(netns_of(kubelet, pod)))
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    await pods.eventually(lambda: records(kubelet)[pod["metadata"]["uid"]].containers["main"].process == running)
    assert len(failures) == 2
    assert processes.in_namespace(namespaces.path_of(netns_of(kubelet, pod))) == [running]
