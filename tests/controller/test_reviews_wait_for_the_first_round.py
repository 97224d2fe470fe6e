"""Until the controller knows the whole cluster, it judges nothing and is not ready."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any, cast

import httpx2

from trunkline.controller import webhooks
from trunkline.controller.inbox import Inbox
from trunkline.controller.reconcile import Reconciler
from trunkline.controller.settings import Settings
from trunkline.controller.world import World
from trunkline.dialects.antrea import crds
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.sync.outbox import Outbox

SETTINGS = Settings(
    kubeconfig="",
    store="",
    northbound="",
    cluster_cidr=ipaddress.ip_network("10.244.0.0/16"),
    service_cidr=ipaddress.ip_network("10.96.0.0/12"),
)
POOL = {
    "apiVersion": "crd.antrea.io/v1beta1",
    "kind": "IPPool",
    "metadata": {"name": "p"},
    "spec": {
        "ipRanges": [{"start": "172.16.19.11", "end": "172.16.19.50"}],
        "subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 19},
    },
}
REVIEW = {"request": {"uid": "u", "name": "p", "operation": "CREATE", "object": POOL}}


class NoClaims:
    """A store in which nobody has claimed anything."""

    def claims(self, prefix: str) -> Sequence[Any]:
        return ()


class SlowNorthbound:
    """Rows that are written when the test says so."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    def replace(self, intent: Any) -> int:
        return 1

    async def written(self, revision: int | None = None) -> None:
        await self.done.wait()


async def no_pools() -> list[AnyPool]:
    return []


async def test_given_a_first_round_under_way_then_reviews_have_to_wait_for_its_end() -> None:
    world, northbound = World("trunk"), SlowNorthbound()
    reconciler = Reconciler(SETTINGS, world, cast(Any, NoClaims()), cast(Any, northbound), cast(Any, None), Outbox())
    app = webhooks.application(SETTINGS, world, reconciler.settled_ledger, no_pools)
    transport = httpx2.ASGITransport(app=app)
    running = asyncio.create_task(reconciler.run(Inbox()))
    async with httpx2.AsyncClient(transport=transport, base_url="https://webhooks") as http:
        await asyncio.sleep(0)

        assert (await http.get("/readyz")).status_code == 503
        assert (await http.post(crds.VALIDATE_PATH, json=REVIEW)).status_code == 503

        northbound.done.set()
        while reconciler.settled_ledger() is None:  # noqa: ASYNC110 (a few turns of the loop; nothing tells)
            await asyncio.sleep(0)

        assert (await http.get("/readyz")).status_code == 200
        assert (await http.post(crds.VALIDATE_PATH, json=REVIEW)).json()["response"]["allowed"]
    running.cancel()
