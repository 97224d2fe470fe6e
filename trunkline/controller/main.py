"""The cluster half's control program: connects everything, and ends as one when any part cannot go on."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable

from trunkline.adapters import ovsdb
from trunkline.adapters import store as stores
from trunkline.adapters.kube import Informer, Kube, resources
from trunkline.adapters.kube.informer import Change
from trunkline.controller import certificates, publishing, registration, webhooks
from trunkline.controller.inbox import Inbox
from trunkline.controller.reconcile import Reconciler
from trunkline.controller.segments.board import Board
from trunkline.controller.segments.loop import Segments
from trunkline.controller.settings import Settings
from trunkline.controller.world import World
from trunkline.kit import clock, problems
from trunkline.sync.northbound import Northbound
from trunkline.sync.outbox import Outbox

_RETRY_SECONDS = 0.2
"""How often an API server that does not answer at the start is asked again (chosen: a lab starts both at once)."""


async def run(settings: Settings) -> None:
    """Control the cluster until cancelled.

    Raises:
        IntentError: the settings contradict themselves.
        RemoteError: the databases are gone for good, or another controller has taken over.
    """
    policy_api = settings.policy_api.checked() if settings.policy_api else None
    world = World(settings.physical_network)
    async with (
        Kube.connect(settings.kubeconfig, field_manager=publishing.COMPONENT) as kube,
        stores.Store(settings.store, role="controller", holder=settings.holder) as store,
        ovsdb.Client(settings.northbound, "OVN_Northbound") as client,
        asyncio.TaskGroup() as group,
    ):
        await store.lead()
        northbound, outbox = Northbound(client), Outbox()
        await northbound.start()
        board = Board()
        further = board.conditions if policy_api else publishing.nothing_further
        reconciler = Reconciler(settings, world, store, northbound, kube, outbox, further)

        certificate, key = certificates.self_signed(settings.webhook_url, clock.now())
        pools = functools.partial(webhooks.stored_pools, kube, settings.physical_network)
        app = webhooks.application(settings, world, reconciler.settled_ledger, pools)
        group.create_task(webhooks.serve(app, settings.webhook_listen, certificates.server_context(certificate, key)))
        await _until_reached(lambda: registration.register(kube, url=settings.webhook_url, ca=certificate))

        inbox, attachable_changed = Inbox(), asyncio.Event()
        await _follow(group, kube, world, inbox, attachable_changed)
        group.create_task(northbound.run())
        group.create_task(outbox.run())
        group.create_task(reconciler.run(inbox))
        if policy_api:
            segments = Segments(
                policy_api, world, reconciler.publisher, board, attachable_changed, lambda: reconciler.networks_in_use
            )
            group.create_task(segments.run())


async def _until_reached(call: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await call()
            return
        except problems.RemoteError:
            await asyncio.sleep(_RETRY_SECONDS)


async def _follow(
    group: asyncio.TaskGroup, kube: Kube, world: World, inbox: Inbox, attachable_changed: asyncio.Event
) -> None:
    """Begin to follow every kind; return when the world holds everything that is there now."""

    def pods(changes: Iterable[Change]) -> None:
        inbox.work.pods |= world.pods.take(changes)

    def namespaces(changes: Iterable[Change]) -> None:
        if world.namespaces.take(changes):  # its annotation matters to pods that wait; others keep what they have
            inbox.work.waiting = True

    def nodes(changes: Iterable[Change]) -> None:
        if changed := world.nodes.take(changes):
            inbox.work.nodes |= changed
            attachable_changed.set()

    def pools(changes: Iterable[Change]) -> None:
        if changed := world.pools.take(changes):
            inbox.work.pools |= changed
            attachable_changed.set()

    def external_pools(changes: Iterable[Change]) -> None:
        if changed := world.external_pools.take(changes):
            inbox.work.external_pools |= changed
            attachable_changed.set()

    def stateful_sets(changes: Iterable[Change]) -> None:
        inbox.work.stateful_sets |= world.stateful_sets.take(changes)

    followers = {
        resources.NAMESPACES: namespaces,
        resources.NODES: nodes,
        publishing.IP_POOLS: pools,
        publishing.EXTERNAL_IP_POOLS: external_pools,
        resources.STATEFUL_SETS: stateful_sets,
        resources.PODS: pods,
    }
    first = []
    for resource, take in followers.items():
        informer = Informer(kube, resource)
        group.create_task(informer.run())
        loaded = asyncio.Event()
        group.create_task(_pump(informer, take, inbox, loaded))
        first.append(loaded.wait())
    await asyncio.gather(*first)


async def _pump(
    informer: Informer, take: Callable[[Iterable[Change]], None], inbox: Inbox, loaded: asyncio.Event
) -> None:
    async for batch in informer.subscribe():
        take(batch)
        loaded.set()
        inbox.ring()
