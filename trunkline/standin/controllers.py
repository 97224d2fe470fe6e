"""The lab's scheduler and workload controllers, which run beside the stand-in API server.

They are ordinary clients of it: what they do would work against any API server.
"""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path

from trunkline.adapters.kube import Informer, Kube, resources
from trunkline.standin.scheduler.loop import Scheduler
from trunkline.standin.workloads.loops import NodeController, workloads

CLUSTER_CIDR = ipaddress.IPv4Network("10.244.0.0/16")  # the habit of many clusters
NODE_PREFIX = 24

_WATCHED = (
    resources.PODS,
    resources.NODES,
    resources.DEPLOYMENTS,
    resources.REPLICA_SETS,
    resources.STATEFUL_SETS,
    resources.DAEMON_SETS,
)


async def run(
    kubeconfig: Path | str, *, cluster_cidr: ipaddress.IPv4Network = CLUSTER_CIDR, node_prefix: int = NODE_PREFIX
) -> None:
    """Schedule pods, expand workloads and give nodes their podCIDR until cancelled.

    Raises:
        IntentError: the kubeconfig cannot be used.
    """
    async with Kube.connect(kubeconfig, field_manager="kube-controller-manager") as kube:
        informers = {resource: Informer(kube, resource) for resource in _WATCHED}
        controllers = workloads(kube, informers)
        nodes = NodeController(kube, informers, controllers[-1], cluster_cidr, node_prefix)
        scheduler = Scheduler(kube, informers[resources.PODS], informers[resources.NODES])
        async with asyncio.TaskGroup() as group:
            for informer in informers.values():
                group.create_task(informer.run())
            for controller in controllers:
                group.create_task(controller.run())
            group.create_task(nodes.run())
            group.create_task(scheduler.run())
