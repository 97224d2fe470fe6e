"""Lets the userspace datapath forget its cached flows after the tables of the integration bridge have changed.

With Open vSwitch 3.1.0 a cached flow may outlive the tables that it came from for as long as packets hit it, so a container
stays dark, or reachable, though everything is right (docs/decisions/0006).  The tables say themselves when they change: one
connection listens, nothing is polled, and while nothing changes nothing is done.

Forgetting costs every active flow one look-up, so changes that come together are waited for, and between two times there is
a pause, however much changes.
"""

from __future__ import annotations

import asyncio

import structlog

from trunkline.adapters.ovs import control, openflow
from trunkline.agent.settings import Settings
from trunkline.kit import problems

_QUIET = 0.2
"""Seconds without a change after which ovn-controller counts as done; chosen: it writes a change in one bundle."""
_LONGEST = 2.0
"""Seconds that changes are waited for at most; chosen: a reconnecting ovn-controller writes everything in about as long."""
_PAUSE = 5.0
"""Seconds between two times; chosen: half of what a cached flow without packets lives."""
_RETRY = 1.0

_log = structlog.get_logger(__name__)


class Forgetting:
    """One hypervisor's."""

    def __init__(self, settings: Settings) -> None:
        self._ovs, self._bridge = settings.ovs, settings.integration_bridge
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Listen and forget for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._forget())

    async def _listen(self) -> None:
        while True:
            try:
                async for _ in openflow.changes(self._ovs, self._bridge):
                    self._changed.set()
            except problems.RemoteError as error:
                _log.info("flow changes are not told", bridge=self._bridge, error=str(error))
            await asyncio.sleep(_RETRY)
            self._changed.set()  # what happened meanwhile is not known

    async def _forget(self) -> None:
        while True:
            await self._changed.wait()
            await self._settled()
            try:
                await control.forget_cached_flows(self._ovs)
            except problems.RemoteError as error:
                _log.warning("cached flows are not forgotten", error=str(error))
            await asyncio.sleep(_PAUSE)

    async def _settled(self) -> None:
        """Return when nothing has changed for a moment."""
        latest = asyncio.get_running_loop().time() + _LONGEST
        while self._changed.is_set() and asyncio.get_running_loop().time() < latest:
            self._changed.clear()
            await asyncio.sleep(_QUIET)
        self._changed.clear()
