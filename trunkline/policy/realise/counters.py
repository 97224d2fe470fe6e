"""What hypervisors have counted, added up over all of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from trunkline.adapters import ovsdb, tallies
from trunkline.dialects.nsx.statistics import Traffic


class Counters:
    """A live view of the tallies, by cookie."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._rows: defaultdict[int, dict[ovsdb.RowUuid, tallies.Tally]] = defaultdict(dict)

    async def run(self) -> None:
        """Follow the tallies until cancelled."""
        async with ovsdb.Client(self._remote, tallies.DATABASE) as client:
            replica = await client.replicate(tallies.Tally)
            for row in replica.table(tallies.Tally).values():
                self._rows[row.cookie][row.uuid] = row
            replica.listen(self._take)
            await asyncio.get_running_loop().create_future()

    def traffic(self, cookie: int) -> Traffic:
        """What passed the port with this cookie, wherever it was."""
        return sum((_traffic(row) for row in self._rows.get(cookie, {}).values()), Traffic())

    def _take(self, changes: list[ovsdb.Change]) -> None:
        for change in changes:
            if change.new is None:
                self._rows[change.old.cookie].pop(change.uuid, None)
            else:
                self._rows[change.new.cookie][change.uuid] = change.new


def _traffic(row: tallies.Tally) -> Traffic:
    return Traffic(row.received_packets, row.received_bytes, row.delivered_packets, row.delivered_bytes)
