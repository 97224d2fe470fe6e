"""The kubelet program: one worker per pod of this node, one keeper for the node itself."""

from __future__ import annotations

import asyncio

import structlog

from trunkline.adapters.kube import Change, Informer, Kube, resources
from trunkline.standin.kubelet import network, pod, runner
from trunkline.standin.kubelet.cni import PluginError
from trunkline.standin.kubelet.machine import Machine
from trunkline.standin.kubelet.node import NodeKeeper
from trunkline.standin.kubelet.records import Records, Sandbox
from trunkline.standin.kubelet.settings import Settings

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Be the kubelet of `settings.node` until cancelled; pods go on running after that.

    Raises:
        IntentError: the kubeconfig cannot be used.
    """
    async with Kube.connect(settings.kubeconfig, field_manager="kubelet") as kube:
        pods = Informer(kube, resources.PODS, field_selector=f"spec.nodeName={settings.node}")
        async with asyncio.TaskGroup() as group:
            workers = Workers(Machine(settings, kube), group)
            group.create_task(NodeKeeper(settings, kube, workers.nudge).run())
            group.create_task(pods.run())
            changes = pods.subscribe()
            workers.adopt(await anext(changes))
            async for batch in changes:
                workers.take(batch)


async def teardown(settings: Settings) -> None:
    """End every pod of a kubelet that no longer runs: processes, network, namespaces, records.

    A CNI plugin that fails does not stop it: the namespace goes all the same, and the node's agent finds out.
    """
    records = Records(settings.state_dir)
    for sandbox in records.load().values():
        try:
            async with asyncio.timeout(5):
                await network.down(sandbox, settings, records)
        except (PluginError, TimeoutError) as error:
            _log.warning("left without DEL", pod=sandbox.pod, error=str(error))
            network.abandon(sandbox)
        records.forget(sandbox.uid)


class Workers:
    """The pods of this node, by UID."""

    def __init__(self, machine: Machine, group: asyncio.TaskGroup) -> None:
        self._machine = machine
        self._group = group
        self._workers: dict[str, pod.Worker] = {}

    def adopt(self, present: list[Change]) -> None:
        """Begin: with the pods that are there, and with records of pods that are gone."""
        sandboxes = self._machine.records.load()
        for sandbox in sandboxes.values():
            runner.find_lost(sandbox)
            self._machine.records.save(sandbox)
        for _, _, new in present:
            assert new is not None
            self._start(sandboxes.pop(new["metadata"]["uid"], None), new)
        for sandbox in sandboxes.values():
            self._start(sandbox, None)

    def take(self, batch: list[Change]) -> None:
        """Tell workers what became of their pods, and start workers for new ones."""
        for _, old, new in batch:
            if old and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
                self._update(old["metadata"]["uid"], None)
            if new:
                self._update(new["metadata"]["uid"], new)

    def nudge(self) -> None:
        """The node's network changed: whoever waits for it tries again."""
        for worker in self._workers.values():
            worker.nudge()

    def _update(self, uid: str, new: pod.Json | None) -> None:
        if worker := self._workers.get(uid):
            worker.update(new)
        elif new:
            self._start(None, new)

    def _start(self, sandbox: Sandbox | None, new: pod.Json | None) -> None:
        if sandbox is None:
            assert new is not None
            sandbox = pod.new_sandbox(new, self._machine.settings.netns_prefix)
        worker = pod.Worker(self._machine, sandbox, new)
        self._workers[sandbox.uid] = worker
        self._group.create_task(self._look_after(sandbox.uid, worker))

    async def _look_after(self, uid: str, worker: pod.Worker) -> None:
        try:
            await worker.run()
        finally:
            self._workers.pop(uid, None)
