"""A pod's network: namespace and CNI, up and down, with a record around every step.

Up, each step durable before the next: record with the configuration, namespace, ADD, record with the result.
Down, in reverse, each step safe to repeat: no process left inside, DEL, no namespace, record without configuration.
"""

from __future__ import annotations

import contextlib
import os
import signal

from trunkline.standin.kubelet import cni, containers, namespaces, processes
from trunkline.standin.kubelet.records import Records, Sandbox
from trunkline.standin.kubelet.settings import Settings


def is_up(sandbox: Sandbox) -> bool:
    """Whether the pod has its network: ADD has answered, DEL was not called, and the namespace is there."""
    if not sandbox.netns:
        return True
    return None not in (sandbox.result, sandbox.conflist) and os.path.exists(namespaces.path_of(sandbox.netns))


async def up(sandbox: Sandbox, settings: Settings, records: Records) -> None:
    """One attempt; what an earlier one left is taken down first, and what this one leaves when it fails.

    Raises:
        PluginError: it failed; DEL was called, though perhaps in vain.
    """
    if sandbox.conflist is not None:
        await down(sandbox, settings, records)
    sandbox.conflist = cni.load(settings.cni_conf_dir)
    records.save(sandbox)
    path = await namespaces.create(sandbox.netns)
    try:
        sandbox.result = await cni.add(sandbox.conflist, sandbox.attachment(path), settings.cni_bin_dir)
    except cni.PluginError:
        with contextlib.suppress(cni.PluginError):  # ADD's reason is the one to tell; the next attempt begins with DEL
            await down(sandbox, settings, records)
        raise
    records.save(sandbox)


async def down(sandbox: Sandbox, settings: Settings, records: Records) -> None:
    """End what runs in the pod's namespace, give its network back, remove the namespace.  Safe to repeat.

    Raises:
        PluginError: DEL failed: everything but the processes is still there; try again.
    """
    path = _kill_all(sandbox)
    if not path or sandbox.conflist is None:
        return
    netns = path if os.path.exists(path) else ""
    await cni.delete(sandbox.conflist, sandbox.attachment(netns), settings.cni_bin_dir, sandbox.result)
    namespaces.remove(sandbox.netns)
    sandbox.conflist = None
    records.save(sandbox)


def abandon(sandbox: Sandbox) -> None:
    """End the pod's processes and namespace without asking a plugin; the kernel takes the interfaces along."""
    if _kill_all(sandbox):
        namespaces.remove(sandbox.netns)


def _kill_all(sandbox: Sandbox) -> str:
    """Kill every process of the pod; answers its namespace's path, "" for a pod in the node's own."""
    path = namespaces.path_of(sandbox.netns) if sandbox.netns else ""
    for handle in processes.in_namespace(path) if path else processes.with_variable(containers.MARK, f"{sandbox.uid}/"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(handle.pid, signal.SIGKILL)
    return path
