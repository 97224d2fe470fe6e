"""Who has an address: the ledger's answer, with what the pools and the Kubernetes API know besides."""

from __future__ import annotations

import msgspec

from trunkline.adapters.kube import Kube, errors, resources
from trunkline.cli import sources as whom
from trunkline.cli.sources import Sources
from trunkline.dialects.kubernetes import overlay
from trunkline.dialects.kubernetes.objects import Node
from trunkline.ipam import standing
from trunkline.ipam.leases import Lease
from trunkline.ipam.standing import Standing
from trunkline.kit.addresses import IPAddress


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The address on one network; `state` as in `ipam.standing`, `since` when the holding Pod was created (RFC 3339)."""

    network: str
    state: standing.State
    pool: str
    holder: str = ""
    kept_for: str = ""
    reason: str = ""
    node: str = ""
    since: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Every network that knows the address; empty when it is outside every pool."""

    address: str
    standings: list[Whereabouts]

    @property
    def held(self) -> bool:
        """Whether somebody has it, or it is kept for somebody."""
        return any(each.state in ("leased", "kept") for each in self.standings)


async def find(sources: Sources, address: IPAddress) -> Answer:
    """Who has the address.

    Raises:
        RemoteError: a source cannot be reached.
    """
    book = await whom.book(sources)
    async with Kube.connect(sources.kubeconfig, field_manager="trunkline") as kube:
        nodes = [node for node in await whom.nodes(kube) if overlay.unfit(node) is None]
        pools = [each.pool for each in await whom.pools(kube, sources)] + [overlay.pool(node) for node in nodes]
        found = standing.standings(address, pools, book)
        return Answer(str(address), [await _told(kube, each, address, nodes) for each in found])


async def _told(kube: Kube, found: Standing, address: IPAddress, nodes: list[Node]) -> Whereabouts:
    told = Whereabouts(network=found.network, state=found.state, pool=found.pool, reason=found.reason)
    if found.lease is not None:
        return await _holder(kube, found.lease, told)
    for node in nodes:
        if found.state == "unlisted" and address == overlay.management_address(node.pod_cidrs[0]):
            own = f"it is Node {node.name}'s own in its pod network"
            return msgspec.structs.replace(told, state="reserved", reason=own, node=node.name)
    return told


async def _holder(kube: Kube, lease: Lease, told: Whereabouts) -> Whereabouts:
    kept_for = str(lease.stateful_set) if lease.stateful_set else ""
    told = msgspec.structs.replace(told, holder=lease.holder, kept_for=kept_for)
    if lease.pod is None:
        return told
    try:
        pod = await kube.get(resources.PODS, lease.pod.name, lease.pod.namespace)
    except errors.NotFound:
        return msgspec.structs.replace(told, reason="the Pod is gone; its address is being taken back")
    if pod["metadata"]["uid"] != lease.pod.uid:
        return msgspec.structs.replace(told, reason="a former Pod of that name; its address is being taken back")
    since = str(pod["metadata"]["creationTimestamp"])
    return msgspec.structs.replace(told, node=str(pod["spec"].get("nodeName") or ""), since=since)
