"""What Open vSwitch must hold so that monitors are as wanted on this hypervisor: ports, mirrors, exporters, flows.  Pure.

Mirrors select the frames where they are, on the integration bridge or on that of the cards, and hand them by a patch to a
bridge of our own, where flows say what becomes of each copy: into tunnels, cut, filtered, or into a flow record.  So nothing
of OVN's is touched, and the few mirrors that a bridge may have are spent on selecting alone.  A copy for an interface goes
there at once: copies do not pass from one bridge to an interface of another.

Names of what is made follow from what it is for, so nothing has ever to be renamed or remembered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from trunkline.adapters.ovs.monitors import MOST_MIRRORS, ExportSpec, MirrorSpec
from trunkline.adapters.ovs.switch import PortSpec
from trunkline.agent import filters, labels
from trunkline.intent.monitors import Export, Local, Mirror, Monitor, Remote, Source, Uplink
from trunkline.kit import ids

BRIDGE = "br-span"

_WHOLE = 1 << 16
_TUNNELS = {"geneve": 6081, "vxlan": 4789}
"""UDP ports of the tunnels between hypervisors (RFC 8926, RFC 7348)."""


class Cards(msgspec.Struct, frozen=True):
    """The cards of a physical network, and the bridge that they are in."""

    bridge: str
    ports: tuple[str, ...]


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What of this hypervisor matters.

    `interfaces` are the ports of the integration bridge by their `iface-id`; `cards` are by physical network, "" being
    those with the tunnels; `unusable` says of tunnel ports why nothing can be sent there.
    """

    integration_bridge: str
    interfaces: Mapping[str, str] = {}
    cards: Mapping[str, Cards] = {}
    encapsulation: str = "geneve"
    unusable: Mapping[str, str] = {}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be there, and by monitor what cannot be."""

    ports: tuple[tuple[str, PortSpec], ...] = ()
    mirrors: tuple[MirrorSpec, ...] = ()
    exports: tuple[ExportSpec, ...] = ()
    flows: tuple[str, ...] = ()
    problems: dict[str, str] = {}


class _Tap(msgspec.Struct, frozen=True, kw_only=True):
    """Frames to select on one bridge; `match` says in OpenFlow's words which of their copies count."""

    bridge: str
    ports: frozenset[str]
    vlans: frozenset[int]
    match: str = ""


def layout(monitors: Iterable[Monitor], here: Here) -> Layout:
    """The whole of it."""
    made = _Making(here)
    for monitor in monitors:
        made.take(monitor)
    return made.layout()


def tunnel(to: Remote) -> PortSpec:
    """The port by which copies go to an address; two monitors with the same destination share it."""
    name = f"spt{ids.short_hash(f'{to.address} {to.encapsulation} {to.key}', 12)}"
    options = {"remote_ip": to.address} | ({"key": str(to.key)} if to.key >= 0 else {})
    if to.encapsulation == "gre":
        return PortSpec(name=name, type="gre", options=options, external_ids=labels.MONITOR)
    version = {"erspan_ver": "1", "erspan_idx": "0"} if to.encapsulation == "erspan-2" else {"erspan_ver": "2"}
    return PortSpec(name=name, type="erspan", options=options | version, external_ids=labels.MONITOR)


class _Making:
    """A layout in the making."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._ports: dict[str, tuple[str, PortSpec]] = {}
        self._mirrors: list[MirrorSpec] = []
        self._exports: list[ExportSpec] = []
        self._flows: list[str] = []
        self._spent: Counter[str] = Counter()
        self._problems: defaultdict[str, list[str]] = defaultdict(list)

    def layout(self) -> Layout:
        """What it has become."""
        return Layout(
            ports=tuple(self._ports.values()),
            mirrors=tuple(self._mirrors),
            exports=tuple(self._exports),
            flows=tuple(self._flows),
            problems={name: "; ".join(dict.fromkeys(found)) for name, found in self._problems.items()},
        )

    def take(self, monitor: Monitor) -> None:
        """Add a monitor, as far as it concerns this hypervisor."""
        taps = [*_of_interfaces(monitor.sources, self._here)]
        match monitor:
            case Mirror():
                taps += self._of_cards(monitor)
                self._copy(monitor, taps)
            case Export():
                self._export(monitor, taps)

    def _of_cards(self, mirror: Mirror) -> Iterator[_Tap]:
        for uplink in mirror.uplinks:
            cards = self._here.cards.get(uplink.physical_network)
            if cards is None:
                what = f"physical network {uplink.physical_network}" if uplink.physical_network else "the tunnels"
                self._problems[mirror.id].append(f"no bridge here holds the cards of {what}")
            else:
                yield _of_uplink(uplink, cards, self._here.encapsulation)

    def _copy(self, mirror: Mirror, taps: list[_Tap]) -> None:
        remote = [each for each in mirror.destinations if isinstance(each, Remote)]
        outputs = self._tunnels(mirror, remote) if taps else []
        if outputs:
            for tap in taps:
                port = self._select(mirror.id, tap, mirror.ingress, mirror.egress)
                if port:
                    chosen = filters.flows(mirror.filters, exclude=mirror.exclude)
                    self._flows += _copying(port, tap.match, chosen, outputs, mirror.length)
        for destination in mirror.destinations:
            if isinstance(destination, Local):
                self._to_interface(mirror, destination, taps)

    def _tunnels(self, mirror: Mirror, to: Iterable[Remote]) -> list[str]:
        names = []
        for each in to:
            spec = tunnel(each)
            self._ports[spec.name] = BRIDGE, spec
            if why := self._here.unusable.get(spec.name):
                self._problems[mirror.id].append(f"nothing can be sent to {each.address}: {why}")
            else:
                names.append(spec.name)
        return names

    def _to_interface(self, mirror: Mirror, to: Local, taps: list[_Tap]) -> None:
        if not taps:
            return
        output = self._here.interfaces.get(to.port)
        if output is None:
            self._problems[mirror.id].append(f"interface {to.port} is on another hypervisor than what is copied to it")
        elif mirror.filters:
            self._problems[mirror.id].append("copies for an interface cannot be filtered; send them to an address")
        elif any(tap.bridge != self._here.integration_bridge for tap in taps):
            self._problems[mirror.id].append("copies of uplinks cannot go to an interface; send them to an address")
        else:
            for tap in taps:
                where = ids.short_hash(f"{mirror.id}@{tap.bridge}>{to.port}", 10)
                self._mirror(mirror.id, where, tap, output, mirror.ingress, mirror.egress, mirror.length)

    def _export(self, export: Export, taps: list[_Tap]) -> None:
        number = int(ids.short_hash(export.id, 7), 16) + 1
        probability = min(export.probability, _WHOLE - 1)
        action = f"sample(probability={probability},collector_set_id={number},obs_domain_id={export.domain})"
        selected = [port for tap in taps if (port := self._select(export.id, tap, True, True))]
        if not selected:
            return
        self._flows += [f"priority=10,in_port={port},actions={action}" for port in dict.fromkeys(selected)]
        self._exports.append(
            ExportSpec(
                id=number,
                bridge=BRIDGE,
                targets=frozenset(export.collectors),
                active_timeout=export.active_timeout,
                flows=export.flows,
            )
        )

    def _select(self, monitor: str, tap: _Tap, ingress: bool, egress: bool) -> str:
        """Hand the frames of a tap to our bridge; answers the port by which they come, "" if they cannot be had."""
        where = ids.short_hash(f"{monitor}@{tap.bridge}", 10)
        outer, inner = f"spa{where}", f"spb{where}"
        if not self._mirror(monitor, where, tap, outer, ingress, egress):
            return ""
        for bridge, name, peer in ((tap.bridge, outer, inner), (BRIDGE, inner, outer)):
            spec = PortSpec(name=name, type="patch", options={"peer": peer}, external_ids=labels.MONITOR)
            self._ports[name] = bridge, spec
        return inner

    def _mirror(
        self, monitor: str, where: str, tap: _Tap, output: str, ingress: bool, egress: bool, length: int = 0
    ) -> bool:
        if self._spent[tap.bridge] == MOST_MIRRORS:
            allowed = f"bridge {tap.bridge} has {MOST_MIRRORS} mirrors, and can have no more"
            self._problems[monitor].append(allowed)
            return False
        self._spent[tap.bridge] += 1
        self._mirrors.append(
            MirrorSpec(
                name=f"span-{where}-{'.'.join(map(str, sorted(tap.vlans))) or 'all'}",
                bridge=tap.bridge,
                entering=tap.ports if ingress else frozenset(),
                leaving=tap.ports if egress else frozenset(),
                vlans=tap.vlans,
                length=length,
                output=output,
            )
        )
        return True


def _of_interfaces(sources: Iterable[Source], here: Here) -> Iterator[_Tap]:
    """One tap for each set of tags: of so many interfaces as have it."""
    tags: defaultdict[str, set[int]] = defaultdict(set)
    for source in sources:
        if port := here.interfaces.get(source.port):
            tags[port].add(source.tag)
    alike: defaultdict[frozenset[int], set[str]] = defaultdict(set)
    for port, found in tags.items():
        alike[frozenset(found)].add(port)
    for vlans, ports in sorted(alike.items(), key=lambda item: sorted(item[0])):
        yield _Tap(bridge=here.integration_bridge, ports=frozenset(ports), vlans=vlans)


def _of_uplink(uplink: Uplink, cards: Cards, encapsulation: str) -> _Tap:
    """Without a VLAN it is what travels in tunnels: nothing else, or copies on their way out would be copied again."""
    ports = frozenset(cards.ports)
    if uplink.physical_network:
        return _Tap(bridge=cards.bridge, ports=ports, vlans=frozenset({uplink.vlan}))
    return _Tap(bridge=cards.bridge, ports=ports, vlans=frozenset(), match=f"udp,tp_dst={_TUNNELS[encapsulation]}")


def _copying(port: str, match: str, chosen: filters.Chosen, outputs: list[str], length: int) -> Iterator[str]:
    """The flows of copies that come by a port: those that pass go out by every output, cut if that is wanted."""
    sending = ",".join(f"output(port={name},max_len={length})" if length else f"output:{name}" for name in outputs)
    where = ",".join(part for part in (f"in_port={port}", match) if part)
    yield f"priority=10,{where},actions={sending if chosen.otherwise else 'drop'}"
    for each in chosen.matches:
        yield f"priority=20,in_port={port},{each},actions={'drop' if chosen.otherwise else sending}"
