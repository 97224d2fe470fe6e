"""A traced packet as bytes, with a mark at its end by which it is known again wherever it turns up.

The mark is random and closes the payload, so that routers, translators and tunnels leave it alone and carry it as the last
bytes of whatever they make of the frame.  An answer to the packet may carry the same payload back; it is told apart by the
IPv4 identification and the ICMP type.

Source: IEEE 802.1Q, RFC 791, 792, 768, 826, 8200, 8926, 9293; checksums: RFC 1071.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

import msgspec

from trunkline.trace import packet as packets
from trunkline.trace.packet import Arp, Echo, Ip, Packet, Tcp, Udp

MARK_BYTES = 8
"""How long a mark is; chosen: two packets of one hypervisor never share 64 random bits."""

_GRE = 47
_VLAN = 0x8100
_ETHERNET_IN_GENEVE, _GENEVE_PORT = 0x6558, 6081
_ECHO_REQUEST = {4: 8, 6: 128}


class Mark(msgspec.Struct, frozen=True):
    """How one packet is known: its last bytes, and if it has them its IPv4 identification and ICMP type."""

    tail: bytes
    identification: int | None = None
    icmp_type: int | None = None


class Tunnel(msgspec.Struct, frozen=True):
    """The outside of a Geneve packet."""

    source: str
    destination: str
    vni: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A frame as far as a trace cares; with a tunnel, the frame inside.  `vlan` 0: none."""

    source: str
    destination: str
    vlan: int = 0
    ttl: int = 0
    tunnel: Tunnel | None = None


def build(packet: Packet, tail: bytes, identification: int) -> tuple[bytes, Mark]:
    """The packet as an untagged frame that ends in `tail`, and how to know it again.

    The frame is longer than asked for if its headers, payload and mark have no room otherwise.
    """
    version = packet.network.source.version if isinstance(packet.network, Ip) else 0
    mark = Mark(
        tail,
        identification if version == 4 else None,
        _ECHO_REQUEST[version] if isinstance(packet.transport, Echo) and version else None,
    )
    fixed = len(_frame(packet, b"", identification))
    padding = max(packet.size - fixed - len(packet.payload) - len(tail), 0)
    return _frame(packet, packet.payload + bytes(padding) + tail, identification), mark


def tagged(frame: bytes, tag: int) -> bytes:
    """The frame with an 802.1Q tag; without one if the tag is 0."""
    return frame[:12] + struct.pack("!HH", _VLAN, tag) + frame[12:] if tag else frame


def recognise(frame: bytes, mark: Mark) -> Seen | None:
    """What a frame is if it is the marked packet, in a tunnel or not; None if it is another one."""
    if not frame.endswith(mark.tail):
        return None
    try:
        return _recognised(frame, mark, None)
    except (struct.error, IndexError):
        return None  # shorter than its headers promise


def _frame(packet: Packet, payload: bytes, identification: int) -> bytes:
    ethernet = _mac(packet.destination) + _mac(packet.source) + struct.pack("!H", packet.ethertype)
    match packet.network:
        case Arp(operation, source, target):
            body = struct.pack("!HHBBH", 1, packets.ETHERTYPE_IPV4, 6, 4, operation)
            body += _mac(packet.source) + source.packed + _mac("00:00:00:00:00:00") + target.packed
            return ethernet + body + payload
        case Ip() as ip:
            return ethernet + _ip(ip, _transport(packet, ip, payload), identification)
        case None:
            return ethernet + payload


def _ip(ip: Ip, payload: bytes, identification: int) -> bytes:
    if isinstance(ip.source, IPv6Address):
        fixed = struct.pack("!IHBB", 6 << 28, len(payload), ip.protocol, ip.ttl)
        return fixed + ip.source.packed + ip.destination.packed + payload
    fields = (0x45, 0, 20 + len(payload), identification, (ip.flags & 7) << 13, ip.ttl, ip.protocol)
    header = struct.pack("!BBHHHBB", *fields) + b"\0\0" + ip.source.packed + ip.destination.packed
    return header[:10] + _checksum(header) + header[12:] + payload


def _transport(packet: Packet, ip: Ip, payload: bytes) -> bytes:
    pseudo = ip.source.packed + ip.destination.packed
    match packet.transport:
        case Echo(identifier, sequence):
            kind = _ECHO_REQUEST[ip.source.version]
            body = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence) + payload
            return _summed(body, 2, b"" if kind == 8 else _pseudo(pseudo, ip.protocol, len(body)))
        case Tcp(source, destination, flags):
            body = struct.pack("!HHIIHHHH", source, destination, 0, 0, 5 << 12 | flags, 0xFFFF, 0, 0) + payload
            return _summed(body, 16, _pseudo(pseudo, ip.protocol, len(body)))
        case Udp(source, destination):
            body = struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload
            return _summed(body, 6, _pseudo(pseudo, ip.protocol, len(body)))
        case None:
            return payload


def _summed(body: bytes, at: int, pseudo: bytes) -> bytes:
    return body[:at] + _checksum(pseudo + body) + body[at + 2 :]


def _pseudo(addresses: bytes, protocol: int, length: int) -> bytes:
    # Of both versions: the sum is the same whether length and protocol take two bytes or four.
    return addresses + struct.pack("!II", length, protocol)


def _checksum(data: bytes) -> bytes:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _recognised(frame: bytes, mark: Mark, tunnel: Tunnel | None) -> Seen | None:
    ethertype, offset, vlan = struct.unpack_from("!H", frame, 12)[0], 14, 0
    if ethertype == _VLAN:
        tag, ethertype = struct.unpack_from("!HH", frame, 14)
        vlan, offset = tag & 0xFFF, 18
    body = frame[offset:]
    if tunnel is None and (inner := _geneve(body, ethertype)):
        outside, carried = inner
        return _recognised(carried, mark, outside)
    ttl = 0
    if ethertype == packets.ETHERTYPE_IPV4:
        ttl = body[8]
        if mark.identification is None and body[9] == _GRE:
            return None  # a mirror's copy on its way to a collector, not the packet
        if mark.identification not in (None, struct.unpack_from("!H", body, 4)[0]):
            return None
        if mark.icmp_type not in (None, body[(body[0] & 0xF) * 4]):
            return None
    elif ethertype == packets.ETHERTYPE_IPV6:
        ttl = body[7]
        if body[6] == _GRE:
            return None
        if mark.icmp_type not in (None, body[40]):
            return None
    return Seen(source=frame[6:12].hex(":"), destination=frame[:6].hex(":"), vlan=vlan, ttl=ttl, tunnel=tunnel)


def _geneve(body: bytes, ethertype: int) -> tuple[Tunnel, bytes] | None:
    """The outside and the frame inside of a Geneve packet; None if it is something else."""
    if ethertype == packets.ETHERTYPE_IPV4:
        start, protocol = (body[0] & 0xF) * 4, body[9]
        ends = [str(IPv4Address(body[at : at + 4])) for at in (12, 16)]
    elif ethertype == packets.ETHERTYPE_IPV6:
        start, protocol = 40, body[6]
        ends = [str(IPv6Address(body[at : at + 16])) for at in (8, 24)]
    else:
        return None
    if protocol != packets.UDP or struct.unpack_from("!H", body, start + 2)[0] != _GENEVE_PORT:
        return None
    first, carried = struct.unpack_from("!BxH", body, start + 8)
    if carried != _ETHERNET_IN_GENEVE:
        return None
    vni = int.from_bytes(body[start + 12 : start + 15], "big")
    return Tunnel(ends[0], ends[1], vni), body[start + 16 + (first & 0x3F) * 4 :]
