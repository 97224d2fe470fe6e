"""Which addresses are behind a port: those that were declared, and those that machines announce, as the IP discovery profile says.

What is *discovered* is what was heard.  What is *realised* is what is relied upon: every declared address, and of the discovered
ones as many as the profile's limit, of IPv4 and of IPv6 apart, in the order in which they were first heard.  An address is heard
no longer when `arp_nd_binding_timeout` is over without a word of it; with `tofu_enabled` the first ones are trusted for as long as
the interface stays where it is, spoken or not.  Whatever matches one of the port's `ignored_address_bindings` is discovered
and takes no place.

Beyond the original: `trunkline_containers` of a parent's port tells what was discovered behind each tag that is bound to a child
segment, as the child's profile says, and a binding map has a state with what was discovered behind its tag on all ports of the
parent.  Nothing relies on it, so there is no limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Literal

import msgspec

from trunkline.dialects.nsx.view import Body

Source = Literal["USER_DEFINED", "ARP_SNOOPING", "ND_SNOOPING"]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An address that was announced at a segment port: without a tag, or behind a binding map's.  Times are ms since the epoch."""

    port: str
    binding: str = ""
    tag: int = 0
    mac: str
    address: str
    first_ms: int
    last_ms: int

    @property
    def source(self) -> Source:
        """How it was found."""
        return "ND_SNOOPING" if ":" in self.address else "ARP_SNOOPING"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What an IPDiscoveryProfile says: how many addresses may be realised from each source (0: it is off), and how long they last."""

    limits: Mapping[Source, int]
    trusting: bool = True
    timeout_ms: int
    duplicates: bool = False


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """An address, its MAC and tag as far as they are known, and since when; `when_ms` 0: from the beginning."""

    address: str
    mac: str = ""
    vlan: int | None = None
    source: Source = "USER_DEFINED"
    when_ms: int = 0

    @property
    def identity(self) -> tuple[str, str]:
        """The address and the MAC, in one spelling each."""
        return (str(ip_address(self.address)) if self.address else "", self.mac.lower())

    def body(self) -> Body:
        """As answers have it."""
        found = {"ip_address": self.address, "mac_address": self.mac, "vlan": self.vlan}
        binding = {name: value for name, value in found.items() if value not in ("", None)}
        when = {"binding_timestamp": self.when_ms} if self.when_ms else {}
        return {"binding": binding, "source": self.source, **when}


class Bindings(msgspec.Struct, frozen=True):
    """The bindings of one port; each duplicate with the path of the port that has the address."""

    discovered: tuple[Binding, ...] = ()
    realized: tuple[Binding, ...] = ()
    duplicates: tuple[tuple[Binding, str], ...] = ()


Owners = Mapping[str, tuple[int, str]]
"""By address on a segment, since when (ms) it is realised, and at which port's path."""


def profile(body: Body) -> Profile:
    """What a stored profile says; what it leaves out is NSX's default."""
    arp = body.get("ip_v4_discovery_options", {}).get("arp_snooping_config", {})
    nd = body.get("ip_v6_discovery_options", {}).get("nd_snooping_config", {})
    return Profile(
        limits={
            "ARP_SNOOPING": arp.get("arp_binding_limit", 1) if arp.get("arp_snooping_enabled", True) else 0,
            "ND_SNOOPING": nd.get("nd_snooping_limit", 3) if nd.get("nd_snooping_enabled", False) else 0,
        },
        trusting=body.get("tofu_enabled", True),
        timeout_ms=body.get("arp_nd_binding_timeout", 10) * 60_000,
        duplicates=body.get("duplicate_ip_detection", {}).get("duplicate_ip_detection_enabled", False),
    )


def bindings(body: Body, heard: Iterable[Heard], rules: Profile, now_ms: int) -> Bindings:
    """The bindings of a stored segment port, from what was heard there without a tag."""
    declared = tuple(map(_declared, body.get("address_bindings", ())))
    ignored = [_declared(each) for each in body.get("ignored_address_bindings", ())]
    wanted = sorted(
        (each for each in heard if rules.limits[each.source]), key=lambda each: (each.first_ms, each.address)
    )
    audible = {each for each in wanted if _audible(each, rules, now_ms)}
    relied: list[Heard] = []
    for source, limit in rules.limits.items():
        lasting = [each for each in wanted if each.source == source and (rules.trusting or each in audible)]
        relied += [each for each in lasting if not any(_covers(one, each) for one in ignored)][:limit]
    known = {each.identity for each in declared}
    realized = [each for each in map(_discovered, relied) if each.identity not in known]
    discovered = tuple(_discovered(each) for each in wanted if each in audible or each in relied)
    return Bindings(discovered, (*declared, *realized))


def owners(realized: Mapping[str, Bindings]) -> Owners:
    """Who has which address of a segment, of the ports by path: whoever has it declared, else whoever was heard first."""
    found: dict[str, tuple[int, str]] = {}
    for path, each in sorted(realized.items()):
        for binding in each.realized:
            since = binding.when_ms, path
            address = binding.identity[0]
            found[address] = min(found.get(address, since), since)
    return found


def without_duplicates(path: str, own: Bindings, segment: Owners) -> Bindings:
    """The bindings of the port at a path, without relying on addresses that another port of its segment had before."""
    twice = {
        each: segment[each.identity[0]][1]
        for each in own.realized
        if each.when_ms and segment.get(each.identity[0], (0, path))[1] != path
    }
    kept = tuple(each for each in own.realized if each not in twice)
    return Bindings(own.discovered, kept, tuple(twice.items()))


def containers(heard: Iterable[tuple[Heard, Profile]], now_ms: int) -> list[Body]:
    """What was discovered behind each tag of a port that is bound to a child segment; each with the child's profile."""
    found: dict[tuple[str, int], list[Body]] = {}
    for each, rules in sorted(heard, key=lambda pair: (pair[0].tag, pair[0].first_ms, pair[0].address)):
        if _audible(each, rules, now_ms):
            found.setdefault((child(each), each.tag), []).append(_discovered(each).body())
    return [
        {"connected_segment_path": segment, "vlan_traffic_tag": tag, "discovered_bindings": told}
        for (segment, tag), told in found.items()
    ]


def binding_state(heard: Iterable[Heard], rules: Profile, now_ms: int) -> Body:
    """The state of a binding map: what was discovered behind its tag, and at which ports; `rules` are the child's."""
    audible = (each for each in heard if _audible(each, rules, now_ms))
    found = sorted(audible, key=lambda each: (each.port, each.first_ms, each.address))
    return {"discovered_bindings": [{**_discovered(each).body(), "segment_port_path": each.port} for each in found]}


def child(heard: Heard) -> str:
    """The child segment whose tag something was heard with."""
    return heard.binding.rsplit("/", 2)[0]


def _audible(heard: Heard, rules: Profile, now_ms: int) -> bool:
    return rules.limits[heard.source] > 0 and heard.last_ms > now_ms - rules.timeout_ms


def _declared(bound: Mapping[str, Any]) -> Binding:
    address = str(bound.get("ip_address", ""))
    return Binding(address=address, mac=str(bound.get("mac_address", "")), vlan=bound.get("vlan_id"))


def _discovered(heard: Heard) -> Binding:
    vlan = heard.tag or None
    return Binding(address=heard.address, mac=heard.mac, vlan=vlan, source=heard.source, when_ms=heard.first_ms)


def _covers(ignored: Binding, heard: Heard) -> bool:
    """Whether what was heard is among what a port ignores: all that the entry names is the same, and it names something."""
    address, mac = ignored.identity
    pairs = ((mac, heard.mac), (address, heard.address), (ignored.vlan or "", heard.tag))
    named = [wanted == found for wanted, found in pairs if wanted != ""]
    return bool(named) and all(named)
