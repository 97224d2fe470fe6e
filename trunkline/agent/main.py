"""The node agent, from settings to a node that container runtimes may call, or to a hypervisor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import prometheus_client
import structlog

from trunkline.adapters.kube import resources
from trunkline.adapters.kube.client import Kube
from trunkline.adapters.kube.informer import Informer
from trunkline.adapters.netlink import datapath, namespace, seclusion
from trunkline.adapters.ovs import switch
from trunkline.adapters.ovs.switch import Switch
from trunkline.agent import discovering, errands, install, keeper, tallying, trial
from trunkline.agent.arrivals import Arrivals
from trunkline.agent.attachments import AttachmentSource, KubeAttachments
from trunkline.agent.berths import Berths
from trunkline.agent.forgetting import Forgetting
from trunkline.agent.guard import Guard
from trunkline.agent.keeper import Keeper
from trunkline.agent.localnets import Localnets
from trunkline.agent.monitoring import Monitoring
from trunkline.agent.ports import Ports
from trunkline.agent.preparer import Preparer
from trunkline.agent.server import Server
from trunkline.agent.settings import Settings
from trunkline.agent.trial import Trial

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Serve until cancelled.

    Raises:
        IntentError: the settings cannot be used.
    """
    if settings.role == "hypervisor":
        await keep(settings)
        return
    async with Kube.connect(settings.kubeconfig, field_manager="trunkline-agent") as kube:
        pods = Informer(kube, resources.PODS, field_selector=f"spec.nodeName={settings.node}")
        nodes = Informer(kube, resources.NODES, field_selector=f"metadata.name={settings.node}")
        async with _background(pods.run(), nodes.run()):
            await serve(settings, KubeAttachments(pods, nodes))


async def serve(settings: Settings, source: AttachmentSource) -> None:
    """Keep a node in shape and serve its runtimes until cancelled, with pods' attachments from `source`."""
    async with _keeper(settings) as (kept, node_switch, kind):
        await Agent(settings, source, node_switch, kept, kind).run()


async def keep(settings: Settings) -> None:
    """Keep a hypervisor in shape until cancelled; who plugs machines into its integration bridge is not our business."""
    async with _keeper(settings) as (kept, own_switch, kind):
        with kept.watch():
            await kept.bring_up()
            _log.info("ready", hypervisor=settings.node)
            async with _background(*_beside(settings, own_switch, kind)):
                await kept.keep()


def _beside(settings: Settings, own_switch: Switch, kind: str) -> list[Coroutine[Any, Any, None]]:
    """What goes on beside the shape: for ways out, for a datapath that caches too long, for a policy manager."""
    work = [Arrivals(own_switch, bridge=settings.integration_bridge).run()]
    work += [Forgetting(settings).run()] if kind == "netdev" else []
    if manager := settings.manager:
        monitoring = Monitoring(own_switch, settings, kind)
        work += [monitoring.run(), errands.run(settings, manager, own_switch, monitoring)]
    return work


async def restore(settings: Settings) -> None:
    """Give the node's network cards back what they wore before they went into bridges, and the kernel their frames.

    Raises:
        OSError: nft refused.
        RemoteError: the kernel or the database refused a step; nothing of the record is lost.
    """
    async with switch.connect(settings.ovs) as node_switch:
        await node_switch.set_external_ids({}, absent=["ovn-bridge-mappings"])
        if (kind := _datapath(settings)) == "netdev":
            await seclusion.lift()
        await keeper.uplinks_of(settings, node_switch, Trial(settings), kind).restore()
    trial.end(settings)


class Agent:
    """The CNI server of a node that is kept in shape."""

    def __init__(
        self, settings: Settings, source: AttachmentSource, node_switch: Switch, kept: Keeper, kind: str
    ) -> None:
        self._settings = settings
        self._keeper = kept
        self._source = source
        berths = Berths(
            node_switch,
            bridge=settings.integration_bridge,
            waiting=settings.waiting_namespace,
            checksum_offload=kind != "netdev",
            in_ovn=source.lasting,
        )
        self._ports = Ports(
            node_switch, source, berths, timeout=settings.attach_timeout, not_ready=lambda: kept.not_ready
        )
        self._preparer = Preparer(source, berths)
        self._localnets = Localnets(node_switch, bridge=settings.integration_bridge)

    async def run(self) -> None:
        """Bring the node up, let runtimes in, keep the node in shape; until cancelled."""
        server = Server(Path(self._settings.cni_socket), self._ports)
        install.install_program(Path(self._settings.cni_bin_dir))
        with self._keeper.watch():
            await self._keeper.bring_up()
            await namespace.keep(self._settings.waiting_namespace)
            await server.start()
            install.write_configuration(Path(self._settings.cni_conf_dir), self._settings.cni_socket)
            _log.info("ready", node=self._settings.node)
            async with _background(self._follow_node(), self._preparer.run(), self._localnets.run()):
                await self._keeper.keep()

    async def _follow_node(self) -> None:
        async for note in self._source.of_node():
            self._keeper.management.wanted = note
            self._keeper.again()


@asynccontextmanager
async def _keeper(settings: Settings) -> AsyncIterator[tuple[Keeper, Switch, str]]:
    """The keeper of this machine, its switch and the kind of its datapath; the guard is on while the context lasts."""
    if settings.metrics:
        address, _, port = settings.metrics.rpartition(":")
        prometheus_client.start_http_server(int(port), address)
    async with switch.connect(settings.ovs) as node_switch:
        kind = _datapath(settings)
        guard = Guard(node_switch) if kind == "netdev" else None
        telling = [tallying.run(settings), discovering.run(settings, node_switch)] if settings.tallies else []
        async with _background(*([guard.run()] if guard else []), *telling):
            yield Keeper(settings, node_switch, guard, kind), node_switch, kind


def _datapath(settings: Settings) -> str:
    if settings.datapath_type != "auto":
        return settings.datapath_type
    return "system" if datapath.kernel_has_one() else "netdev"


@asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the body; a failure of any ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
