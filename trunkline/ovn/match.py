"""Match expressions for ACLs and router policies: the only place where text becomes part of a match.

OVN accepts a wrong match in the northbound database and in northd; only each ovn-controller complains, in its log.
Therefore nothing but these terms goes into a match, names are quoted here, addresses come from `ipaddress`, and there is
no term that negates: `ip4.src != $set` grows into thousands of flows per address.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from typing import NewType

from trunkline.kit.addresses import IPNetwork

Match = NewType("Match", str)
"""A match expression, or one term of it."""

_ALL_BITS = 2**48 - 1
"""Of a MAC."""

IP = Match("ip")
ARP = Match("arp")


def from_port(name: str) -> Match:
    """Packets that enter by the logical port."""
    return Match(f"inport == {_quoted(name)}")


def to_port(name: str) -> Match:
    """Packets that leave by the logical port."""
    return Match(f"outport == {_quoted(name)}")


def from_group(name: str) -> Match:
    """Packets that enter by a port of the port group."""
    return Match(f"inport == @{name}")


def udp_to(version: int, port: int) -> Match:
    """Datagrams over IPv4 or IPv6 to a UDP port."""
    return Match(f"ip{version} && udp.dst == {port}")


def to_macs(macs: Iterable[str]) -> Match:
    """Frames to one of the MACs, in as few terms as masks allow: each is a flow for each port of a group."""
    numbers = (int(mac.replace(":", ""), 16) for mac in macs)
    # Sixteen bytes hold six; the standard library knows how to merge neighbours of such numbers.
    blocks = ipaddress.collapse_addresses(ipaddress.IPv6Network(number) for number in numbers)
    return Match(f"eth.dst == {{{', '.join(map(_block, blocks))}}}")


def source(prefix: IPNetwork) -> Match:
    """Packets from an address in the prefix, of the prefix's family."""
    return _address("src", prefix)


def destination(prefix: IPNetwork) -> Match:
    """Packets to an address in the prefix, of the prefix's family."""
    return _address("dst", prefix)


def every(*terms: Match) -> Match:
    """Packets for which all terms hold."""
    return Match(" && ".join(terms))


def either(*terms: Match) -> Match:
    """Packets for which at least one term holds."""
    return Match(f"({' || '.join(terms)})")


def _block(block: ipaddress.IPv6Network) -> str:
    first, mask = (_mac(int(part)) for part in (block.network_address, block.netmask))
    return first if block.prefixlen == block.max_prefixlen else f"{first}/{mask}"


def _mac(number: int) -> str:
    return (number & _ALL_BITS).to_bytes(6, "big").hex(":")


def _address(field: str, prefix: IPNetwork) -> Match:
    if prefix.prefixlen == 0:
        return Match(f"ip{prefix.version}")
    host = prefix.prefixlen == prefix.max_prefixlen
    return Match(f"ip{prefix.version}.{field} == {prefix.network_address if host else prefix}")


def _quoted(name: str) -> str:
    # ovn-sb(5): string constants follow the rules for JSON strings.
    return json.dumps(name)
