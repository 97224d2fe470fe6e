"""CNI ADD until the first answered ping, against Debian's `bridge` + `host-local`, driven the same way in one run.

Both plugins are started as a container runtime starts them: a process with CNI_* in its environment and the network
configuration on standard input.  The calls alternate, so that whatever else the machine does hits both.  Each pod is in
a namespace made beforehand and pings another pod of the same machine; that pod is the first of its kind.  The Pods of
the one side exist and are bound to the node before the clock starts, as they are when a kubelet calls a plugin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import labs, namespaces, statistics
from trunkline.adapters.kube import Informer, Kube, resources
from trunkline.intent import attachment

PODS = 100
NODE = "node-01"
PREFIX = f"tlbench-{os.getpid()}"
_POOL = {
    "apiVersion": "crd.antrea.io/v1beta1",
    "kind": "IPPool",
    "metadata": {"name": "bench"},
    "spec": {
        "ipRanges": [{"start": "172.16.19.60", "end": "172.16.19.240"}],
        "subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 19},
    },
}
_BRIDGE = {
    "cniVersion": "1.0.0",
    "name": "bench",
    "type": "bridge",
    "bridge": "bench0",
    "isGateway": True,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]},
}


class Runtime:
    """A container runtime as far as CNI is concerned."""

    def __init__(self, host: str, binary: Path, config: dict[str, Any]) -> None:
        self._host = host  # the namespace that the plugin sees as the machine
        self._binary = binary
        self._config = json.dumps(config).encode()

    def call(self, command: str, container: str, name: str) -> tuple[float, str]:
        """One call for the namespace `container`; seconds, and the first address of the result."""
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": namespaces.path(container),
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(self._binary.parent),
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME={name}",
            "PATH": os.environ["PATH"],
        }

        def work() -> tuple[float, bytes]:
            began = time.perf_counter()
            done = subprocess.run([self._binary], input=self._config, env=environment, capture_output=True, check=False)
            took = time.perf_counter() - began
            if done.returncode:
                raise RuntimeError(
                    f"{self._binary.name} {command} {name}: {done.stdout.decode()}{done.stderr.decode()}"
                )
            return took, done.stdout

        took, output = namespaces.inside(self._host, work)
        result = json.loads(output) if output else {}
        return took, result["ips"][0]["address"].split("/")[0] if result.get("ips") else ""


class Side:
    """One of the two competitors: its runtime, the pod everybody pings, and the samples."""

    def __init__(self, label: str, runtime: Runtime) -> None:
        self.label = label
        self._runtime = runtime
        self._target = ""
        self._made: list[tuple[str, str]] = []
        self.add: list[float] = []
        self.ping: list[float] = []

    def pod(self, number: int) -> None:
        """Add one pod and ping from it; the first one is only the target of the others."""
        name = f"pod-{number:03d}"
        container = f"{PREFIX}-{self.label}-{number:03d}"
        subprocess.run(["ip", "netns", "add", container], check=True)
        subprocess.run(["ip", "-n", container, "link", "set", "lo", "up"], check=True)
        self._made.append((container, name))
        prober = namespaces.Prober(container)
        try:
            began = time.perf_counter()
            took, address = self._runtime.call("ADD", container, name)
            if not self._target:
                self._target = address
                return
            answered = prober.until_answered(self._target)
            self.add.append(took)
            self.ping.append(answered - began)
        finally:
            prober.close()

    def clear(self) -> None:
        """Delete all pods, through the plugin and then by hand."""
        for container, name in self._made:
            with contextlib.suppress(RuntimeError):
                self._runtime.call("DEL", container, name)
            subprocess.run(["ip", "netns", "del", container], check=False)


async def _bind_pods(kubeconfig: str) -> float:
    """Create the bench's Pods, bound to the node; seconds from the first creation until the last has its address."""
    async with Kube.connect(kubeconfig, field_manager="bench") as kube, asyncio.TaskGroup() as group:
        await kube.create(resources.resource("crd.antrea.io", "v1beta1", "ippools", "IPPool", namespaced=False), _POOL)
        space = {"metadata": {"name": "bench", "annotations": {"ipam.antrea.io/ippools": "bench"}}}
        await kube.create(resources.NAMESPACES, space)
        informer = Informer(kube, resources.PODS, namespace="bench")
        follow = group.create_task(informer.run())
        await informer.synced()
        began = time.perf_counter()
        spec = {"nodeName": NODE, "containers": [{"name": "main", "image": "trunkline/echo"}]}
        names = [f"pod-{number:03d}" for number in range(PODS + 1)]
        pods = [{"metadata": {"name": name, "namespace": "bench"}, "spec": spec} for name in names]
        await asyncio.gather(*(kube.create(resources.PODS, pod) for pod in pods))
        await informer.wait_for(lambda found: len(found) > PODS and all(map(_attached, found.values())), 60)
        took = time.perf_counter() - began
        follow.cancel()
        return took


def _attached(pod: dict[str, Any]) -> bool:
    return attachment.ANNOTATION in (pod["metadata"].get("annotations") or {})


def _phases(log: str) -> list[list[str]]:
    """p50 and p99 of every phase of ADD, from the agent's log."""
    samples: dict[str, list[float]] = {}
    for line in log.splitlines():
        if "command=ADD" in line:
            for phase, value in re.findall(r"(\w+)_ms=([\d.]+)", line):
                samples.setdefault(phase, []).append(float(value) / 1000)
    rows = []
    for phase, values in samples.items():
        p50, p99 = statistics.milliseconds(values)
        rows.append([phase, f"{p50:.1f}", f"{p99:.1f}"])
    return rows


@contextlib.contextmanager
def _bridge_machine() -> Iterator[str]:
    """A namespace in which the bridge plugin may make its bridge, and where host-local keeps its files."""
    with namespaces.namespace(f"{PREFIX}-host") as host:
        yield host


def run() -> str:
    """Run the benchmark; a section for `bench/results.md`."""
    with labs.lab("bench-cni", "labs/bare-metal.yaml") as lab, _bridge_machine() as machine:
        os.kill(lab.processes[NODE, "kubelet"], signal.SIGKILL)  # this program is the runtime of that node
        bound = asyncio.run(_bind_pods(lab.environment["KUBECONFIG"]))
        settings = lab.agent_settings(NODE)
        (conflist,) = Path(settings["cni_conf_dir"]).glob("*.conflist")
        chain = json.loads(conflist.read_text())
        config = {"cniVersion": "1.0.0", "name": chain["name"], **chain["plugins"][0]}
        with tempfile.TemporaryDirectory() as scratch:
            bridge = {**_BRIDGE, "ipam": {**_BRIDGE["ipam"], "dataDir": scratch}}  # type: ignore[dict-item]
            ours = Side("trunkline", Runtime(machine, Path(settings["cni_bin_dir"], config["type"]), config))
            theirs = Side("bridge", Runtime(machine, Path("/usr/lib/cni/bridge"), bridge))
            try:
                for number in range(PODS + 1):
                    ours.pod(number)
                    theirs.pod(number)
                phases = _phases(lab.log(NODE, "agent"))
            finally:
                ours.clear()
                theirs.clear()
    return _report(ours, theirs, phases, bound)


def _report(ours: Side, theirs: Side, phases: list[list[str]], bound: float) -> str:
    rows = []
    for what, mine, reference in (("ADD", ours.add, theirs.add), ("ADD to first ping", ours.ping, theirs.ping)):
        a50, a99 = statistics.milliseconds(mine)
        b50, b99 = statistics.milliseconds(reference)
        rows.append([what, f"{a50:.1f} / {a99:.1f}", f"{b50:.1f} / {b99:.1f}", f"{a50 / b50:.2f} / {a99 / b99:.2f}"])
    header = ["milliseconds, p50 / p99", "trunkline (VLAN 19)", "bridge + host-local", "ratio"]
    return "\n\n".join(
        [
            "## CNI ADD to the first answered ping",
            f"{PODS} pods each, alternating; the ping goes to another pod of the same node.",
            statistics.table(header, rows),
            "Where the time of our ADD goes, as the agent measures it (phases may overlap; the program's own start and "
            "the process that calls it come on top):",
            statistics.table(["phase, milliseconds", "p50", "p99"], phases),
            f"Before that, outside the clock: {PODS + 1} Pods created at once and bound had their addresses claimed, "
            f"compiled and announced after {bound:.2f} s, {bound / (PODS + 1) * 1000:.1f} ms a pod.",
        ]
    )
