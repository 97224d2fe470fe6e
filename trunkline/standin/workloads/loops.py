"""The workload controllers' loops: which change means which object must be looked at again."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from trunkline.adapters.kube import Informer, Kube, Resource, resources
from trunkline.kit import clock
from trunkline.standin.reconcile import Action, Loop, carry_out
from trunkline.standin.workloads import daemon_sets, deployments, node_ipam, pods, replica_sets, stateful_sets

Json = dict[str, Any]
Decide = Callable[[Json, Sequence[Json]], Sequence[Action]]


class Owned:
    """The objects of one informer by the UID of their controller, as of now."""

    def __init__(self, informer: Informer) -> None:
        self._changes = informer.subscribe()
        self._by_owner: dict[str, dict[str, Json]] = {}

    def of(self, owner: Json) -> list[Json]:
        """What this object controls."""
        for key, old, new in self._changes.take():
            if old and (uid := pods.controller_uid(old)):
                self._by_owner.get(uid, {}).pop(key, None)
                if not self._by_owner.get(uid):
                    self._by_owner.pop(uid, None)
            if new and (uid := pods.controller_uid(new)):
                self._by_owner.setdefault(uid, {})[key] = new
        return list(self._by_owner.get(owner["metadata"]["uid"], {}).values())


class OwnerController:
    """One kind of object that controls another: looks at an owner when it or one of its own changes."""

    def __init__(
        self, kube: Kube, informers: dict[Resource, Informer], owner: Resource, owned: Resource, decide: Decide
    ) -> None:
        self._kube = kube
        self._informers = informers
        self._owners = informers[owner]
        self._children = informers[owned]
        self._owned = Owned(informers[owned])
        self._decide = decide
        self.loop = Loop(owner.plural, self._look)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._owners.synced()
        await self._children.synced()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.loop.run())
            group.create_task(self._follow_owners())
            group.create_task(self._follow_children())

    def look_at_all(self) -> None:
        """Look at every owner again."""
        self.loop.name(self._owners.objects)

    async def _look(self, key: str) -> None:
        if owner := self._owners.objects.get(key):
            await carry_out(self._decide(owner, self._owned.of(owner)), self._kube, self._informers)

    async def _follow_owners(self) -> None:
        async for batch in self._owners.subscribe():
            self.loop.name(change.key for change in batch)

    async def _follow_children(self) -> None:
        """A changed child names its controller, which has the child's namespace and is known by name."""
        async for batch in self._children.subscribe():
            touched = {
                f"{obj['metadata']['namespace']}/{entry['name']}"
                for change in batch
                for obj in (change.old, change.new)
                if obj
                for entry in obj["metadata"].get("ownerReferences") or ()
                if entry.get("controller")
            }
            self.loop.name(touched & self._owners.objects.keys())


def workloads(kube: Kube, informers: dict[Resource, Informer]) -> list[OwnerController]:
    """The controllers of Deployments, ReplicaSets, StatefulSets and DaemonSets."""
    nodes = informers[resources.NODES]

    def daemons(daemon_set: Json, owned: Sequence[Json]) -> Sequence[Action]:
        return daemon_sets.decide(daemon_set, list(nodes.objects.values()), owned)

    def rollouts(deployment: Json, owned: Sequence[Json]) -> Sequence[Action]:
        return deployments.decide(deployment, owned, clock.rfc3339(clock.now()))

    kinds: list[tuple[Resource, Resource, Decide]] = [
        (resources.DEPLOYMENTS, resources.REPLICA_SETS, rollouts),
        (resources.REPLICA_SETS, resources.PODS, replica_sets.decide),
        (resources.STATEFUL_SETS, resources.PODS, stateful_sets.decide),
        (resources.DAEMON_SETS, resources.PODS, daemons),
    ]
    return [OwnerController(kube, informers, owner, owned, decide) for owner, owned, decide in kinds]


class NodeController:
    """What follows from nodes: their podCIDRs, and daemons on them."""

    def __init__(
        self,
        kube: Kube,
        informers: dict[Resource, Informer],
        daemons: OwnerController,
        cluster: ipaddress.IPv4Network,
        node_prefix: int,
    ) -> None:
        self._kube = kube
        self._informers = informers
        self._nodes = informers[resources.NODES]
        self._daemons = daemons
        self._cluster = cluster
        self._node_prefix = node_prefix
        self._loop = Loop("nodes", self._look)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop.run())
            async for _ in self._nodes.subscribe():
                self._loop.name(["all"])
                self._daemons.look_at_all()

    async def _look(self, _: str) -> None:
        actions = node_ipam.decide(self._nodes.objects.values(), self._cluster, self._node_prefix)
        await carry_out(actions, self._kube, self._informers)
