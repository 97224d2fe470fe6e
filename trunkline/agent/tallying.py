"""Tells the policy manager what passed the ports of this machine, every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from trunkline.adapters import ovsdb, tallies
from trunkline.adapters.ovs import flows
from trunkline.agent.counting import FROM_PORT, TO_PORT, Count, Counting
from trunkline.agent.settings import Settings
from trunkline.kit import problems

INTERVAL = 2.0
"""Seconds between two looks; chosen: a dump of two tables is a few milliseconds, and people look at statistics by hand."""

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Tell for ever."""
    tls = settings.tls and ovsdb.Tls(settings.tls.private_key, settings.tls.certificate, settings.tls.ca)
    async with ovsdb.Client(settings.tallies, tallies.DATABASE, tls=tls or None) as client:
        await Tallying(settings, client).run()


class Tallying:
    """One machine's tallies in the database."""

    def __init__(self, settings: Settings, client: ovsdb.Client) -> None:
        self._client, self._chassis = client, settings.node
        self._bridge = f"unix:{Path(settings.ovs.removeprefix('unix:')).parent}/{settings.integration_bridge}.mgmt"
        self._counting = Counting({}, {})
        self._untold: set[int] = set()

    async def run(self) -> None:
        """Look and tell for ever; what was told before a restart is continued."""
        replica = await self._client.replicate(tallies.Tally, where={tallies.Tally: [("chassis", "==", self._chassis)]})
        self._counting = _continued(replica.table(tallies.Tally).values())
        looked = time.monotonic()
        while True:
            try:
                found = [flow for table in (FROM_PORT, TO_PORT) for flow in await flows.dump(self._bridge, table)]
                elapsed, looked = time.monotonic() - looked, time.monotonic()
                self._untold |= self._counting.take(found, elapsed)
                known = {row.cookie: row.uuid for row in replica.table(tallies.Tally).values()}
                await self._tell(self._untold, known)
                self._untold.clear()
            except problems.RemoteError as error:
                _log.warning("tallies are late", error=str(error))
            await asyncio.sleep(INTERVAL)

    async def _tell(self, moved: Iterable[int], known: dict[int, ovsdb.RowUuid]) -> None:
        operations = []
        for cookie in sorted(moved):
            if uuid := known.get(cookie):
                operations.append(ovsdb.update("Tally", ovsdb.by_uuid(uuid), self._row(cookie)))
            else:
                operations.append(
                    ovsdb.insert("Tally", {"chassis": self._chassis, "cookie": cookie} | self._row(cookie))
                )
        if operations:
            await self._client.transact(operations)

    def _row(self, cookie: int) -> dict[str, int | dict[str, int]]:
        received, delivered = (self._counting.totals[cookie, table] for table in (FROM_PORT, TO_PORT))
        shown = {table: self._counting.shown.get((cookie, table), Count()) for table in (FROM_PORT, TO_PORT)}
        return {
            "received_packets": received.packets,
            "received_bytes": received.bytes,
            "delivered_packets": delivered.packets,
            "delivered_bytes": delivered.bytes,
            "shown": {f"{table} packets": count.packets for table, count in shown.items()}
            | {f"{table} bytes": count.bytes for table, count in shown.items()},
        }


def _continued(rows: Iterable[tallies.Tally]) -> Counting:
    totals, shown = {}, {}
    for row in rows:
        totals[row.cookie, FROM_PORT] = Count(row.received_packets, row.received_bytes)
        totals[row.cookie, TO_PORT] = Count(row.delivered_packets, row.delivered_bytes)
        for table in (FROM_PORT, TO_PORT):
            counted = Count(row.shown.get(f"{table} packets", 0), row.shown.get(f"{table} bytes", 0))
            shown[row.cookie, table] = counted
    return Counting(totals, shown)
