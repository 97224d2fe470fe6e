"""The loop: take what changed, decide, make claims durable, write rows, give back, tell.

The order within a round is what keeps addresses safe whenever the program dies:

1. claims are durable before a row or a note mentions the address;
2. rows are written before the pod's node is told;
3. the row of a pod that is gone is removed before its address is given back.

Nothing is remembered that cannot be found again: after a restart one round over everything reaches the same state, and
writes nothing if nothing changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import structlog

from trunkline import ovn
from trunkline.adapters import store as stores
from trunkline.adapters.kube import Kube
from trunkline.controller import decisions, networks
from trunkline.controller.decisions import Decision
from trunkline.controller.inbox import Inbox, Work
from trunkline.controller.ledger import Contested, Ledger
from trunkline.controller.publishing import Further, Publisher, nothing_further
from trunkline.controller.settings import Settings
from trunkline.controller.world import World
from trunkline.dialects.antrea import annotations as pool_annotations
from trunkline.dialects.antrea import status
from trunkline.dialects.kubernetes import objects
from trunkline.intent import model
from trunkline.ipam import release
from trunkline.ipam.leases import Lease, LeaseChange, Update
from trunkline.ipam.reserve import reserve
from trunkline.kit.ids import NetworkId
from trunkline.sync.northbound import Northbound
from trunkline.sync.outbox import Outbox

_log = structlog.get_logger(__name__)


class Reconciler:
    """Keeps claims, northbound rows and notes what the cluster's objects say."""

    def __init__(
        self,
        settings: Settings,
        world: World,
        store: stores.Store,
        northbound: Northbound,
        kube: Kube,
        outbox: Outbox,
        further: Further = nothing_further,
    ) -> None:
        self._in_step = False
        self._settings = settings
        self._world = world
        self._northbound = northbound
        self.ledger = Ledger(store)
        self.publisher = Publisher(kube, outbox, world, lambda: self.ledger, further)
        self._networks: dict[tuple[str, str], model.Object] = {}
        self._handled: dict[str, objects.Pod] = {}  # pods whose port is in the northbound rows, by key
        self._waiting: set[str] = set()  # pods that were refused, by key
        self._early: set[str] = set()  # pods whose namespace or stateful set has not been heard of, by key
        self._unreserved: set[str] = set()  # stateful sets whose namespace or pools are not there yet, by key

    def settled_ledger(self) -> Ledger | None:
        """The ledger, once the first round is through; None while the cluster is not yet known whole."""
        return self.ledger if self._in_step else None

    async def run(self, inbox: Inbox) -> None:
        """First everything, then what changes, for ever."""
        await self._first()
        while True:
            work = await inbox.take()
            try:
                await self._round(work)
            except Contested:
                inbox.work.pods |= work.pods | self._world.pods.keys()
                inbox.work.pools |= work.pools
                inbox.work.external_pools |= work.external_pools
                inbox.work.nodes |= work.nodes
                inbox.work.stateful_sets |= work.stateful_sets
                inbox.ring()

    async def _first(self) -> None:
        """One round over everything; rows of pods that are gone go with it, then their addresses."""
        while True:
            try:
                await self._reserve(self._world.stateful_sets.keys())
                decided = await self._decide(sorted(self._world.pods.keys()))
                break
            except Contested:
                continue
        self._networks = self._desired_networks()
        ports = [port for decision in decided if (port := decisions.port(decision, self._world))]
        self._northbound.replace(model.Intent.of((*self._networks.values(), *ports)))
        await self._northbound.written()
        living = {pod.uid for pod in self._world.pods if decisions.concerns_us(pod)}
        sets = {each.uid for each in self._world.stateful_sets}
        await self._give_back(release.orphans(self.ledger.book, living, sets))
        self._tell(decided)
        for name in sorted(self._world.pools.keys()):
            self.publisher.pool_status(name)
        for name in sorted(self._world.external_pools.keys()):
            self.publisher.external_pool_status(name)
        for name in sorted(self._world.nodes.keys()):
            self._tell_node(name)
        self._in_step = True
        _log.info("in step", pods=len(self._handled), waiting=len(self._waiting), addresses=len(self.ledger.book))

    async def _round(self, work: Work) -> None:
        """Deal with what changed."""
        if work.waiting or work.pools:
            work.stateful_sets |= self._unreserved
        freed = await self._give_back(self._without_sets(work.stateful_sets))
        await self._reserve(work.stateful_sets)
        if work.waiting or work.stateful_sets:
            work.pods |= self._early
        if work.waiting or work.pools or work.nodes:
            work.pods |= self._waiting
        keys = sorted(work.pods)
        gone = {key: pod for key in keys if (pod := self._handled.get(key)) and not self._same(pod)}
        decided = await self._decide(keys)
        await self._write_rows(work, decided, gone.values())
        for key, pod in gone.items():
            if self._handled.get(key) == pod:
                del self._handled[key]
        freed |= await self._give_back(self._without_pods(gone.values()))
        self._tell(decided)
        for key in gone.keys() - self._world.pods.keys():
            self.publisher.forget_pod(key)
        for name in work.nodes:
            self._tell_node(name)
        for name in work.pools:
            self.publisher.pool_status(name)
        for name in work.external_pools:
            self.publisher.external_pool_status(name)
        if freed and self._waiting:
            await self._round(Work(pods=set(self._waiting)))

    def _same(self, pod: objects.Pod) -> bool:
        """Whether the pod we know under its key is still the one that is there, and still uses its address."""
        current = self._world.pods.get(_key(pod))
        return current is not None and current.uid == pod.uid and decisions.concerns_us(current)

    async def _decide(self, keys: Iterable[str]) -> list[Decision]:
        """Decide about the pods under these keys that concern us; their claims are durable afterwards.

        Raises:
            Contested: somebody else wrote claims; nothing was committed.
        """
        decided: list[Decision] = []
        changes: list[LeaseChange] = []
        for key in keys:
            pod = self._world.pods.get(key)
            self._waiting.discard(key)
            self._early.discard(key)
            if pod is None or not decisions.concerns_us(pod):
                continue
            decision = decisions.decide(pod, self._world, self.ledger.book)
            self.ledger.enter(decision.changes)
            changes += decision.changes
            decided.append(decision)
            if decision.leases:
                self._handled[key] = pod
            elif decision.problems:
                self._waiting.add(key)
            elif decision.too_early:
                self._early.add(key)
        await self.ledger.commit(changes)
        return decided

    async def _write_rows(self, work: Work, decided: Iterable[Decision], gone: Iterable[objects.Pod]) -> None:
        changed: list[model.Object] = []
        removed = [ovn.ObjectKey(model.Port.__name__, pod.port) for pod in gone]
        if work.pools or work.nodes:
            before, self._networks = self._networks, self._desired_networks()
            changed += [item for key, item in self._networks.items() if before.get(key) != item]
            removed += [ovn.ObjectKey(*key) for key in before.keys() - self._networks.keys()]
        changed += [port for decision in decided if (port := decisions.port(decision, self._world))]
        if changed or removed:
            await self._northbound.written(self._northbound.apply(changed, removed))

    @property
    def networks_in_use(self) -> set[NetworkId]:
        """The networks that addresses are leased on."""
        return {lease.network for lease in self.ledger.book}

    def _desired_networks(self) -> dict[tuple[str, str], model.Object]:
        return networks.desired(
            self._world,
            self.networks_in_use,
            physical_network=self._settings.physical_network,
            mtu=self._settings.pod_mtu,
            overlay_mtu=self._settings.overlay_mtu,
        )

    async def _reserve(self, keys: Iterable[str]) -> None:
        """Keep addresses for stateful sets that are new."""
        for key in sorted(keys):
            self._unreserved.discard(key)
            if (found := self._world.stateful_sets.get(key)) is not None:
                namespace = self._world.namespaces.get(found.namespace)
                pools = pool_annotations.reservation(found, namespace, self._world.pools.by_key())
                if pools is None:
                    self._unreserved.add(key)
                    continue
                changes = reserve(self.ledger.book, pools, found.first_place, found.replicas)
                self.ledger.enter(changes)
                await self.ledger.commit(changes)
                self._publish_pools(changes)

    def _without_sets(self, keys: Iterable[str]) -> Iterator[LeaseChange]:
        """Drop what is kept for sets that are gone, also when another one has their name already."""
        for key in keys:
            namespace, _, name = key.partition("/")
            found = self._world.stateful_sets.get(key)
            yield from release.stateful_set_gone(self.ledger.book, namespace, name, found.uid if found else "")

    def _without_pods(self, pods: Iterable[objects.Pod]) -> Iterator[LeaseChange]:
        for pod in pods:
            yield from release.pod_gone(self.ledger.book, pod.uid)

    async def _give_back(self, changes: Iterable[LeaseChange]) -> bool:
        """Carry out releases; True if there were any."""
        changes = list(changes)
        self.ledger.enter(changes)
        await self.ledger.commit(changes)
        self._publish_pools(changes)
        return bool(changes)

    def _tell(self, decided: Iterable[Decision]) -> None:
        for decision in decided:
            key = _key(decision.pod)
            mtu, overlay_mtu = self._settings.pod_mtu, self._settings.overlay_mtu
            if (note := decisions.note(decision, self._world, mtu=mtu, overlay_mtu=overlay_mtu)) is not None:
                self.publisher.pod_note(key, note)
            self._publish_pools(decision.changes)
            for problem in decision.problems:
                self.publisher.pod_event(key, status.refused(problem))
            if decision.changes:
                for warning in decision.warnings:
                    self.publisher.pod_event(key, status.warned(warning))
                for lease in decision.leases:
                    if (pool := self._world.pools.get(lease.pool)) is not None:
                        self.publisher.pod_event(key, status.granted(pool, lease))

    def _tell_node(self, name: str) -> None:
        node = self._world.nodes.get(name)
        note = networks.node_note(node, self._settings.cluster_cidr, self._settings.overlay_mtu) if node else None
        if note is not None:
            self.publisher.node_note(name, note)

    def _publish_pools(self, changes: Iterable[LeaseChange]) -> None:
        for name in {_lease(change).pool for change in changes}:
            if self._world.pools.get(name) is not None:
                self.publisher.pool_status(name)


def _key(pod: objects.Pod) -> str:
    return f"{pod.namespace}/{pod.name}"


def _lease(change: LeaseChange) -> Lease:
    return change.after if isinstance(change, Update) else change.lease
