"""Keeps the monitors of this hypervisor as the policy manager wants them, whoever is away.

What was wanted last is on disk, and what was made of it is in Open vSwitch's database, so mirrors stand through restarts of
the agent and of the manager, and follow interfaces that come and go meanwhile.  An agent that was never told anything leaves
everything as it is.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters.netlink import addresses, links
from trunkline.adapters.netlink.connection import Connection
from trunkline.adapters.ovs import control, monitors, program, rows
from trunkline.adapters.ovs.switch import BridgeSpec, Switch
from trunkline.agent import labels, spans, teams, uplinks
from trunkline.agent.settings import Settings
from trunkline.agent.spans import Cards, Here, Layout
from trunkline.intent.monitors import Agenda, Mirror, Monitor, Remote, Standing
from trunkline.kit import durable, ids, problems

_OPEN_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_AGAIN_SECONDS = 15.0
"""Seconds after which what cannot be done is tried again: nobody tells of a route that has come.  Chosen."""

_log = structlog.get_logger(__name__)


class Monitoring:
    """One hypervisor's monitors."""

    def __init__(self, switch: Switch, settings: Settings, datapath: str) -> None:
        self._switch, self._settings, self._datapath = switch, settings, datapath
        self._file = Path(settings.state_dir) / "monitors.json"
        self._agenda: Agenda | None = None
        self._standing: Standing | None = None
        self._changed, self._news = asyncio.Event(), asyncio.Event()
        self._flows = ""  # what the flows of our bridge are known to be

    def want(self, agenda: Agenda) -> None:
        """From now on this is wanted."""
        if agenda != self._agenda:
            self._agenda = agenda
            self._changed.set()
            try:
                durable.write(self._file, msgspec.json.encode(agenda))
            except OSError as error:  # needed only by an agent that starts while the manager is away
                _log.warning("monitors cannot be recorded", file=str(self._file), error=str(error))

    async def standing(self, known: Standing | None) -> Standing:
        """How far this hypervisor is, as soon as that is another than the `known` one."""
        while self._standing is None or self._standing == known:
            self._news.clear()
            await self._news.wait()
        return self._standing

    async def run(self) -> None:
        """Follow for ever."""
        self._agenda = self._agenda or self._recorded()
        stop = self._switch.replica.listen(self._notice)
        try:
            while True:
                self._changed.clear()
                wait = await self._round()
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            stop()

    async def _round(self) -> float | None:
        """Follow what is wanted now; answers after how many seconds to look again though nothing has changed."""
        if (agenda := self._agenda) is None:
            return None
        try:
            found = await self._follow(agenda.monitors)
        except (problems.RemoteError, TimeoutError, OSError) as error:
            _log.warning("monitors are not as wanted", error=str(error))
            self._flows = ""
            found = {each.id: str(error) or "Open vSwitch does not answer" for each in agenda.monitors}
            self._tell(Standing(revision=agenda.revision, problems=found))
            return _RETRY_SECONDS
        self._tell(Standing(revision=agenda.revision, problems=found))
        return _AGAIN_SECONDS if found else None

    def _tell(self, standing: Standing) -> None:
        self._standing = standing
        self._news.set()

    def _recorded(self) -> Agenda | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Agenda)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            _log.warning("the record of monitors cannot be read", file=str(self._file), error=str(error))
            return None

    def _notice(self, changes: list[ovsdb.Change]) -> None:
        """Look again when something of ours may be another now, or interfaces have come or gone."""
        if any(isinstance(change.new, rows.Datapath) for change in changes):
            self._flows = ""  # ovs-vswitchd tells its capabilities when it starts, and then has forgotten all flows
        if any(_matters(change) for change in changes):
            self._changed.set()

    async def _follow(self, wanted: tuple[Monitor, ...]) -> dict[str, str]:
        """Make it so; answers what cannot be, by monitor."""
        if not wanted and self._switch.bridge(spans.BRIDGE) is None:
            return {}
        here = await self._here(wanted)
        made = spans.layout(wanted, here)
        if made.ports:
            await self._switch.ensure_bridge(
                BridgeSpec(
                    name=spans.BRIDGE,
                    datapath_type=self._datapath,
                    fail_mode="secure",
                    external_ids=labels.OWNER,
                )
            )
        if unusable := await self._open(made):
            made = spans.layout(wanted, msgspec.structs.replace(here, unusable={**here.unusable, **unusable}))
        if made.ports:
            await self._ensure_flows(made)
        if await monitors.ensure(self._switch, labels.MONITOR, made.mirrors, made.exports):
            await self._forget_cached_flows()
        await self._clear(made)
        return made.problems

    async def _open(self, made: Layout) -> dict[str, str]:
        """Make the ports; answers those that ovs-vswitchd cannot open, and why."""
        unusable = {}
        for bridge, spec in made.ports:
            interface = await self._switch.ensure_port(bridge, spec)
            try:
                await self._switch.opened(interface, _OPEN_SECONDS)
            except problems.RemoteError as error:
                if spec.type == "patch":
                    raise
                unusable[spec.name] = str(error)
        return unusable

    async def _ensure_flows(self, made: Layout) -> None:
        cookie = int(ids.short_hash("\n".join(made.flows), 15), 16)
        if self._flows == str(cookie):
            return
        ovs = self._settings.ovs
        if await program.count(ovs, spans.BRIDGE, cookie) != len(made.flows) or not made.flows:
            added = (f"flow add cookie={cookie:#x},{flow}" for flow in made.flows)
            await program.replace(ovs, spans.BRIDGE, ["flow delete", *added])
        self._flows = str(cookie)

    async def _forget_cached_flows(self) -> None:
        """What is mirrored must be looked up again: in user space, cached flows were seen to outlive such a change."""
        if self._datapath == "netdev":
            await self._switch.taken(_OPEN_SECONDS)
            await control.forget_cached_flows(self._settings.ovs)

    async def _clear(self, made: Layout) -> None:
        """Take away the ports that are no longer for anything, and our bridge with the last of them."""
        kept = {spec.name for _, spec in made.ports}
        ours = self._switch.interfaces(labels.MONITOR)
        await self._switch.remove_ports(each for each in ours if each.name not in kept)
        if not kept:
            await self._switch.remove_bridge(spans.BRIDGE)
            self._flows = ""

    async def _here(self, wanted: tuple[Monitor, ...]) -> Here:
        bridge = self._switch.bridge(self._settings.integration_bridge)
        interfaces = {}
        for each in self._switch.replica.table(rows.Interface).values():
            identity = each.external_ids.get("iface-id")
            port = self._switch.port_of(each) if identity and (each.ofport or 0) > 0 else None
            if identity and port and bridge and port.uuid in bridge.ports:
                interfaces[identity] = port.name
        return Here(
            integration_bridge=self._settings.integration_bridge,
            interfaces=interfaces,
            cards=await asyncio.to_thread(cards, self._settings),
            encapsulation=self._settings.encap_type,
            unusable=await self._unreachable(wanted) if self._datapath == "netdev" else {},
        )

    async def _unreachable(self, wanted: tuple[Monitor, ...]) -> dict[str, str]:
        """The tunnels by which nothing would arrive: in user space they leave only by a port of a bridge's own."""
        found = {}
        to = [each for monitor in wanted if isinstance(monitor, Mirror) for each in monitor.destinations]
        for each in dict.fromkeys(each for each in to if isinstance(each, Remote)):
            device = await control.tunnel_device(self._settings.ovs, each.address)
            if self._switch.bridge(device) is None:
                why = f"the way is by {device}, which is no bridge's own port" if device else "there is no route"
                found[spans.tunnel(each).name] = why
        return found


def cards(settings: Settings) -> dict[str, Cards]:
    """The cards by physical network; "" are those of the bridge that wears the address of the tunnels."""
    found = {each.physical_network: Cards(teams.BRIDGE, each.interfaces) for each in settings.teaming}
    single = [(each.physical_network, uplinks.bridge_name(each.physical_network), each) for each in settings.uplinks]
    found |= {network: Cards(bridge, (uplink.interface,)) for network, bridge, uplink in single}
    with Connection() as kernel:
        for _, bridge, uplink in single:
            link = links.find(kernel, bridge)
            worn = addresses.listed(kernel, link.index) if link else ()
            if any(str(each.value.ip) == settings.encap_ip for each in worn):
                found[""] = Cards(bridge, (uplink.interface,))
    return found


def _matters(change: ovsdb.Change) -> bool:
    match change.old, change.new:
        case rows.Interface() as old, rows.Interface() as new:
            return _plug(old) != _plug(new)
        case (None, rows.Interface() as one) | (rows.Interface() as one, None):
            return "iface-id" in one.external_ids or labels.MONITOR.items() <= one.external_ids.items()
        case (rows.Bridge(), None) | (None, rows.Bridge()):
            return True
        case (rows.Mirror() | rows.CollectorSet() | rows.Ipfix(), _) | (_, rows.Datapath()):
            return True
    return False


def _plug(interface: rows.Interface) -> tuple[str | None, int | None]:
    """What of an interface makes it another one for us."""
    return interface.external_ids.get("iface-id"), interface.ofport
