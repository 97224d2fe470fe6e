"""The packet that somebody wants traced, and the same as a microflow of OVN's expression language.

Source: ovn-sb(5) for the names of fields, ovn-trace(8) for microflows.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address

import msgspec

ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


class Arp(msgspec.Struct, frozen=True, tag="arp"):
    """An ARP request (1) or reply (2) for IPv4."""

    operation: int
    source: IPv4Address
    target: IPv4Address


class Ip(msgspec.Struct, frozen=True, tag="ip"):
    """An IPv4 or IPv6 header; `flags` are the three bits of IPv4."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: int
    ttl: int = 64
    flags: int = 0


class Echo(msgspec.Struct, frozen=True, tag="echo"):
    """An echo request, ICMP or ICMPv6 as the header below says."""

    identifier: int = 0
    sequence: int = 0


class Tcp(msgspec.Struct, frozen=True, tag="tcp"):
    """A TCP segment; `flags` are the nine bits."""

    source: int
    destination: int
    flags: int = 0


class Udp(msgspec.Struct, frozen=True, tag="udp"):
    """A UDP datagram."""

    source: int
    destination: int


Network = Arp | Ip | None
Transport = Echo | Tcp | Udp | None


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """An untagged Ethernet frame; `size` is its length in bytes without checksum, reached by padding the payload."""

    source: str
    destination: str
    ethertype: int = ETHERTYPE_IPV4
    network: Network = None
    transport: Transport = None
    payload: bytes = b""
    size: int = 128


def microflow(packet: Packet, port: str) -> str:
    """The packet as it comes in by a logical port, for ovn-trace."""
    terms = [f"inport == {json.dumps(port)}", f"eth.src == {packet.source}", f"eth.dst == {packet.destination}"]
    match packet.network:
        case Arp(operation, source, target):
            sender = f"arp.sha == {packet.source}"
            terms += ["arp", f"arp.op == {operation}", f"arp.spa == {source}", f"arp.tpa == {target}", sender]
        case Ip() as ip:
            terms += [*_ip(ip), *_transport(packet.transport, ip.source.version)]
        case None:
            terms.append(f"eth.type == {packet.ethertype:#06x}")
    return " && ".join(terms)


def _ip(ip: Ip) -> list[str]:
    version = f"ip{ip.source.version}"
    terms = [version, f"{version}.src == {ip.source}", f"{version}.dst == {ip.destination}", f"ip.ttl == {ip.ttl}"]
    return [*terms, f"ip.proto == {ip.protocol}"]


def _transport(transport: Transport, version: int) -> list[str]:
    match transport:
        case Echo():
            return ["icmp4.type == 8", "icmp4.code == 0"] if version == 4 else ["icmp6.type == 128", "icmp6.code == 0"]
        case Tcp(source, destination, flags):
            return [f"tcp.src == {source}", f"tcp.dst == {destination}", f"tcp.flags == {flags}"]
        case Udp(source, destination):
            return [f"udp.src == {source}", f"udp.dst == {destination}"]
        case None:
            return []
