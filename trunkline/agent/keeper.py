"""Keeps a machine in the shape that OVN needs: at start, and again whenever something that matters has changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters.netlink import monitor
from trunkline.adapters.ovs import rows
from trunkline.adapters.ovs.switch import Switch
from trunkline.agent import management
from trunkline.agent.guard import Guard
from trunkline.agent.management import Management
from trunkline.agent.node import Node
from trunkline.agent.settings import Settings
from trunkline.agent.teams import Teams
from trunkline.agent.trial import Trial
from trunkline.agent.uplinks import Uplinks
from trunkline.kit import problems

_RETRY_SECONDS = 1.0
"""How long to wait before a step that failed is tried again; chosen."""

_log = structlog.get_logger(__name__)


class Keeper:
    """One machine's shape; `datapath` is "netdev" or "system", `guard` is None where it is not needed."""

    def __init__(self, settings: Settings, switch: Switch, guard: Guard | None, datapath: str) -> None:
        self.not_ready = "it has just started"
        self.management = Management(switch, bridge=settings.integration_bridge, checksum_offload=datapath != "netdev")
        self._settings = settings
        self._switch = switch
        trial = Trial(settings)
        self._uplinks = uplinks_of(settings, switch, trial, datapath)
        self._teams = Teams(switch, settings, datapath=datapath)
        self._node = Node(switch, settings, guard, self._uplinks, trial, self._teams, self.management, datapath)
        self._changed = asyncio.Event()

    def again(self) -> None:
        """Something has changed that the shape depends on."""
        self._changed.set()

    async def keep(self) -> None:
        """Bring the machine into shape after every change, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.bring_up()

    async def bring_up(self) -> None:
        """Bring the machine into shape, however often it takes; `not_ready` says meanwhile why it is not."""
        while True:
            try:
                await self._node.bring_up()
                self.not_ready = ""
                return
            except (problems.RemoteError, TimeoutError) as error:
                reason = str(error) or "Open vSwitch does not answer"
                if reason != self.not_ready:
                    _log.warning("the node is not in shape", error=reason)
                self.not_ready = reason
                await asyncio.sleep(_RETRY_SECONDS)

    def watch(self) -> monitor.Watch:
        """Notice changes of the database and of the cards for as long as the context lasts."""
        self._switch.replica.listen(lambda changes: self.again() if any(map(self._matters, changes)) else None)
        return monitor.Watch({*self._uplinks.interfaces(), *self._teams.interfaces(), management.INTERFACE}, self.again)

    def _matters(self, change: ovsdb.Change) -> bool:
        """Whether the shape may be affected; ports and mirrors of the integration bridge do not."""
        match change.old, change.new:
            case rows.Bridge() as old, rows.Bridge() as new if new.name == self._settings.integration_bridge:
                return msgspec.structs.replace(old, ports=new.ports, mirrors=new.mirrors) != new
            case rows.OpenVSwitch() as old, rows.OpenVSwitch() as new:
                return msgspec.structs.replace(old, next_cfg=new.next_cfg, cur_cfg=new.cur_cfg) != new
            case (rows.Bridge() | rows.OpenVSwitch(), _) | (_, rows.Bridge() | rows.OpenVSwitch()):
                return True
            case _, rows.Datapath():
                return True  # ovs-vswitchd tells its capabilities when it starts, and then has forgotten all flows
        return False


def uplinks_of(settings: Settings, switch: Switch, trial: Trial, datapath: str) -> Uplinks:
    """The cards that the settings name."""
    return Uplinks(switch, settings.uplinks, trial, datapath=datapath, state=Path(settings.state_dir))
