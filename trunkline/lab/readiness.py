"""When a cluster's programs are ready: facts that the API server tells, and no waiting for a program that has died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from trunkline.adapters.kube import errors, resources
from trunkline.adapters.kube.client import Kube, Object
from trunkline.adapters.kube.informer import Informer
from trunkline.adapters.kube.resources import Resource
from trunkline.intent import attachment
from trunkline.lab import processes, shell
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import CONTROL_PLANE

SECONDS = 60.0
"""chosen: many times what a loaded machine with two cores was seen to need"""

POOL_DEFINITION = "ippools.crd.antrea.io"

WEBHOOK_READY = "https://127.0.0.1:9443/readyz"
"""On the control-plane host; the controller's certificate is its own, and this only asks whether it is there."""


async def api_server(lab: Lab) -> None:
    """Return when the API server answers.

    Raises:
        RemoteError: it ended, or does not answer in time.
    """
    async with Kube.connect(lab.kubeconfig, field_manager="trunkline-lab") as kube:

        async def answers() -> bool:
            try:
                await kube.list(resources.NAMESPACES)
            except errors.Unreachable:
                return False
            return True

        await processes.ready(lab, CONTROL_PLANE, "apiserver", answers, seconds=SECONDS)


async def controller(lab: Lab, names: Iterable[str]) -> None:
    """Return when the controller's webhooks answer and it has told every node how to join the pod network.

    Raises:
        RemoteError: it ended, or has not done so in time.
    """
    wanted = set(names)
    ask = ("curl", "--silent", "--fail", "--insecure", "--noproxy", "*", "--max-time", "2", WEBHOOK_READY)
    async with _following(lab, resources.CRDS) as definitions, _following(lab, resources.NODES) as found:

        async def in_step() -> bool:
            told = {name for name, node in found.objects.items() if attachment.ANNOTATION in _annotations(node)}
            if not _is(definitions.objects.get(POOL_DEFINITION, {}), "Established") or not wanted <= told:
                return False
            code, _, _ = await shell.attempt([*processes.enter(lab, CONTROL_PLANE), *ask])
            return code == 0

        await processes.ready(lab, CONTROL_PLANE, "controller", in_step, seconds=SECONDS)


async def nodes(lab: Lab, names: Iterable[str]) -> None:
    """Return when every node says that it is ready for pods.

    Raises:
        RemoteError: an agent or a kubelet ended, or a node is not ready in time.
    """
    async with _following(lab, resources.NODES) as found:

        def ready(name: str) -> Callable[[], Awaitable[bool]]:
            async def check() -> bool:
                return _is(found.objects.get(name, {}), "Ready")

            return check

        waits = [(name, program) for name in names for program in ("agent", "kubelet")]
        await together(*(processes.ready(lab, name, program, ready(name), seconds=SECONDS) for name, program in waits))


@asynccontextmanager
async def _following(lab: Lab, resource: Resource) -> AsyncIterator[Informer]:
    async with Kube.connect(lab.kubeconfig, field_manager="trunkline-lab") as kube:
        informer = Informer(kube, resource)
        task: asyncio.Task[Any] = asyncio.create_task(informer.run())
        try:
            yield informer
        finally:
            task.cancel()


def _annotations(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def _is(obj: Object, condition: str) -> bool:
    conditions = obj.get("status", {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)
