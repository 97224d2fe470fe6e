"""What OVN's southbound database says: which hypervisors there are, how far each has followed, which one has which port.

Read only.  Everything is answered from memory.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.adapters import ovsdb
from trunkline.adapters.ovsdb import RowUuid

_GATEWAY_OPTION = "enable-chassis-as-gw"
"""Source: ovn-controller(8), `external_ids:ovn-cms-options`."""


class Global(ovsdb.Row, table="SB_Global"):
    """`nb_cfg` moves in the transaction in which northd tells the hypervisors about the northbound write of that number.

    `NB_Global.sb_cfg` says the same later: northd 23.03 computes everything once more before it gets to it.
    """

    nb_cfg: int


class Chassis(ovsdb.Row, table="Chassis"):
    """A hypervisor."""

    name: str
    other_config: dict[str, str]


class ChassisPrivate(ovsdb.Row, table="Chassis_Private"):
    """The number of the newest northbound write that a hypervisor's flows show; `chassis` is None when it has left."""

    name: str
    nb_cfg: int
    chassis: RowUuid | None


class PortBinding(ovsdb.Row, table="Port_Binding"):
    """Where a logical port is, and whether its flows are there."""

    logical_port: str
    parent_port: str | None
    chassis: RowUuid | None
    up: bool | None

    @property
    def waits(self) -> bool:
        """Whether nobody has claimed this port behind another one's tag."""
        return bool(self.parent_port) and self.chassis is None


class Place(msgspec.Struct, frozen=True):
    """The hypervisor that has a port, and whether the port works there."""

    chassis: str
    up: bool


class Southbound:
    """A live view of the database; `changed` is called after every batch of changes."""

    def __init__(self, client: ovsdb.Client) -> None:
        self._client = client
        self._bindings: dict[str, PortBinding] = {}
        self._waiting: dict[str, PortBinding] = {}
        self._replica: ovsdb.Replica | None = None

    async def start(self, changed: Callable[[], None]) -> None:
        """Load the view."""
        replica = await self._client.replicate(Global, Chassis, ChassisPrivate, PortBinding)
        self._replica = replica
        self._bindings = {row.logical_port: row for row in replica.table(PortBinding).values()}
        self._waiting = {name: row for name, row in self._bindings.items() if row.waits}

        def take(changes: list[ovsdb.Change]) -> None:
            self._take(changes)
            changed()

        replica.listen(take)

    @property
    def northd(self) -> int:
        """The number of the newest northbound write that northd has passed on; 0 before the first."""
        rows = self._replica.table(Global).values() if self._replica else ()
        return max((row.nb_cfg for row in rows), default=0)

    def followed(self) -> dict[str, int]:
        """The number that each hypervisor has followed to, by name."""
        rows = self._replica.table(ChassisPrivate).values() if self._replica else ()
        return {row.name: row.nb_cfg for row in rows if row.chassis}

    def gateways(self) -> tuple[str, ...]:
        """The hypervisors that say they may be gateways, by name; all of them if none says so."""
        assert self._replica is not None
        known = sorted(self._replica.table(Chassis).values(), key=lambda row: row.name)
        willing = [row for row in known if _GATEWAY_OPTION in row.other_config.get("ovn-cms-options", "").split(",")]
        return tuple(row.name for row in willing or known)

    def place(self, port: str) -> Place | None:
        """Where a logical port is; None if nowhere."""
        row = self._bindings.get(port)
        if self._replica is None or row is None or row.chassis is None:
            return None
        chassis = self._replica.table(Chassis).get(row.chassis)
        return Place(chassis.name, bool(row.up)) if chassis else None

    def waiting(self) -> dict[RowUuid, str]:
        """Ports behind tags that nobody has claimed, by row: the hypervisor that has the port which they are behind."""
        found = ((row.uuid, self.place(row.parent_port or "")) for row in self._waiting.values())
        return {row: place.chassis for row, place in found if place is not None}

    def cookie(self, port: str) -> int | None:
        """What marks the flows of a logical port; None if northd has not made it."""
        row = self._bindings.get(port)
        return int(row.uuid[:8], 16) if row else None

    def _take(self, changes: list[ovsdb.Change]) -> None:
        for change in changes:
            if change.table != "Port_Binding":
                continue
            if change.old is not None and (change.new is None or change.old.logical_port != change.new.logical_port):
                self._bindings.pop(change.old.logical_port, None)
                self._waiting.pop(change.old.logical_port, None)
            if change.new is not None:
                self._bindings[change.new.logical_port] = change.new
                self._waiting.pop(change.new.logical_port, None)
                if change.new.waits:
                    self._waiting[change.new.logical_port] = change.new
