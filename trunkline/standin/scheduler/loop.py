"""The scheduler's loop: whenever pods or nodes change, place what waits.

A bind that the watch has not shown yet is remembered, so that a pod counts on its node from the moment it is placed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from trunkline.adapters.kube import Change, Informer, Kube, errors, resources
from trunkline.kit import clock, problems
from trunkline.standin.scheduler import decide, fit

Json = dict[str, Any]

_BINDS_AT_ONCE = 16
_PAUSE = 1.0  # seconds before a pod whose bind failed is tried again

_log = structlog.get_logger(__name__)


class Scheduler:
    """Places the pods that one informer shows on the nodes that another shows."""

    def __init__(self, kube: Kube, pods: Informer, nodes: Informer) -> None:
        self._kube = kube
        self._pods = pods
        self._nodes = nodes
        self._waiting: dict[str, Json] = {}
        self._assumed: dict[str, tuple[Json, str]] = {}
        self._told: dict[str, str] = {}
        self._again = asyncio.Event()
        self._turnstile = asyncio.Semaphore(_BINDS_AT_ONCE)

    async def run(self) -> None:
        """Place pods until cancelled."""
        await self._pods.synced()
        await self._nodes.synced()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_pods())
            group.create_task(self._follow_nodes())
            while True:
                await self._again.wait()
                self._again.clear()
                await self._place_all()

    async def _follow_pods(self) -> None:
        async for batch in self._pods.subscribe():
            for change in batch:
                self._note(change)
            self._again.set()

    async def _follow_nodes(self) -> None:
        async for _ in self._nodes.subscribe():
            self._again.set()

    def _note(self, change: Change) -> None:
        for gone in (change.old, change.new):
            if gone and (change.new is None or change.new["spec"].get("nodeName")):
                self._assumed.pop(gone["metadata"]["uid"], None)
                self._told.pop(gone["metadata"]["uid"], None)
        if change.new and decide.is_waiting(change.new):
            self._waiting[change.key] = change.new
        else:
            self._waiting.pop(change.key, None)

    async def _place_all(self) -> None:
        """One pass over everything that waits; binds run side by side, decisions one after the other."""
        todo = [pod for pod in self._waiting.values() if pod["metadata"]["uid"] not in self._assumed]
        if not todo:
            return
        cluster = fit.Cluster(self._nodes.objects.values(), self._pods.objects.values())
        for pod, node in self._assumed.values():
            cluster.add(pod, node)
        async with asyncio.TaskGroup() as group:
            for pod in todo:
                chosen, why = decide.place(pod, cluster)
                if chosen:
                    cluster.add(pod, chosen)
                    self._assumed[pod["metadata"]["uid"]] = (pod, chosen)
                    group.create_task(self._bind(pod, chosen))
                else:
                    group.create_task(self._explain(pod, why))

    async def _bind(self, pod: Json, node: str) -> None:
        meta = pod["metadata"]
        try:
            async with self._turnstile:
                await self._kube.bind(pod, node)
        except (errors.NotFound, errors.Conflict):  # gone or bound by now: the watch will say so
            self._assumed.pop(meta["uid"], None)
        except problems.RemoteError as error:
            _log.warning("pod not bound", pod=meta["name"], namespace=meta["namespace"], error=str(error))
            self._assumed.pop(meta["uid"], None)
            asyncio.get_running_loop().call_later(_PAUSE, self._again.set)

    async def _explain(self, pod: Json, why: str) -> None:
        """Say why a pod stays Pending, in an Event and in its condition, once per reason."""
        meta = pod["metadata"]
        if self._told.get(meta["uid"]) == why:
            return
        self._told[meta["uid"]] = why
        await self._kube.record(pod, reason="FailedScheduling", message=why, type="Warning", component=decide.SCHEDULER)
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": why,
            "lastTransitionTime": clock.rfc3339(clock.now()),
        }
        body = {"metadata": {"uid": meta["uid"]}, "status": {"conditions": [condition]}}
        where = (meta["name"], body, meta["namespace"])
        try:
            await self._kube.patch(resources.PODS, *where, kind="strategic", subresource="status")
        except problems.RemoteError as error:
            _log.info("pod condition not written", pod=meta["name"], error=str(error))
