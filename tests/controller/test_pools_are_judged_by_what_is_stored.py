"""A pool is judged against the pools that are stored, whatever the controller's watch has brought of them so far."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import httpx2
import pytest

from tests.controller.conftest import EXTERNAL_IP_POOLS, IP_POOLS, Hand
from tests.controller.test_reviews_wait_for_the_first_round import POOL, SETTINGS, NoClaims
from trunkline.controller import webhooks
from trunkline.controller.ledger import Ledger
from trunkline.controller.world import World
from trunkline.dialects.antrea import crds
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.kit import problems

EXTERNAL = {
    "apiVersion": "crd.antrea.io/v1beta1",
    "kind": "ExternalIPPool",
    "metadata": {"name": "p"},
    "spec": {"ipRanges": [{"start": "172.16.19.50", "end": "172.16.19.60"}], "nodeSelector": {}},
}

Pools = Callable[[], Awaitable[list[AnyPool]]]


async def judged(path: str, pool: dict[str, Any], pools: Pools) -> httpx2.Response:
    """The answer of webhooks whose watches have brought nothing yet."""
    ledger = Ledger(cast(Any, NoClaims()))
    app = webhooks.application(SETTINGS, World("trunk"), lambda: ledger, pools)
    review = {"request": {"uid": "u", "name": "p", "operation": "CREATE", "object": pool}}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://webhooks") as http:
        return await http.post(path, json=review)


@pytest.fixture
async def stored(hand: Hand) -> AsyncIterator[Pools]:
    """The pools of an API server on which there is one of either kind."""
    await hand.pool("earlier", "172.16.19.40", "172.16.19.50")
    await hand.external_pool("earlier", "172.16.19.60", "172.16.19.70")
    yield functools.partial(webhooks.stored_pools, hand.kube, "trunk")
    await hand.kube.delete(IP_POOLS, "earlier")
    await hand.kube.delete(EXTERNAL_IP_POOLS, "earlier")


@pytest.mark.parametrize(
    ("path", "pool", "code"),
    [(crds.VALIDATE_PATH, POOL, "TRK-0320"), (crds.VALIDATE_EXTERNAL_PATH, EXTERNAL, "TRK-0328")],
)
async def test_given_a_stored_pool_that_no_watch_brought_then_one_with_its_address_is_refused(
    stored: Pools, path: str, pool: dict[str, Any], code: str
) -> None:
    answer = (await judged(path, pool, stored)).json()["response"]

    assert not answer["allowed"]
    assert code in answer["status"]["message"]


@pytest.mark.parametrize(("path", "pool"), [(crds.VALIDATE_PATH, POOL), (crds.VALIDATE_EXTERNAL_PATH, EXTERNAL)])
async def test_given_an_api_server_that_does_not_say_then_nothing_is_judged(path: str, pool: dict[str, Any]) -> None:
    async def unreachable() -> list[AnyPool]:
        raise problems.RemoteError(problems.Problem(code="TRK-0001", object="o", found="f", allowed="a"))

    answer = await judged(path, pool, unreachable)

    assert answer.status_code == 503
    assert "try again" in answer.text
