"""The node agent, from settings to a node that container runtimes may call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import prometheus_client
import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters.kube import resources
from trunkline.adapters.kube.client import Kube
from trunkline.adapters.kube.informer import Informer
from trunkline.adapters.netlink import datapath, monitor
from trunkline.adapters.ovs import rows, switch
from trunkline.adapters.ovs.switch import Switch
from trunkline.agent import install, management
from trunkline.agent.attachments import AttachmentSource, KubeAttachments
from trunkline.agent.guard import Guard
from trunkline.agent.management import Management
from trunkline.agent.node import Node
from trunkline.agent.ports import Ports
from trunkline.agent.server import Server
from trunkline.agent.settings import Settings
from trunkline.agent.uplinks import Uplinks
from trunkline.kit import problems

_RETRY_SECONDS = 1.0
"""How long to wait before a step that failed is tried again; chosen."""

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Serve until cancelled.

    Raises:
        IntentError: the settings cannot be used.
    """
    async with Kube.connect(settings.kubeconfig, field_manager="trunkline-agent") as kube:
        pods = Informer(kube, resources.PODS, field_selector=f"spec.nodeName={settings.node}")
        nodes = Informer(kube, resources.NODES, field_selector=f"metadata.name={settings.node}")
        async with _background(pods.run(), nodes.run()):
            await serve(settings, KubeAttachments(pods, nodes))


async def serve(settings: Settings, source: AttachmentSource) -> None:
    """Serve until cancelled, with pods' attachments from `source`."""
    if settings.metrics:
        address, _, port = settings.metrics.rpartition(":")
        prometheus_client.start_http_server(int(port), address)
    async with switch.connect(settings.ovs) as node_switch:
        kind = _datapath(settings)
        guard = Guard(node_switch) if kind == "netdev" else None
        async with _background(*([guard.run()] if guard else [])):
            await Agent(settings, source, node_switch, guard, kind).run()


async def restore(settings: Settings) -> None:
    """Give the node's network cards back what they wore before they went into bridges."""
    async with switch.connect(settings.ovs) as node_switch:
        await node_switch.set_external_ids({}, absent=["ovn-bridge-mappings"])
        await _uplinks(settings, node_switch, _datapath(settings)).restore()


class Agent:
    """The node's shape, and behind it the CNI server."""

    def __init__(
        self, settings: Settings, source: AttachmentSource, node_switch: Switch, guard: Guard | None, kind: str
    ) -> None:
        self._settings = settings
        self._switch = node_switch
        self._uplinks = _uplinks(settings, node_switch, kind)
        self._management = Management(
            node_switch, bridge=settings.integration_bridge, checksum_offload=kind != "netdev"
        )
        self._node = Node(node_switch, settings, guard, self._uplinks, self._management, kind)
        self._source = source
        self._not_ready = "it has just started"
        self._ports = Ports(
            node_switch,
            source,
            bridge=settings.integration_bridge,
            checksum_offload=kind != "netdev",
            timeout=settings.attach_timeout,
            not_ready=lambda: self._not_ready,
        )

    async def run(self) -> None:
        """Bring the node up, let runtimes in, keep the node in shape; until cancelled."""
        server = Server(Path(self._settings.cni_socket), self._ports)
        install.install_program(Path(self._settings.cni_bin_dir))
        changed = asyncio.Event()
        with self._watch(changed):
            await self._bring_up()
            await server.start()
            install.write_configuration(Path(self._settings.cni_conf_dir), self._settings.cni_socket)
            _log.info("ready", node=self._settings.node)
            async with _background(self._follow_node(changed), self._ports.collect_orphans()):
                while True:
                    await changed.wait()
                    changed.clear()
                    await self._bring_up()

    async def _follow_node(self, changed: asyncio.Event) -> None:
        async for note in self._source.of_node():
            self._management.wanted = note
            changed.set()

    async def _bring_up(self) -> None:
        while True:
            try:
                await self._node.bring_up()
                self._not_ready = ""
                return
            except (problems.RemoteError, TimeoutError) as error:
                self._not_ready = str(error) or "Open vSwitch does not answer"
                _log.warning("the node is not in shape", error=self._not_ready)
                await asyncio.sleep(_RETRY_SECONDS)

    def _watch(self, changed: asyncio.Event) -> monitor.Watch:
        self._switch.replica.listen(lambda changes: changed.set() if any(map(self._matters, changes)) else None)
        return monitor.Watch({*self._uplinks.interfaces(), management.INTERFACE}, changed.set)

    def _matters(self, change: ovsdb.Change) -> bool:
        """Whether the node's shape may be affected; pods coming and going on the integration bridge do not."""
        match change.old, change.new:
            case rows.Bridge() as old, rows.Bridge() as new if new.name == self._settings.integration_bridge:
                return msgspec.structs.replace(old, ports=new.ports) != new
            case (rows.Bridge() | rows.OpenVSwitch(), _) | (_, rows.Bridge() | rows.OpenVSwitch()):
                return True
        return False


def _datapath(settings: Settings) -> str:
    if settings.datapath_type != "auto":
        return settings.datapath_type
    return "system" if datapath.kernel_has_one() else "netdev"


def _uplinks(settings: Settings, node_switch: Switch, kind: str) -> Uplinks:
    return Uplinks(node_switch, settings.uplinks, datapath=kind, state=Path(settings.state_dir))


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
