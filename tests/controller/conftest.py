"""A cluster without nodes: real API server, real databases, real northd, and the controller as a process that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.conftest import Central
from tests.standin.conftest import ApiServer, eventually  # noqa: F401  (fixture)
from trunkline.adapters import store
from trunkline.adapters.kube import Kube, errors, resources
from trunkline.intent import attachment
from trunkline.ipam import leases
from trunkline.lab import credentials

IP_POOLS = resources.resource("crd.antrea.io", "v1beta1", "ippools", "IPPool", namespaced=False)
EXTERNAL_IP_POOLS = resources.resource(
    "crd.antrea.io", "v1beta1", "externalippools", "ExternalIPPool", namespaced=False
)
OLD_IP_POOLS = resources.resource("crd.antrea.io", "v1alpha2", "ippools", "IPPool", namespaced=False)


class Cluster:
    """Everything a controller needs, and the controller."""

    def __init__(self, home: Path, api_home: Path) -> None:
        self.api = ApiServer(api_home)
        self.central = Central(home)
        self._home = home
        self.controller: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        self._controllers: list[subprocess.Popen[bytes]] = []
        self.further_settings = ""

    def start(self) -> None:
        self.api.start()
        self.central.start_northd(["node-1", "node-2"])
        self.start_controller()

    @property
    def store(self) -> str:
        return self.api.store.remote

    @property
    def log(self) -> str:
        return (self._home / "controller.log").read_text()

    def start_controller(self) -> None:
        """Start a controller; one that still runs goes on beside it, until it is fenced."""
        kubeconfig = self.api.kubeconfig(credentials.controller(self.api.authority))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (self._home / "controller.toml").write_text(
            f'kubeconfig = "{kubeconfig}"\nstore = "{self.store}"\nnorthbound = "{self.central.remote("nb")}"\n'
            'cluster_cidr = "10.244.0.0/16"\nservice_cidr = "10.96.0.0/12"\n'
            f'webhook_listen = "127.0.0.1:{port}"\nwebhook_url = "https://127.0.0.1:{port}"\n' + self.further_settings
        )
        program = [sys.executable, "-m", "trunkline.cli.main", "controller", f"--config={self._home}/controller.toml"]
        with (self._home / "controller.log").open("ab") as log:
            self.controller = subprocess.Popen(program, stdout=log, stderr=log)
        self._started.append(self.controller)
        self._controllers.append(self.controller)

    def kill_controller(self) -> None:
        assert self.controller is not None
        self.controller.kill()
        self.controller.wait()

    def stop(self) -> None:
        for controller in self._controllers:
            controller.kill()
            controller.wait()
        self.api.stop()
        self.central.stop()

    async def leases(self) -> list[leases.Lease]:
        """Every address claim there is."""
        async with store.Store(self.store) as found:
            return [leases.decode(claim.body) for claim in found.claims(leases.PREFIX)]

    def ports(self) -> dict[str, list[str]]:
        """Pods' logical ports in the northbound database: name to addresses."""
        text = self.central.nbctl("--format=json", "--columns=name,addresses", "list", "Logical_Switch_Port")
        rows = dict(json.loads(text)["data"])
        return {
            name: addresses if isinstance(addresses, list) else [addresses]
            for name, addresses in rows.items()
            if name.count("/") == 2 and ":" not in name
        }


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with support.short_home("controller") as home, support.short_home("api") as api_home:
        found = Cluster(home, api_home)
        try:
            found.start()
            yield found
        finally:
            found.stop()


class Hand:
    """A person with kubectl, in short words."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube

    async def pool(self, name: str, first: str, last: str, *, vlan: int = 19, gateway: str = "172.16.19.254") -> Any:
        spec = {
            "ipRanges": [{"start": first, "end": last}],
            "subnetInfo": {"gateway": gateway, "prefixLength": 24, "vlan": vlan},
        }
        return await self.kube.create(IP_POOLS, {"metadata": {"name": name}, "spec": spec})

    async def external_pool(self, name: str, first: str, last: str, **subnet: Any) -> Any:
        spec = {"ipRanges": [{"start": first, "end": last}], "nodeSelector": {}}
        if subnet:
            spec["subnetInfo"] = {"prefixLength": 24, **subnet}
        return await self.kube.create(EXTERNAL_IP_POOLS, {"metadata": {"name": name}, "spec": spec})

    async def namespace(self, name: str, **annotations: str) -> None:
        await self.kube.create(resources.NAMESPACES, {"metadata": {"name": name, "annotations": _keys(annotations)}})

    async def pod(self, namespace: str, name: str, node: str = "node-1", **annotations: str) -> Any:
        metadata = {"name": name, "namespace": namespace, "annotations": _keys(annotations)}
        spec = {"nodeName": node, "containers": [{"name": "main", "image": "trunkline/echo"}]}
        return await self.kube.create(resources.PODS, {"metadata": metadata, "spec": spec})

    async def remove_pod(self, namespace: str, name: str) -> None:
        with contextlib.suppress(errors.NotFound):
            await self.kube.delete(resources.PODS, name, namespace, grace_seconds=0)

    async def note(self, namespace: str, name: str) -> attachment.Attachment | None:
        """What the controller has told the pod's node."""
        found = await self.kube.get(resources.PODS, name, namespace)
        text = (found["metadata"].get("annotations") or {}).get(attachment.ANNOTATION)
        return attachment.decode(text) if text else None

    async def address(self, namespace: str, name: str) -> str | None:
        """The address in the note, if there is one."""
        note = await self.note(namespace, name)
        return str(note.addresses[0].ip) if note and note.addresses else None

    async def events(self, namespace: str, name: str) -> list[str]:
        """The messages of a pod's Events."""
        found, _ = await self.kube.list(resources.EVENTS, namespace, field_selector=f"involvedObject.name={name}")
        return [event["message"] for event in found]


def _keys(annotations: dict[str, str]) -> dict[str, str]:
    names = {"pools": "ipam.antrea.io/ippools", "addresses": "ipam.antrea.io/pod-ips"}
    return {names[key]: value for key, value in annotations.items()}


@pytest.fixture
async def hand(cluster: Cluster) -> AsyncIterator[Hand]:
    async with Kube.connect(cluster.api.kubeconfig(), field_manager="tests") as kube:
        async with asyncio.timeout(30):
            while "in step" not in cluster.log:  # noqa: ASYNC110 (it registers IPPool, and judges none before; no event tells)
                await asyncio.sleep(0.05)
        for number, node in enumerate(("node-1", "node-2")):
            with contextlib.suppress(errors.AlreadyExists):
                spec = {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]}
                await kube.create(resources.NODES, {"metadata": {"name": node}, "spec": spec})
        yield Hand(kube)
