"""Makes a pod's berth as soon as the controller has decided its attachment, before any runtime asks for it.

OVN then claims the port and installs its flows while the runtime is still busy with images and sandboxes.  A pod that
goes away before a runtime came for it gives its berth back; what an earlier agent left of such pods is found at the start.
Nothing depends on this: ADD makes the berth that it does not find.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import structlog

from trunkline.agent import labels
from trunkline.agent.attachments import AttachmentSource, Bound
from trunkline.agent.berths import Berths
from trunkline.intent.attachment import Attachment
from trunkline.kit import problems

_AT_ONCE = 4
"""Berths in the making; chosen: enough to keep Open vSwitch busy, few enough that an ADD in between is not held up."""

_log = structlog.get_logger(__name__)


class Preparer:
    """Keeps the berths of one node's pods for which no runtime has come."""

    def __init__(self, source: AttachmentSource, berths: Berths) -> None:
        self._source = source
        self._berths = berths
        self._wanted: dict[str, Attachment] = {}
        self._turnstile = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Follow the node's pods until cancelled."""
        async with asyncio.TaskGroup() as group:
            collected = False
            async for batch in self._source.bound():
                for bound in batch:
                    if work := self._noted(bound):
                        group.create_task(_told(bound.pod.key, work))
                if not collected:
                    group.create_task(_told("left-overs", self._collect()))
                    collected = True

    def _noted(self, bound: Bound) -> Coroutine[None, None, None] | None:
        uid, attachment = bound.pod.uid, bound.attachment
        before = self._wanted.pop(uid, None)
        if attachment is not None:
            self._wanted[uid] = attachment
            return self._prepare(bound.pod.key, attachment) if attachment != before else None
        return self._give_up(labels.host_name(uid)) if before else None

    async def _prepare(self, pod_key: str, attachment: Attachment) -> None:
        pair = self._berths.pair(attachment)
        wanted = labels.PodLabels(
            pod=pod_key, uid=attachment.uid, port=attachment.port, mac=attachment.mac, switch=attachment.network
        )
        async with self._turnstile:
            if self._wanted.get(attachment.uid) is not attachment or self._berths.is_expected(pod_key):
                return
            async with self._berths.hold(pair.host_name):
                if self._berths.taken_by(pair.host_name) or await self._berths.is_free(pair, wanted):
                    return
                if self._berths.has_port(pair.host_name):
                    await self._berths.remove([pair.host_name])
                await self._berths.lay(pair)
                await self._berths.register(pair, wanted)

    async def _give_up(self, name: str) -> None:
        async with self._berths.hold(name):
            if not self._berths.taken_by(name):
                await self._berths.remove([name])

    async def _collect(self) -> None:
        """Remove the berths of pods that are gone: those never taken, and those whose namespace is gone, too."""
        await self._berths.remove_portless()
        wanted = {labels.host_name(uid) for uid in self._wanted}
        known = self._source.uids()
        for name in self._berths.names() - wanted:
            async with self._berths.hold(name):
                owner = self._berths.taken_by(name)
                if owner is None or (owner.uid not in known and not Path(owner.namespace).exists()):
                    _log.info("removing an orphaned port", pod=owner.pod if owner else "", interface=name)
                    await self._berths.remove([name])


async def _told(subject: str, work: Coroutine[None, None, None]) -> None:
    """Do the work; when it fails, say so and leave it to ADD."""
    try:
        await work
    except (problems.RemoteError, TimeoutError, OSError) as error:
        _log.warning("a port was not prepared", subject=subject, error=str(error) or type(error).__name__)
