"""Keeps one pod from stopping a node's data plane.

Open vSwitch 3.1.0's userspace connection tracker aborts ovs-vswitchd when a TCP connection's addresses and ports are used
again after a reset, if the connection was committed with a translation that changes nothing.  OVN commits every stateful
connection that way as soon as the datapath says that it supports it.  So we say that it does not.

ovs-vswitchd writes its capabilities anew at every start, so the row is watched; the first thing that happens when the
capability is back is that it goes again.  ovn-controller is told where its database is only after the first time.
"""

from __future__ import annotations

import asyncio

import structlog

from trunkline.adapters.ovs.switch import Switch
from trunkline.kit import problems

DATAPATH = "netdev"
CAPABILITY = "ct_zero_snat"

_log = structlog.get_logger(__name__)


class Guard:
    """Watches the capabilities of the userspace datapath."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    @property
    def holds(self) -> bool:
        """Whether the capability is known to be off."""
        datapath = self._switch.datapath(DATAPATH)
        return datapath is not None and CAPABILITY in datapath.capabilities and not self._offends

    @property
    def _offends(self) -> bool:
        datapath = self._switch.datapath(DATAPATH)
        return datapath is not None and datapath.capabilities.get(CAPABILITY) == "true"

    async def run(self) -> None:
        """Keep the capability off until cancelled."""
        changed = asyncio.Event()
        stop = self._switch.replica.listen(lambda _changes: changed.set() if self._offends else None)
        try:
            while True:
                if self._offends:
                    await self._overrule()
                await changed.wait()
                changed.clear()
        finally:
            stop()

    async def _overrule(self) -> None:
        datapath = self._switch.datapath(DATAPATH)
        assert datapath is not None
        try:
            await self._switch.set_capability(datapath, CAPABILITY, "false")
            _log.info("data-plane guard set", datapath=DATAPATH, capability=CAPABILITY)
        except problems.RemoteError as error:
            # The row may have been replaced meanwhile; the replica tells, and then it is tried again.
            _log.warning("data-plane guard could not be set", error=str(error))
            await asyncio.sleep(0.05)
