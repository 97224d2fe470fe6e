"""A cluster whose controller has a policy manager: both programs for real, the manager's network played by one that obeys."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from tests.controller.conftest import EXTERNAL_IP_POOLS, IP_POOLS, Cluster, Hand
from tests.policy import conftest as managers
from trunkline.adapters.kube.resources import Resource
from trunkline.dialects.nsx.realized import Realisation
from trunkline.policy.realise import lasting

database, served, Served = managers.database, managers.served, managers.Served

PARENTS = ("/infra/segments/nodes-a", "/infra/segments/nodes-b")
MAPS = "segment-connection-binding-maps"


class Network:
    """What the manager believes of its network: everything is realised, except what a test says of a path."""

    def __init__(self) -> None:
        self.states: dict[str, Realisation] = {}

    def realisation(self, path: str, revision: int) -> Realisation | None:
        return self.states.get(path, Realisation(state="REALIZED", revision=revision))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """In place before the manager starts."""
    found = Network()

    @contextlib.asynccontextmanager
    async def realising(*_: Any) -> AsyncIterator[Network]:
        yield found

    monkeypatch.setattr(lasting, "realising", realising)
    return found


class Fabric:
    """The manager, as its own administrator sees it."""

    def __init__(self, served: Served, http: httpx2.AsyncClient) -> None:
        self.served, self.http = served, http

    async def get(self, path: str) -> Any | None:
        answer = await self.http.get(path)
        return answer.json() if answer.status_code == 200 else None

    async def put(self, path: str, /, **body: Any) -> Any:
        answer = await self.http.put(path, content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def delete(self, path: str) -> None:
        answer = await self.http.delete(path)
        assert answer.status_code == 200, answer.text

    def audit(self) -> list[Any]:
        """Every attempt to change something."""
        return [msgspec.json.decode(line) for line in (self.served.home / "state/audit.log").read_bytes().splitlines()]

    async def everything(self) -> dict[str, Any]:
        """Every segment, port and binding, by path."""
        answer = await self.http.get("/search/query", params={"query": "resource_type:Segment*", "page_size": "1000"})
        return {each["path"]: each for each in answer.json()["results"]}

    async def bindings(self) -> dict[str, tuple[str, int]]:
        """Parent and tag of every binding, by path."""
        found = await self.everything()
        return {
            path: (each["segment_path"], each["vlan_traffic_tag"])
            for path, each in found.items()
            if each["resource_type"] == "SegmentConnectionBindingMap"
        }

    async def children(self) -> set[str]:
        """Ids of the segments that are nobody's parent in these tests."""
        found = await self.everything()
        return {
            each["id"] for path, each in found.items() if each["resource_type"] == "Segment" and path not in PARENTS
        }


@pytest.fixture
async def fabric(network: Network, served: Served) -> AsyncIterator[Fabric]:
    context = ssl.create_default_context(cafile=served.authority)
    headers = {"Content-Type": "application/json"}
    base = f"{served.url}/policy/api/v1"
    auth = ("admin", served.password)
    async with httpx2.AsyncClient(base_url=base, verify=context, auth=auth, headers=headers, trust_env=False) as http:
        found = Fabric(served, http)
        for parent in PARENTS:
            await found.put(parent)
        yield found


def policy_api(served: Served, parents: tuple[str, ...], **more: str) -> str:
    """The table of the controller's settings."""
    lines = {"url": served.url, "ca": served.authority, "user": "admin", "cluster": "blue"}
    lines |= {"password_file": str(served.home / "password"), **more}
    text = "".join(f'{name} = "{value}"\n' for name, value in lines.items())
    return f"[policy_api]\n{text}parents = {list(parents)}\nreobserve_seconds = 1.0\n"


class Joined:
    """A cluster joined to a fabric."""

    def __init__(self, cluster: Cluster, hand: Hand, fabric: Fabric) -> None:
        self.cluster, self.hand, self.fabric = cluster, hand, fabric

    async def configure(self, *parents: str, **more: str) -> None:
        """Restart the controller with these parents; return when its webhooks answer."""
        self.cluster.further_settings = policy_api(self.fabric.served, parents, **more)
        await self.restart()

    async def restart(self) -> None:
        """Kill -9 the controller and start another."""
        steps = self.cluster.log.count("in step")
        self.cluster.kill_controller()
        self.cluster.start_controller()
        for _ in range(400):
            if self.cluster.log.count("in step") > steps:
                return
            await asyncio.sleep(0.05)  # nothing tells of a log line
        raise AssertionError(self.cluster.log[-2000:])

    async def says(self, name: str, status: str, reason: str, *, kind: Resource = IP_POOLS) -> bool:
        """Whether the pool's condition has this status and reason."""
        found = await self.condition(name, kind=kind)
        return found is not None and (found["status"], found["reason"]) == (status, reason)

    async def condition(self, name: str, *, kind: Resource = IP_POOLS) -> Any | None:
        pool = await self.hand.kube.get(kind, name)
        found = (pool.get("status") or {}).get("conditions") or ()
        return next((each for each in found if each["type"] == "Attached"), None)


@pytest.fixture
async def joined(cluster: Cluster, hand: Hand, fabric: Fabric) -> AsyncIterator[Joined]:
    """Pools of a test go with it, while the manager's documents are emptied before the next one starts."""
    found = Joined(cluster, hand, fabric)
    await found.configure(PARENTS[0])
    yield found
    for kind in (IP_POOLS, EXTERNAL_IP_POOLS):
        pools, _ = await hand.kube.list(kind)
        for pool in pools:
            await hand.kube.delete(kind, pool["metadata"]["name"])
