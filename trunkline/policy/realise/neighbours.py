"""Which addresses hypervisors have heard behind a port."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import msgspec

from trunkline.adapters import ovsdb, tallies

Behind = tuple[str, int]
"""A port (the `iface-id` of its interface) and a tag, 0 for none."""


class Neighbour(msgspec.Struct, frozen=True):
    """An address and its MAC, and when it was announced first and last, milliseconds since the epoch."""

    mac: str
    address: str
    first: int
    last: int


class Neighbours:
    """A live view of the neighbours, by port and tag."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._rows: defaultdict[Behind, dict[ovsdb.RowUuid, tallies.Neighbour]] = defaultdict(dict)

    async def run(self) -> None:
        """Follow what hypervisors tell until cancelled."""
        async with ovsdb.Client(self._remote, tallies.DATABASE) as client:
            replica = await client.replicate(tallies.Neighbour)
            self._rows.clear()
            for row in replica.table(tallies.Neighbour).values():
                self._rows[row.port, row.tag][row.uuid] = row
            replica.listen(self._take)
            await asyncio.get_running_loop().create_future()

    def behind(self, port: str, tag: int) -> list[Neighbour]:
        """Who was heard behind the port with this tag; where two hypervisors tell, the interface is on its way."""
        found: dict[tuple[str, str], Neighbour] = {}
        for row in self._rows.get((port, tag), {}).values():
            this = Neighbour(row.mac, row.address, row.first, max(row.first, row.last))
            other = found.get((row.mac, row.address), this)
            first, last = min(this.first, other.first), max(this.last, other.last)
            found[row.mac, row.address] = Neighbour(row.mac, row.address, first, last)
        return list(found.values())

    def _take(self, changes: list[ovsdb.Change]) -> None:
        for change in changes:
            if change.new is not None:
                self._rows[change.new.port, change.new.tag][change.uuid] = change.new
                continue
            place = change.old.port, change.old.tag
            self._rows[place].pop(change.uuid, None)
            if not self._rows[place]:
                del self._rows[place]
