"""A pod's containers: init containers in order, then all others side by side, each restarted as its policy says.

The runner changes container states and says so (`changed`); whoever owns it saves the record and publishes the status.
Cancelling a runner leaves processes alone: they are adopted by the next one.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from trunkline.kit import clock
from trunkline.standin.kubelet import cni, containers, namespaces, probes, processes
from trunkline.standin.kubelet.machine import Machine
from trunkline.standin.kubelet.records import Container, Ended, Sandbox

Json = dict[str, Any]
Tell = Callable[[str, str, str], Awaitable[None]]
"""Records an Event on the pod: type, reason, message."""

# Restart pauses in seconds; chosen: Kubernetes' 10 to 300 are long for a lab.  The first restart is at once, as there.
_FIRST_PAUSE, _LONGEST_PAUSE, _FORGIVEN_AFTER = 1.0, 60.0, 60.0
_LOST = "the container ended while no kubelet was there to see how"


def find_lost(sandbox: Sandbox) -> None:
    """Note in the record what a kubelet started and died before it could write it down."""
    for name, state in sandbox.containers.items():
        if state.process is None and state.ended is None:
            found = processes.with_variable(containers.MARK, f"{sandbox.uid}/{name}")
            leaders = [handle for handle in found if os.getsid(handle.pid) == handle.pid]
            state.process = min(leaders, key=lambda handle: handle.started, default=None)


class Runner:
    """Runs one pod's containers until they have ended for good, or for ever."""

    def __init__(self, machine: Machine, pod: Json, sandbox: Sandbox, changed: Callable[[], None], tell: Tell) -> None:
        self._machine = machine
        self._pod = pod
        self._sandbox = sandbox
        self._changed = changed
        self._tell = tell
        self._netns = namespaces.path_of(sandbox.netns) if sandbox.netns else None

    async def run(self) -> None:
        """Return when every container has ended and none is to be restarted, or an init container failed for good."""
        spec = self._pod["spec"]
        policy = spec.get("restartPolicy", "Always")
        for container in spec.get("initContainers") or ():
            # An init container that succeeds is never run again, whatever the policy.
            ended = await self._keep(container, "Never" if policy == "Never" else "OnFailure")
            if ended.exit_code:
                return
        async with asyncio.TaskGroup() as group:
            for container in spec["containers"]:
                group.create_task(self._keep(container, policy))

    async def _keep(self, spec: Json, policy: str) -> Ended:
        state = self._sandbox.container(spec["name"])
        pause = 0.0
        while state.ended is None:
            began = asyncio.get_running_loop().time()
            ended = await self._run_once(spec, state)
            state.process, state.ready = None, False
            if policy == "Never" or (policy == "OnFailure" and ended.exit_code == 0):
                state.ended = ended
                self._changed()
                break
            if asyncio.get_running_loop().time() - began > _FORGIVEN_AFTER:
                pause = 0.0
            await self._pause(spec, state, ended, pause)
            pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        return state.ended

    async def _pause(self, spec: Json, state: Container, ended: Ended, pause: float) -> None:
        state.last = ended
        state.restarts += 1
        if not pause:
            return
        who = f"{spec['name']} in pod {self._sandbox.pod}_{self._sandbox.namespace}({self._sandbox.uid})"
        state.waiting = ("CrashLoopBackOff", f"back-off {pause:g}s restarting failed container={who}")
        self._changed()
        await self._tell("Warning", "BackOff", f"Back-off restarting failed container {who}")
        await asyncio.sleep(pause)

    async def _run_once(self, spec: Json, state: Container) -> Ended:
        """Start the container, unless it runs already, and see it through to its end."""
        try:
            command = self._command(spec)
        except containers.NotRunnable as refusal:
            await self._refuse(state, refusal)
        if state.process is None:
            try:
                self._start(spec, state, command)
            except OSError as error:
                return await self._not_started(spec, command, error)
            await self._tell("Normal", "Started", f"Started container {spec['name']}")
        assert state.process is not None
        probing = asyncio.create_task(self._probe(spec, state, command))
        try:
            code = await processes.wait(state.process)
        finally:
            probing.cancel()
        now = clock.rfc3339(clock.now())
        if code is None:
            return Ended(137, "ContainerStatusUnknown", state.started_at, now, _LOST)
        return Ended(code, "Error" if code else "Completed", state.started_at, now)

    def _command(self, spec: Json) -> containers.Command:
        machine = self._machine
        own = cni.addresses(self._sandbox.result) if self._netns else [machine.host_ip]
        path = machine.search_path
        return containers.command_of(self._pod, spec, addresses=own, host_ip=machine.host_ip, path=path)

    def _start(self, spec: Json, state: Container, command: containers.Command) -> None:
        """Start and remember; nothing can come between the two but the end of this program."""
        with_hostname = containers.hostname(self._pod) if self._netns else None
        output = self._open_log(spec["name"])
        try:
            state.process = processes.spawn(
                command.argv,
                command.env,
                stdout=output,
                stderr=output,
                netns=self._netns,
                hostname=with_hostname,
                cwd=command.cwd,
            )
        finally:
            os.close(output)
        state.started_at = clock.rfc3339(clock.now())
        state.ready = not (spec.get("readinessProbe") or spec.get("startupProbe"))
        self._changed()

    def _open_log(self, container: str) -> int:
        sandbox = self._sandbox
        folder = self._machine.log_folder(sandbox.namespace, sandbox.pod, sandbox.uid)
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(folder / f"{container}.log", flags, 0o640)

    async def _refuse(self, state: Container, refusal: containers.NotRunnable) -> NoReturn:
        """Wait, visibly, for somebody to delete the pod: what makes a container unrunnable cannot be edited."""
        state.waiting = (refusal.reason, refusal.message)
        self._changed()
        await self._tell("Warning", "Failed", refusal.message)
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody resolves that future")

    async def _not_started(self, spec: Json, command: containers.Command, error: OSError) -> Ended:
        message = f'failed to start container "{spec["name"]}": exec: "{command.argv[0]}": {error.strerror}'
        await self._tell("Warning", "Failed", f"Error: {message}")
        return Ended(128, "StartError", "", clock.rfc3339(clock.now()), message)

    async def _probe(self, spec: Json, state: Container, command: containers.Command) -> None:
        addresses = cni.addresses(self._sandbox.result) if self._netns else ["127.0.0.1"]
        target = probes.Target(self._netns, addresses[0] if addresses else "127.0.0.1", spec, command)
        if probe := spec.get("startupProbe"):
            async for started, why in probes.verdicts(probe, target):
                if started:
                    break
                await self._kill(spec, state, "Startup", why)
            self._set_ready(state, "readinessProbe" not in spec)
        async with asyncio.TaskGroup() as group:
            if probe := spec.get("readinessProbe"):
                group.create_task(self._follow_readiness(probe, target, state))
            if probe := spec.get("livenessProbe"):
                group.create_task(self._follow_liveness(probe, target, spec, state))

    async def _follow_readiness(self, probe: Json, target: probes.Target, state: Container) -> None:
        async for ready, why in probes.verdicts(probe, target):
            self._set_ready(state, ready)
            if not ready:
                await self._tell("Warning", "Unhealthy", f"Readiness probe failed: {why}")

    async def _follow_liveness(self, probe: Json, target: probes.Target, spec: Json, state: Container) -> None:
        async for alive, why in probes.verdicts(probe, target):
            if not alive:
                await self._kill(spec, state, "Liveness", why)

    def _set_ready(self, state: Container, ready: bool) -> None:
        if state.ready is not ready:
            state.ready = ready
            self._changed()

    async def _kill(self, spec: Json, state: Container, kind: str, why: str) -> None:
        await self._tell("Warning", "Unhealthy", f"{kind} probe failed: {why}")
        message = f"Container {spec['name']} failed {kind.lower()} probe, will be restarted"
        await self._tell("Normal", "Killing", message)
        assert state.process is not None
        processes.send(state.process, signal.SIGTERM)
        await asyncio.sleep(self._pod["spec"].get("terminationGracePeriodSeconds", 30))
        processes.send(state.process, signal.SIGKILL)
