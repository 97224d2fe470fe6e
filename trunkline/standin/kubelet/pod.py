"""One pod on this node, from first sight to last trace.

A worker brings the pod to life and keeps it (network, containers) while it publishes the status, until the order to leave.
Leaving undoes everything, in reverse, until it succeeds.

Cancelling a worker (the kubelet stops) leaves the pod running; a new worker with the same record goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast

import structlog

from trunkline.adapters.kube import errors, resources
from trunkline.kit import clock, problems
from trunkline.standin.kubelet import cni, namespaces, network, processes, status
from trunkline.standin.kubelet.machine import Machine
from trunkline.standin.kubelet.records import Sandbox
from trunkline.standin.kubelet.runner import Runner

Json = dict[str, Any]

# Seconds; chosen.  A pod that is up within `_FIRST_STATUS` is published once, as Running, not as ContainerCreating before.
_FIRST_STATUS = 0.3
_FIRST_RETRY, _LONGEST_RETRY = 0.5, 10.0
_AFTER_A_FALL = 2.0
_GRACE_WITHOUT_ORDER = 2.0  # for a pod whose object is gone already

COMPONENT = "kubelet"

_log = structlog.get_logger(__name__)


def new_sandbox(pod: Json, netns_prefix: str) -> Sandbox:
    """The record of a pod seen for the first time.

    The container id follows from the UID: whoever finds a namespace without its record can still call DEL for it.
    """
    meta = pod["metadata"]
    on_host = bool(pod["spec"].get("hostNetwork"))
    name = namespaces.name_of(netns_prefix, meta["namespace"], meta["name"], meta["uid"])
    return Sandbox(
        uid=meta["uid"],
        namespace=meta["namespace"],
        pod=meta["name"],
        container_id=hashlib.sha256(meta["uid"].encode()).hexdigest(),
        netns="" if on_host else name,
        started_at=clock.rfc3339(clock.now()),
    )


class Worker:
    """Looks after one pod (one UID); `pod` is None when the object is gone and only the record is left."""

    def __init__(self, machine: Machine, sandbox: Sandbox, pod: Json | None) -> None:
        self._machine = machine
        self._sandbox = sandbox
        self._pod: Json = {}
        self._gone = False
        self._leaving = asyncio.Event()
        self._change = asyncio.Event()
        self._dirty = asyncio.Event()
        self._published: Json | None = None
        self._unsaved: asyncio.TimerHandle | None = None
        self.update(pod)

    def update(self, pod: Json | None) -> None:
        """Tell the worker what the pod's object is now; None: it is gone."""
        if pod is None:
            self._gone = True
        elif _instructions(pod) != _instructions(self._pod):
            self.nudge()
        self._pod = pod or self._pod
        if self._gone or self._pod["metadata"].get("deletionTimestamp"):
            self._leaving.set()

    def nudge(self) -> None:
        """Something changed that a failed attempt may be waiting for: try again at once."""
        self._change.set()
        self._change = asyncio.Event()

    async def run(self) -> None:
        """Look after the pod until it has left the node."""
        if not self._leaving.is_set():
            tasks = [asyncio.create_task(self._insist(part)) for part in (self._live, self._publish)]
            try:
                await self._leaving.wait()
            finally:
                await _end(tasks)
                self._forget_to_save()
        await self._leave()

    async def _insist(self, part: Callable[[], Awaitable[None]]) -> None:
        """Do a part of the work, again after a pause when it trips: one odd pod must not take the others along."""
        while True:
            try:
                await part()
                return
            except Exception:
                _log.exception("pod cannot go on", pod=self._sandbox.pod, namespace=self._sandbox.namespace)
            await asyncio.sleep(_AFTER_A_FALL)

    async def _live(self) -> None:
        """Network, containers; then, when all have ended for good, only the status stays."""
        asyncio.get_running_loop().call_later(_FIRST_STATUS, self._dirty.set)
        if not self._has_ended():
            await self._connect()
            await Runner(self._machine, self._pod, self._sandbox, self._save, self._tell).run()
        await network.down(self._sandbox, self._machine.settings, self._machine.records)

    def _has_ended(self) -> bool:
        spec = self._pod["spec"]
        init, main = (
            [self._sandbox.container(entry["name"]) for entry in spec.get(field) or ()]
            for field in ("initContainers", "containers")
        )
        return status.phase_of(spec.get("restartPolicy", "Always"), init, main) in ("Succeeded", "Failed")

    async def _connect(self) -> None:
        """Bring the network up, however often it takes."""
        pause = _FIRST_RETRY
        while not network.is_up(self._sandbox):
            change = self._change
            try:
                async with self._machine.turnstile:
                    await network.up(self._sandbox, self._machine.settings, self._machine.records)
                return
            except (cni.PluginError, OSError) as error:
                sandbox = f'sandbox "{self._sandbox.container_id[:12]}"'
                message = f"Failed to create pod sandbox: failed to setup network for {sandbox}: {error}"
                await self._tell("Warning", "FailedCreatePodSandBox", message)
            try:
                async with asyncio.timeout(pause):
                    await change.wait()
                pause = _FIRST_RETRY
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_RETRY)

    def _save(self) -> None:
        """Write down what the containers do, later if it cannot be now: they run, and are found by their mark without it."""
        self._forget_to_save()
        try:
            self._machine.records.save(self._sandbox)
        except OSError as error:
            _log.warning("record not written", pod=self._sandbox.pod, error=str(error), again_in=_AFTER_A_FALL)
            self._unsaved = asyncio.get_running_loop().call_later(_AFTER_A_FALL, self._save)
        self._dirty.set()

    def _forget_to_save(self) -> None:
        if self._unsaved:
            self._unsaved.cancel()

    async def _tell(self, type: str, reason: str, message: str) -> None:
        kind = cast(Literal["Normal", "Warning"], type)
        await self._machine.kube.record(self._pod, reason=reason, message=message, type=kind, component=COMPONENT)

    async def _publish(self) -> None:
        """Write the status whenever it differs from what was written; what changes meanwhile goes with the next one."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            before = self._published or self._pod.get("status") or {}
            now = clock.rfc3339(clock.now())
            wanted = status.compute(self._pod, self._sandbox, before, host_ip=self._machine.host_ip, now=now)
            if wanted == self._published:
                continue
            try:
                await self._write(wanted)
                self._published = wanted
            except (errors.NotFound, errors.Conflict):  # gone, or another pod by now: the watch will say so
                continue
            except problems.RemoteError as error:
                _log.warning("status not written", pod=self._sandbox.pod, error=str(error))
                await asyncio.sleep(_FIRST_RETRY)
                self._dirty.set()

    async def _write(self, wanted: Json) -> None:
        body = {"metadata": {"uid": self._sandbox.uid}, "status": wanted}
        where = (self._sandbox.pod, body, self._sandbox.namespace)
        await self._machine.kube.patch(resources.PODS, *where, kind="strategic", subresource="status")

    async def _leave(self) -> None:
        """Stop the containers, give everything back, and only then let the object go."""
        await self._stop_containers()
        await self._until_done(self._disconnect)
        self._machine.records.forget(self._sandbox.uid)
        folder = self._machine.log_folder(self._sandbox.namespace, self._sandbox.pod, self._sandbox.uid)
        shutil.rmtree(folder, ignore_errors=True)
        if not self._gone:
            await self._until_done(self._delete_object)

    async def _stop_containers(self) -> None:
        running = [state.process for state in self._sandbox.containers.values() if state.process]
        if not running:
            return
        ordered = self._pod.get("metadata", {}).get("deletionGracePeriodSeconds", 30)
        ends = [asyncio.create_task(processes.wait(handle)) for handle in running]
        for number, grace in (
            (signal.SIGTERM, _GRACE_WITHOUT_ORDER if self._gone else ordered),
            (signal.SIGKILL, None),
        ):
            for handle in running:
                processes.send(handle, number)
            await asyncio.wait(ends, timeout=grace)

    async def _disconnect(self) -> None:
        await network.down(self._sandbox, self._machine.settings, self._machine.records)

    async def _delete_object(self) -> None:
        sandbox = self._sandbox
        with contextlib.suppress(errors.NotFound, errors.Conflict):
            await self._machine.kube.delete(
                resources.PODS, sandbox.pod, sandbox.namespace, uid=sandbox.uid, grace_seconds=0
            )

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_RETRY
        while True:
            try:
                await step()
                return
            except (problems.RemoteError, OSError) as error:
                _log.warning("pod cannot leave yet", pod=self._sandbox.pod, error=str(error), again_in=pause)
                if isinstance(error, cni.PluginError) and not self._gone:
                    await self._tell("Warning", "FailedKillPod", f"error killing pod: {error}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_RETRY)


def _instructions(pod: Json) -> tuple[Any, ...]:
    """What of a pod's object is an instruction to us, not our own report."""
    meta = pod.get("metadata", {})
    return meta.get("annotations"), meta.get("labels"), pod.get("spec")


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
