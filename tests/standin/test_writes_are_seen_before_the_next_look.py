"""A controller of the stand-in goes on when its own write is in its memory, not when somebody else's is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from trunkline.adapters.kube import Informer, Kube, resources
from trunkline.standin import reconcile


class LateKube:
    """An API server whose watches bring each change a while after the one before."""

    def __init__(self, kube: Kube) -> None:
        self.list = kube.list
        self._kube = kube

    async def watch(self, *resource: Any, **more: Any) -> AsyncIterator[Any]:
        async for event in self._kube.watch(*resource, **more):
            await asyncio.sleep(0.3)
            yield event


async def test_given_a_write_of_somebody_else_before_ours_then_it_is_not_taken_for_ours(
    kube: Kube, namespace: str
) -> None:
    made = await kube.create(resources.CONFIG_MAPS, {"metadata": {"name": "a", "namespace": namespace}, "data": {}})
    informer = Informer(LateKube(kube), resources.CONFIG_MAPS, namespace=namespace)  # type: ignore[arg-type]
    following = asyncio.create_task(informer.run())
    await informer.synced()

    await kube.patch(resources.CONFIG_MAPS, "a", {"data": {"theirs": "1"}}, namespace)
    ours = reconcile.Patch(resources.CONFIG_MAPS, made, {"data": {"ours": "1"}})
    await reconcile.carry_out([ours], kube, {resources.CONFIG_MAPS: informer})

    assert informer.objects[f"{namespace}/a"]["data"] == {"theirs": "1", "ours": "1"}
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
