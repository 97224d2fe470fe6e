"""What one pod gets: leases and how they change, its port, and the note to its node.  Pure.

Nothing here remembers anything: asking twice about the same world and book gives the same answer, with no changes the
second time.
"""

from __future__ import annotations

import ipaddress

import msgspec

from trunkline.controller.world import World
from trunkline.dialects.antrea import annotations as pool_annotations
from trunkline.dialects.kubernetes import objects, overlay
from trunkline.intent import attachment, model
from trunkline.ipam.allocate import allocate
from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease, LeaseChange
from trunkline.ipam.pools import Pool, PoolSubnet
from trunkline.ipam.requests import Refusal, Request
from trunkline.kit import addresses
from trunkline.kit.problems import Problem, register

_EVERYWHERE = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("::/0")}

NODE_UNKNOWN = register("TRK-0701", "A pod is bound to a node that has no overlay network yet.")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod gets now.

    Either leases (with the changes that make them so), or what keeps it waiting: problems, or that the pod was heard of
    too early.  None of them for a pod that the network has nothing to do with.
    """

    pod: objects.Pod
    leases: tuple[Lease, ...] = ()
    changes: tuple[LeaseChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    too_early: bool = False
    """Other watches are behind that of pods, and what they bring may name other pools, or keep addresses for this pod."""


def concerns_us(pod: objects.Pod | None) -> bool:
    """Whether the pod has, or should have, an interface of ours."""
    return pod is not None and bool(pod.node) and not pod.terminal and not pod.host_network


def decide(pod: objects.Pod, world: World, book: Book) -> Decision:
    """What this pod (which concerns us) gets."""
    if held := book.of_pod(pod.uid):
        return Decision(pod=pod, leases=tuple(sorted(held, key=lambda lease: lease.address.version)))
    if pod.deleting:
        return Decision(pod=pod)
    namespace = world.namespaces.get(pod.namespace)
    if pool_annotations.unheard(pod.annotations, namespace) or _set_unheard(pod, world):
        return Decision(pod=pod, too_early=True)
    asked = pool_annotations.request(pod, namespace, world.pools.by_key())
    if asked.problems:
        return Decision(pod=pod, problems=asked.problems)
    if asked.request is not None:
        answer = allocate(book, asked.pools, asked.request)
    elif (pool := _node_pool(pod.node, world)) is not None:
        answer = allocate(book, [pool], Request(pod=pod.owner, pools=(pool.name,)))
    else:
        return Decision(pod=pod, problems=(_no_overlay(pod, world),))
    if isinstance(answer, Refusal):
        return Decision(pod=pod, problems=(answer.problem,), warnings=asked.warnings)
    return Decision(pod=pod, leases=answer.leases, changes=answer.changes, warnings=asked.warnings)


def port(decision: Decision, world: World) -> model.Port | None:
    """The pod's port, if it has leases."""
    if not decision.leases:
        return None
    pod = decision.pod
    host = model.Host(
        addresses.mac_of(decision.leases[0].address), tuple(_interface(lease, world) for lease in decision.leases)
    )
    return model.Port(
        id=pod.port,
        network=decision.leases[0].network,
        hosts=(host,),
        chassis=pod.node,
        source=pod.source,
    )


def note(decision: Decision, world: World, *, mtu: int, overlay_mtu: int) -> attachment.Attachment | None:
    """The note to the pod's node; None when there is nothing to say (or nothing better than what was said before)."""
    pod = decision.pod
    if decision.problems:
        return attachment.Attachment(uid=pod.uid, problem=decision.problems[0])
    subnets = [_subnet(lease, world) for lease in decision.leases]
    if not subnets or None in subnets:
        return None
    gateways = tuple(subnet.gateway for subnet in subnets if subnet)
    return attachment.Attachment(
        uid=pod.uid,
        port=pod.port,
        network=decision.leases[0].network,
        mac=addresses.mac_of(decision.leases[0].address),
        mtu=min(overlay_mtu if _on_overlay(lease) else mtu for lease in decision.leases),
        addresses=tuple(_interface(lease, world) for lease in decision.leases),
        gateways=gateways,
        routes=tuple(attachment.AttachmentRoute(_EVERYWHERE[via.version], via) for via in gateways),
    )


def _set_unheard(pod: objects.Pod, world: World) -> bool:
    place = pod.stateful_set
    return place is not None and world.stateful_sets.get(f"{place.namespace}/{place.name}") is None


def _node_pool(name: str, world: World) -> Pool | None:
    node = world.nodes.get(name)
    return overlay.pool(node) if node and overlay.unfit(node) is None else None


def _no_overlay(pod: objects.Pod, world: World) -> Problem:
    node = world.nodes.get(pod.node)
    if node is not None and (unfit := overlay.unfit(node)) is not None:
        return unfit
    return Problem(
        code=NODE_UNKNOWN,
        object=str(pod),
        field="spec.nodeName",
        found=f"{pod.node}, which is not registered",
        allowed="a node that the cluster knows",
        hint="wait for the node, or delete the pod",
    )


def _on_overlay(lease: Lease) -> bool:
    return lease.pool.startswith(overlay.POOL_PREFIX)


def _subnet(lease: Lease, world: World) -> PoolSubnet | None:
    """The subnet a lease was taken from; None when its pool is gone."""
    if _on_overlay(lease):
        pool = _node_pool(lease.pool.removeprefix(overlay.POOL_PREFIX), world)
    else:
        found = world.pools.get(lease.pool)
        pool = found.pool if found else None
    return pool.subnet_on(lease.network) if pool else None


def _interface(lease: Lease, world: World) -> addresses.IPInterface:
    """The leased address with its subnet's prefix length; a lease whose pool is gone stands alone."""
    subnet = _subnet(lease, world)
    if subnet is None:
        return ipaddress.ip_interface(lease.address)
    return overlay.on_network(subnet.prefix, lease.address)
