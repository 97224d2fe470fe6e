"""Frames that a case has a machine send, by name: what a well-behaved one sends seldom, or never.

All of them go to everybody: to a broadcast or multicast address, so that whoever is on the segment gets them.

Source: RFC 2131 and RFC 8415 for DHCP, IEEE 802.1D for BPDUs, IEEE 802.1AB for LLDP, the Ethernet V2.0 specification for 0x9000.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from trunkline.trace import frame, packet
from trunkline.trace.packet import Arp, Ip, Packet, Udp

_ALL, _ALL_IPV6 = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
_BPDU = bytes.fromhex("4242030000000000800002000000000100000000800002000000000180010000140002000f00")
"""The header of 802.2, and a configuration message of a bridge that thinks itself the root."""


def build(kind: str, source: str) -> bytes:
    """The frame of that name, from a MAC.

    Raises:
        KeyError: there is no such frame.
    """
    return frame.build(KINDS[kind](source), b"", 1)[0]


def _ipv4(source: str, origin: int, to: int) -> Packet:
    network = Ip(IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255"), packet.UDP)
    return Packet(source=source, destination=_ALL, network=network, transport=Udp(origin, to))


def _ipv6(source: str, origin: int, to: int) -> Packet:
    network = Ip(IPv6Address("fe80::1"), IPv6Address("ff02::1"), packet.UDP)
    header = packet.ETHERTYPE_IPV6
    return Packet(source=source, destination=_ALL_IPV6, ethertype=header, network=network, transport=Udp(origin, to))


def _other(source: str, destination: str, ethertype: int, payload: bytes = b"") -> Packet:
    return Packet(source=source, destination=destination, ethertype=ethertype, payload=payload)


def _arp(source: str) -> Packet:
    asked = Arp(1, IPv4Address("0.0.0.0"), IPv4Address("192.0.2.1"))
    return Packet(source=source, destination=_ALL, ethertype=packet.ETHERTYPE_ARP, network=asked)


KINDS: dict[str, Callable[[str], Packet]] = {
    "arp": _arp,
    "udp": lambda source: _ipv4(source, 5000, 5000),
    "dhcp-offer": lambda source: _ipv4(source, 67, 68),
    "dhcp-discover": lambda source: _ipv4(source, 68, 67),
    "dhcpv6-advertise": lambda source: _ipv6(source, 547, 546),
    "dhcpv6-solicit": lambda source: _ipv6(source, 546, 547),
    "bpdu": lambda source: _other(source, "01:80:c2:00:00:00", len(_BPDU), _BPDU),
    "lldp": lambda source: _other(source, "01:80:c2:00:00:0e", 0x88CC),
    "loopback": lambda source: _other(source, _ALL, 0x9000),
}
"""What makes each frame of the sender's MAC."""
