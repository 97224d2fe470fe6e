"""The kubelet's own object: a Node that is Ready while pods can be given a network, and a Lease that says we live.

The CNI folder is watched (inotify), so a node becomes Ready the moment its agent has put the configuration there.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from trunkline.adapters.kube import Kube, errors, resources
from trunkline.kit import clock, problems
from trunkline.standin.kubelet import cni, namespaces
from trunkline.standin.kubelet.settings import Settings

Json = dict[str, Any]

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS, RENEW_SECONDS = 40, 10.0  # Kubernetes' defaults
_IN_CREATE, _IN_DELETE, _IN_MOVED, _IN_CLOSE_WRITE, _IN_CLOEXEC = 0x100, 0x200, 0xC0, 0x8, 0x80000  # linux/inotify.h

_log = structlog.get_logger(__name__)


def node(settings: Settings, machine: Json) -> Json:
    """The Node as it is registered; `machine` is `describe_machine()`.  Pure."""
    labels = {
        "kubernetes.io/hostname": settings.node,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine["nodeInfo"]["architecture"],
    }
    return {"metadata": {"name": settings.node, "labels": labels | settings.labels}, "spec": {}}


def status(settings: Settings, machine: Json, before: Json, *, not_ready: str, now: str) -> Json:
    """The Node's status; `not_ready` is why pods cannot be had ("" when they can), `before` the status so far.  Pure."""
    resources_ = {**machine["resources"], "pods": str(settings.pods)}
    ready = ("False", "KubeletNotReady", not_ready) if not_ready else ("True", "KubeletReady", "kubelet is ready")
    known = {entry["type"]: entry for entry in before.get("conditions") or ()}
    return {
        "addresses": [
            {"type": "InternalIP", "address": str(settings.internal_ip)},
            {"type": "Hostname", "address": settings.node},
        ],
        "capacity": resources_,
        "allocatable": resources_,
        "nodeInfo": machine["nodeInfo"],
        "conditions": [
            _condition(known, "MemoryPressure", ("False", "KubeletHasSufficientMemory", "memory is not watched"), now),
            _condition(known, "DiskPressure", ("False", "KubeletHasNoDiskPressure", "disk is not watched"), now),
            _condition(known, "PIDPressure", ("False", "KubeletHasSufficientPID", "pids are not watched"), now),
            _condition(known, "Ready", ready, now),
        ],
    }


def describe_machine() -> Json:
    """Capacity and `nodeInfo` of the machine we run on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    machine_id = Path("/etc/machine-id")
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "resources": {"cpu": str(os.cpu_count() or 1), "memory": f"{memory}Ki"},
        "nodeInfo": {
            "architecture": architecture,
            "bootID": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "containerRuntimeVersion": "trunkline://0.1.0",
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.32.0-trunkline",
            "machineID": machine_id.read_text().strip() if machine_id.exists() else "",
            "operatingSystem": "linux",
            "osImage": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
            "systemUUID": "",
        },
    }


class NodeKeeper:
    """Keeps the Node and its Lease; `on_network` is called when the CNI configuration has changed."""

    def __init__(self, settings: Settings, kube: Kube, on_network: Callable[[], None]) -> None:
        self._settings = settings
        self._kube = kube
        self._on_network = on_network
        self._machine = describe_machine()
        self._status: Json = {}

    async def run(self) -> None:
        """Register, then keep Node and Lease until cancelled."""
        changed = asyncio.Event()
        with _FolderWatch(self._settings.cni_conf_dir, changed.set):
            await self._insist(self._register)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew())
                group.create_task(self._follow(changed))

    async def _follow(self, changed: asyncio.Event) -> None:
        while True:
            await self._insist(self._write_status)
            await changed.wait()
            changed.clear()
            self._on_network()

    async def _register(self) -> None:
        wanted = node(self._settings, self._machine)
        try:
            found = await self._kube.create(resources.NODES, wanted)
        except errors.AlreadyExists:
            labels = {"metadata": {"labels": wanted["metadata"]["labels"]}}
            found = await self._kube.patch(resources.NODES, self._settings.node, labels)
        self._status = found.get("status") or {}

    async def _write_status(self) -> None:
        not_ready = ""
        try:
            cni.load(self._settings.cni_conf_dir)
        except cni.PluginError as error:
            not_ready = (
                f"container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:{error}"
            )
        now = clock.rfc3339(clock.now())
        self._status = status(self._settings, self._machine, self._status, not_ready=not_ready, now=now)
        body = {"status": self._status}
        try:
            await self._kube.patch(resources.NODES, self._settings.node, body, kind="strategic", subresource="status")
        except errors.NotFound:  # somebody deleted our Node: a living kubelet comes back
            await self._register()
            await self._kube.patch(resources.NODES, self._settings.node, body, kind="strategic", subresource="status")

    async def _renew(self) -> None:
        while True:
            await self._insist(self._write_lease)
            await asyncio.sleep(RENEW_SECONDS)

    async def _write_lease(self) -> None:
        name = self._settings.node
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": _micro_time(clock.now())}
        try:
            await self._kube.patch(resources.LEASES, name, {"spec": spec}, LEASE_NAMESPACE)
        except errors.NotFound:
            meta = {"name": name, "namespace": LEASE_NAMESPACE}
            await self._kube.create(resources.LEASES, {"metadata": meta, "spec": spec})

    async def _insist(self, step: Callable[[], Any]) -> None:
        while True:
            try:
                await step()
                return
            except problems.RemoteError as error:
                _log.warning("node not kept", node=self._settings.node, error=str(error))
                await asyncio.sleep(1.0)


class _FolderWatch:
    """Calls back when files come to, go from or change in a folder (made if it is not there)."""

    def __init__(self, folder: str, call: Callable[[], None]) -> None:
        self._folder = Path(folder)
        self._call = call

    def __enter__(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = libc.inotify_init1(os.O_NONBLOCK | _IN_CLOEXEC)
        mask = _IN_CREATE | _IN_DELETE | _IN_MOVED | _IN_CLOSE_WRITE
        namespaces.check("inotify_add_watch", self._descriptor, str(self._folder).encode(), mask)
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        os.read(self._descriptor, 65536)
        self._call()


def _condition(known: dict[str, Json], kind: str, answer: tuple[str, str, str], now: str) -> Json:
    state, reason, message = answer
    before = known.get(kind, {})
    since = before.get("lastTransitionTime") if before.get("status") == state else None
    return {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": since or now,
    }


def _micro_time(moment: datetime) -> str:
    """Microseconds, as Kubernetes' MicroTime prints them."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
