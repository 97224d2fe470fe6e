"""Tells the policy manager which addresses are announced behind the ports of this machine.

Machines are only listened to: nothing is sent, and no packet waits for us.  What was told before a restart is continued, and
an interface that leaves this machine takes what is known of it along: the next hypervisor continues, if it comes there at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Iterator

import structlog

from trunkline.adapters import ovsdb, tallies
from trunkline.adapters.netlink.ears import Ears
from trunkline.adapters.ovs import rows
from trunkline.adapters.ovs.switch import Switch
from trunkline.agent.announcements import Announcement, announced
from trunkline.agent.neighbours import Neighbours, Place, Times
from trunkline.agent.settings import Settings
from trunkline.kit import clock, problems

INTERVAL = 1.0
"""Seconds between two looks at what was said meanwhile; chosen: what is discovered should show within a second or two."""

REFRESH = 60.0
"""Seconds after which it is told that known neighbours were heard again; chosen: profiles forget after five minutes at least."""

LINGER = 10.0
"""Seconds for which what is known of an interface that left can be read: the hypervisor that it has moved to, if it has,
continues from there.  Chosen: agents look every second."""

_log = structlog.get_logger(__name__)


async def run(settings: Settings, switch: Switch) -> None:
    """Listen and tell for ever."""
    tls = settings.tls and ovsdb.Tls(settings.tls.private_key, settings.tls.certificate, settings.tls.ca)
    try:
        async with ovsdb.Client(settings.tallies, tallies.DATABASE, tls=tls or None) as client:
            with contextlib.closing(Ears()) as ears:
                await Discovering(settings, switch, client, ears).run()
    except ovsdb.SchemaMismatch as error:
        _log.warning("no addresses are discovered: the database is of an earlier version", error=str(error))


class Discovering:
    """One machine's neighbours in the database."""

    def __init__(self, settings: Settings, switch: Switch, client: ovsdb.Client, ears: Ears) -> None:
        self._switch, self._client, self._ears = switch, client, ears
        self._chassis, self._bridge = settings.node, settings.integration_bridge
        self._neighbours = Neighbours({})
        self._ports: dict[str, str] = {}
        self._changed = False  # whether interfaces may have come or gone
        self._gone: set[str] = set()  # ports that have gone since the last look; some may be back
        self._left: dict[str, float] = {}  # ports that are no longer here, and since when

    async def run(self) -> None:
        """Listen and tell for ever."""
        replica = await self._client.replicate(
            tallies.Neighbour, where={tallies.Neighbour: [("chassis", "==", self._chassis)]}
        )
        self._neighbours = Neighbours(
            {
                _place(row): Times(row.first, max(row.first, row.last))
                for row in replica.table(tallies.Neighbour).values()
            }
        )
        stop = self._switch.replica.listen(self._notice)
        self._ports = dict(self._plugged())
        self._neighbours.keep(self._ports.values())
        try:
            await self._follow(replica)
        finally:
            stop()

    async def _follow(self, replica: ovsdb.Replica) -> None:
        loop = asyncio.get_running_loop()
        told, trouble = -REFRESH, ""
        while True:
            try:
                news = await self._look()
                if news or loop.time() - told >= REFRESH:
                    await self._tell(replica.table(tallies.Neighbour).values())
                    told, trouble = loop.time(), ""
            except (problems.RemoteError, OSError) as error:
                if trouble != str(error):
                    _log.warning("addresses are discovered late", error=str(error))
                told, trouble = -REFRESH, str(error)
            await asyncio.sleep(INTERVAL)

    async def _look(self) -> bool:
        """Take in what was said and what came and went since the last time; answers whether there is anything new to tell."""
        news = self._hear()
        if self._changed:
            self._changed = False
            news |= await self._replug()
        self._ears.listen_on(self._ports)
        return news | self._forget()

    def _hear(self) -> bool:
        now, news = int(clock.now().timestamp() * 1000), False
        for interface, frame in self._ears.heard():
            if said := announced(frame):
                news |= self._neighbours.take(self._ports[interface], said, now)
        return news

    async def _replug(self) -> bool:
        """Follow the interfaces: those that left take what is known of them along, those that came bring it."""
        before, self._ports = self._ports, dict(self._plugged())
        self._ears.listen_on(self._ports)  # before anything can fail: what is heard is looked up in them
        gone, self._gone = self._gone, set()
        here, known = set(self._ports.values()), set(before.values()) - gone
        now = asyncio.get_running_loop().time()
        self._left = {port: when for port, when in self._left.items() if port not in here}
        self._left |= dict.fromkeys((known | gone) - here, now)
        news = self._neighbours.keep(here - gone)
        return news | await self._adopt(here - known)

    async def _adopt(self, ports: Collection[str]) -> bool:
        """Continue what another hypervisor knows of ports that have come; answers whether there is anything."""
        elsewhere = ("chassis", "!=", self._chassis)
        wanted = [ovsdb.select("Neighbour", [elsewhere, *ovsdb.by("port", port)]) for port in sorted(ports)]
        found = [row for answer in await self._client.transact(wanted) for row in answer["rows"]] if wanted else []
        for row in found:
            place = Place(row["port"], Announcement(row["tag"], row["mac"], row["address"]))
            self._neighbours.adopt(place, Times(row["first"], max(row["first"], row["last"])))
        return bool(found)

    def _forget(self) -> bool:
        """Whether rows of interfaces that left have stood for long enough."""
        late = asyncio.get_running_loop().time() - LINGER
        over = [port for port, when in self._left.items() if when <= late]
        for port in over:
            del self._left[port]
        return bool(over)

    async def _tell(self, told: Iterable[tallies.Neighbour]) -> None:
        """Write what differs from what the database says."""
        known = {_place(row): row for row in told if row.port not in self._left}
        operations = []
        for place, times in self._neighbours.all():
            if (row := known.pop(place, None)) is None:
                operations.append(ovsdb.insert("Neighbour", self._row(place, times)))
            elif times.last - row.last >= REFRESH * 1000:
                operations.append(ovsdb.update("Neighbour", ovsdb.by_uuid(row.uuid), {"last": times.last}))
        operations += [ovsdb.delete("Neighbour", ovsdb.by_uuid(row.uuid)) for row in known.values()]
        if operations:
            await self._client.transact(operations)

    def _row(self, place: Place, times: Times) -> dict[str, str | int]:
        said = place.said
        names = {"chassis": self._chassis, "port": place.port}
        return {
            **names,
            "tag": said.tag,
            "mac": said.mac,
            "address": said.address,
            "first": times.first,
            "last": times.last,
        }

    def _plugged(self) -> Iterator[tuple[str, str]]:
        """The interfaces of machines on the integration bridge, each with the port that it is."""
        replica = self._switch.replica
        bridge = self._switch.bridge(self._bridge)
        for uuid in bridge.ports if bridge else ():
            port = replica.table(rows.Port).get(uuid)
            for each in port.interfaces if port else ():
                interface = replica.table(rows.Interface).get(each)
                if interface and (identity := interface.external_ids.get("iface-id")):
                    yield interface.name, identity

    def _notice(self, changes: list[ovsdb.Change]) -> None:
        self._changed = self._changed or any(_matters(change) for change in changes)
        gone = (change.old for change in changes if isinstance(change.old, rows.Interface) and change.new is None)
        self._gone.update(each.external_ids.get("iface-id", "") for each in gone)


def _matters(change: ovsdb.Change) -> bool:
    """Whether interfaces may have come or gone, or be those of other ports; most changes are of other columns."""
    match change.old, change.new:
        case rows.Interface() as old, rows.Interface() as new:
            return old.external_ids.get("iface-id") != new.external_ids.get("iface-id")
        case rows.Bridge() as old, rows.Bridge() as new:
            return old.ports != new.ports
    return isinstance(change.new or change.old, rows.Interface | rows.Bridge | rows.Port)


def _place(row: tallies.Neighbour) -> Place:
    return Place(row.port, Announcement(row.tag, row.mac, row.address))
