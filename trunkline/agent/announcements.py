"""Who says in a frame which address is whose: ARP, and IPv6's neighbour discovery.  Pure.

What is listened to is a machine's word about itself.  Probes ("does anybody have this address?") say nothing, and what cannot be
a host's address or MAC is not believed.

Source: RFC 826, RFC 5227 (probes), RFC 4861 (solicitations and advertisements), IEEE 802.1Q.
"""

from __future__ import annotations

import ipaddress
import struct

import msgspec

_VLAN, _ARP, _IPV6 = 0x8100, 0x0806, 0x86DD
_ARP_OVER_ETHERNET = struct.pack("!HHBB", 1, 0x0800, 6, 4)
_ICMPV6, _ON_LINK = 58, 255
_SOLICITATION, _ADVERTISEMENT = 135, 136
_WITHOUT_OPTIONS = 24
_SOURCE_MAC, _TARGET_MAC = 1, 2
_GROUP_BIT = 0x01


class Announcement(msgspec.Struct, frozen=True):
    """An address and the MAC that is said to have it, behind a tag (0: none)."""

    tag: int
    mac: str
    address: str


def announced(frame: bytes) -> Announcement | None:
    """What a frame says; None if it says nothing, or nothing that can be."""
    try:
        tag, kind, packet = _opened(frame)
        if kind == _ARP:
            return _by_arp(tag, packet)
        if kind == _IPV6:
            return _by_neighbour_discovery(tag, frame[6:12], packet)
    except (struct.error, IndexError):
        pass  # shorter than it should be
    return None


def _opened(frame: bytes) -> tuple[int, int, bytes]:
    """The tag, the type of what is inside, and that."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind != _VLAN:
        return 0, kind, frame[14:]
    control, kind = struct.unpack_from("!HH", frame, 14)
    return control & 0x0FFF, kind, frame[18:]


def _by_arp(tag: int, packet: bytes) -> Announcement | None:
    header, _, mac, address = struct.unpack_from("!6sH6s4s", packet)
    return _believed(tag, mac, address) if header == _ARP_OVER_ETHERNET else None


def _by_neighbour_discovery(tag: int, sender: bytes, packet: bytes) -> Announcement | None:
    following, hops, source = packet[6], packet[7], packet[8:24]
    message = packet[40:]
    if (following, hops) != (_ICMPV6, _ON_LINK) or len(message) < _WITHOUT_OPTIONS:
        return None
    if message[0] == _SOLICITATION:
        return _believed(tag, _option(message[24:], _SOURCE_MAC) or sender, source)
    if message[0] == _ADVERTISEMENT:
        return _believed(tag, _option(message[24:], _TARGET_MAC) or sender, message[8:24])
    return None


def _option(options: bytes, wanted: int) -> bytes:
    """The MAC in an option of this kind, b"" without one."""
    while len(options) >= 8 and options[1]:
        if options[0] == wanted:
            return options[2:8]
        options = options[8 * options[1] :]
    return b""


def _believed(tag: int, mac: bytes, packed: bytes) -> Announcement | None:
    address = ipaddress.ip_address(packed)
    if mac[0] & _GROUP_BIT or not any(mac):
        return None
    if address.is_unspecified or address.is_multicast or address.is_loopback or str(address) == "255.255.255.255":
        return None
    return Announcement(tag, mac.hex(":"), str(address))
