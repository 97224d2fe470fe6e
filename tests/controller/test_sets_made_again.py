"""A stateful set that was deleted and made again between two rounds is one change, and yet another set."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tests.adapters.conftest import Server, home, store_server
from tests.controller.test_pods_heard_of_too_early_wait import world
from tests.controller.test_reviews_wait_for_the_first_round import SETTINGS, SlowNorthbound
from tests.standin.conftest import Eventually, eventually
from trunkline.adapters import store as stores
from trunkline.adapters.kube.informer import Change
from trunkline.controller.inbox import Inbox
from trunkline.controller.reconcile import Reconciler
from trunkline.sync.outbox import Outbox

__all__ = ["eventually", "home", "store_server"]


def web(uid: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "web", "uid": uid}, "spec": {"replicas": 3}}


async def test_given_another_set_of_the_same_name_then_nothing_stays_kept_for_the_former(
    store_server: Server, eventually: Eventually
) -> None:
    heard, inbox, northbound = world(stateful_set=False), Inbox(), SlowNorthbound()
    northbound.done.set()
    heard.stateful_sets.take([Change("shop/web", None, web("first"))])
    async with stores.Store(store_server.remote, role="controller", holder="test") as store:
        await store.lead()
        reconciler = Reconciler(SETTINGS, heard, store, cast(Any, northbound), cast(Any, None), Outbox())
        running = asyncio.create_task(reconciler.run(inbox))

        def kept() -> list[tuple[str, str]]:
            return sorted(
                (str(each.address), each.stateful_set.uid) for each in reconciler.ledger.book if each.stateful_set
            )

        addresses = ["172.16.19.11", "172.16.19.12", "172.16.19.13"]
        await eventually(lambda: kept() == [(address, "first") for address in addresses])

        heard.stateful_sets.take([Change("shop/web", web("first"), web("second"))])
        inbox.work.stateful_sets.add("shop/web")
        inbox.ring()

        await eventually(lambda: kept() == [(address, "second") for address in addresses])
        assert len(reconciler.ledger.book) == 3
        running.cancel()
