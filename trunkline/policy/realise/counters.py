"""What hypervisors have counted, added up over all of them; and what a port counted in whose place another one goes on.

The latter stands in a row of the manager's own, which is added to those of hypervisors and lives as long.  The former port's last
counts come when it is gone, so its row is followed for as long as this process lives.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from trunkline.adapters import ovsdb, tallies
from trunkline.dialects.nsx.statistics import Traffic

_MANAGER = ""
"""What the manager's rows have for a hypervisor's name."""


class Counters:
    """A live view of the tallies, by cookie."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._rows: defaultdict[int, dict[ovsdb.RowUuid, tallies.Tally]] = defaultdict(dict)
        self._former: dict[int, int] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follow the tallies until cancelled."""
        async with ovsdb.Client(self._remote, tallies.DATABASE) as client:
            replica = await client.replicate(tallies.Tally)
            self._rows.clear()
            for row in replica.table(tallies.Tally).values():
                self._rows[row.cookie][row.uuid] = row
            replica.listen(self._take)
            while True:
                self._changed.clear()
                if operations := [each for pair in self._former.items() if (each := self._handed_on(*pair))]:
                    await client.transact(operations)
                await self._changed.wait()

    def traffic(self, cookie: int) -> Traffic:
        """What passed the port with this cookie, and those in whose place it is, wherever they were."""
        return sum((_traffic(row) for row in self._rows.get(cookie, {}).values()), Traffic())

    def succeed(self, former: int, present: int) -> None:
        """Have the port with the cookie `present` go on with the counts of another one."""
        self._former[present] = former
        self._changed.set()

    def _handed_on(self, present: int, former: int) -> ovsdb.Operation | None:
        """The write that is missing for a port to have its former one's counts."""
        wanted = self.traffic(former)
        row = next((each for each in self._rows.get(present, {}).values() if each.chassis == _MANAGER), None)
        if wanted == (_traffic(row) if row else Traffic()):
            return None
        counts = {
            "received_packets": wanted.rx_packets,
            "received_bytes": wanted.rx_bytes,
            "delivered_packets": wanted.tx_packets,
            "delivered_bytes": wanted.tx_bytes,
        }
        if row is None:
            return ovsdb.insert("Tally", {"chassis": _MANAGER, "cookie": present} | counts)
        return ovsdb.update("Tally", ovsdb.by_uuid(row.uuid), counts)

    def _take(self, changes: list[ovsdb.Change]) -> None:
        former = set(self._former.values())
        for change in changes:
            row = change.old if change.new is None else change.new
            if change.new is None:
                self._rows[row.cookie].pop(change.uuid, None)
            else:
                self._rows[row.cookie][change.uuid] = change.new
            if row.cookie in former:
                self._changed.set()


def _traffic(row: tallies.Tally) -> Traffic:
    return Traffic(row.received_packets, row.received_bytes, row.delivered_packets, row.delivered_bytes)
