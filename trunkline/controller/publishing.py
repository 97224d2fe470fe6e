"""What the controller tells the cluster: notes on Pods and Nodes, statuses of pools, Events.

Every write is put in the outbox under the object's key, so a slow API server delays statuses, never decisions.  What is
written is computed when it is written: the status of a pool that changed a hundred times meanwhile is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from trunkline.adapters.kube import Kube, errors, resources
from trunkline.adapters.kube.resources import Resource
from trunkline.controller.ledger import Ledger
from trunkline.controller.world import World
from trunkline.dialects.antrea import status
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.intent import attachment
from trunkline.kit import clock
from trunkline.sync.outbox import Outbox

COMPONENT = "trunkline-controller"
IP_POOLS = resources.resource("crd.antrea.io", "v1beta1", "ippools", "IPPool", namespaced=False)
EXTERNAL_IP_POOLS = resources.resource(
    "crd.antrea.io", "v1beta1", "externalippools", "ExternalIPPool", namespaced=False
)

Further = Callable[[AnyPool, Mapping[str, Any]], Iterable[status.Condition]]
"""Answers a pool's conditions that do not follow from its leases; handed the pool and its present status."""


def nothing_further(pool: AnyPool, previous: Mapping[str, Any]) -> Iterable[status.Condition]:
    """No conditions beyond those of the leases."""
    return ()


class Publisher:
    """Writes to the Kubernetes API what was decided."""

    def __init__(
        self,
        kube: Kube,
        outbox: Outbox,
        world: World,
        ledger: Callable[[], Ledger],
        further: Further = nothing_further,
    ) -> None:
        self._kube = kube
        self._outbox = outbox
        self._world = world
        self._ledger = ledger
        self._further = further

    def pod_note(self, key: str, note: attachment.Attachment) -> None:
        """Leave the note on the Pod, unless it is there."""
        self._note(resources.PODS, f"pod/{key}", lambda: self._world.pods.raw(key), note)

    def node_note(self, name: str, note: attachment.Attachment) -> None:
        """Leave the note on the Node, unless it is there."""
        self._note(resources.NODES, f"node/{name}", lambda: self._world.nodes.raw(name), note)

    def forget_pod(self, key: str) -> None:
        """The pod is gone: what was to be written to it need not be."""
        self._outbox.drop(f"pod/{key}")

    def pool_status(self, name: str) -> None:
        """Publish the pool's status, unless it is what the API server has."""

        async def write() -> None:
            pool, raw = self._world.pools.get(name), self._world.pools.raw(name)
            if pool is None or raw is None:
                return
            before = raw.get("status") or {}
            leases = self._ledger().book.of_pool(name)
            further = self._further(pool, before)
            wanted = status.status(pool, leases, previous=before, now=clock.now(), further=further)
            await self._write_status(IP_POOLS, raw, wanted)

        self._outbox.put(f"ippool/{name}", write)

    def external_pool_status(self, name: str) -> None:
        """Publish the ExternalIPPool's status, unless it is what the API server has."""

        async def write() -> None:
            pool, raw = self._world.external_pools.get(name), self._world.external_pools.raw(name)
            if pool is None or raw is None:
                return
            before = raw.get("status") or {}
            wanted = status.external(pool, previous=before, now=clock.now(), further=self._further(pool, before))
            await self._write_status(EXTERNAL_IP_POOLS, raw, wanted)

        self._outbox.put(f"externalippool/{name}", write)

    def status_of(self, pool: AnyPool) -> None:
        """Publish the status of a pool of either kind."""
        if isinstance(pool, IPPool):
            self.pool_status(pool.name)
        else:
            self.external_pool_status(pool.name)

    async def _write_status(self, resource: Resource, raw: Any, wanted: Any) -> None:
        if wanted != (raw.get("status") or {}):
            metadata = raw["metadata"]
            body = {"metadata": {"uid": metadata["uid"]}, "status": wanted}
            await _unless_gone(self._kube.patch(resource, metadata["name"], body, subresource="status"))

    def pod_event(self, key: str, text: status.EventText) -> None:
        """Tell what happened to a Pod."""
        self._event(f"event/{key}/{text.reason}", self._world.pods.raw(key), text)

    def pool_event(self, pool: AnyPool, text: status.EventText) -> None:
        """Tell what happened to a pool of either kind."""
        self._event(f"event/{pool}", self._world.raw_pool(pool), text)

    def _event(self, key: str, raw: Any | None, text: status.EventText) -> None:
        if raw is None:
            return
        kind: Literal["Normal", "Warning"] = "Warning" if text.type == "Warning" else "Normal"

        async def write() -> None:
            await self._kube.record(raw, reason=text.reason, message=text.message, type=kind, component=COMPONENT)

        self._outbox.put(key, write)

    def _note(
        self, resource: Resource, key: str, current: Callable[[], Any | None], note: attachment.Attachment
    ) -> None:
        raw = current()
        text = note.encode()
        if raw is None or raw["metadata"]["uid"] != note.uid:
            return
        if (raw["metadata"].get("annotations") or {}).get(attachment.ANNOTATION) == text:
            self._outbox.drop(key)
            return
        metadata = raw["metadata"]

        async def write() -> None:
            body = {"metadata": {"uid": note.uid, "annotations": {attachment.ANNOTATION: text}}}
            await _unless_gone(self._kube.patch(resource, metadata["name"], body, metadata.get("namespace")))

        self._outbox.put(key, write)


async def _unless_gone(write: Any) -> None:
    """Await a write; that its object is gone, or is another one by now, is no failure: its watch will tell."""
    try:
        await write
    except (errors.NotFound, errors.Conflict):
        pass
