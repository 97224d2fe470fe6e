"""Captured frames, decoded as far as a lab's cases ask: Ethernet, 802.1Q, ARP, IP, ICMP, UDP, TCP, Geneve, GRE, ERSPAN, STP.

The layers of a frame lie flat in one `Packet`; what a tunnel carries is a `Packet` of its own in `inner`.  An IPFIX message is
one packet for each flow that it tells of, with the flow in `inner`.

Source: pcap savefile format (pcap-savefile(5)), IEEE 802.1Q, 802.2, RFC 791, 792, 768, 826, 2784, 2890, 8200, 8926, 9293, and for ERSPAN
draft-foschiano-erspan-03.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import msgspec

from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress
from trunkline.lab import ipfix

NOT_PCAP = problems.register("TRK-0622", "A capture file cannot be read.")

ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_VLAN, ETHERTYPE_IPV6, ETHERTYPE_QINQ = 0x0800, 0x0806, 0x8100, 0x86DD, 0x88A8
_ETHERTYPES = {0x88CC: "lldp"}
_LONGEST = 1500
"""In place of an Ethernet type: up to here it is the length of a frame of 802.2, which says in its first byte what it is."""
_STP = 0x42
_ICMP, _TCP, _UDP, _GRE = 1, 6, 17, 47
GENEVE_PORT = 6081
_ETHERNET = 0x6558
_ERSPAN_HEADERS = {0x88BE: 8, 0x22EB: 12}
"""Bytes of ERSPAN's own header by the GRE protocol of types II and III."""
_PLATFORM = 8  # bytes of type III's optional part
_ICMP_KINDS = {0: "echo-reply", 3: "unreachable", 5: "redirect", 8: "echo-request", 11: "time-exceeded"}
_ARP_KINDS = {1: "request", 2: "reply"}
_MICROSECONDS, _NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
_LINKTYPE_ETHERNET = 1


class Packet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One frame.  `vlan` is the outermost 802.1Q number, None for an untagged frame; `time` is in seconds since 1970.

    `key` is a GRE tunnel's key, or an ERSPAN session's number.  A frame that is not understood has its Ethernet type as `protocol`.
    """

    time: float = 0.0
    source_mac: str = ""
    destination_mac: str = ""
    vlan: int | None = None
    protocol: str = "other"
    source: IPAddress | None = None
    destination: IPAddress | None = None
    source_port: int | None = None
    destination_port: int | None = None
    kind: str = ""
    vni: int | None = None
    key: int | None = None
    inner: Packet | None = None

    def __str__(self) -> str:
        tag = f"vlan {self.vlan}" if self.vlan is not None else "untagged"
        text = f"{self.source_mac} > {self.destination_mac}, {tag}, {self._middle()}"
        return f"{text} [{self.inner}]" if self.inner else text

    def _middle(self) -> str:
        source = f"{self.source}.{self.source_port}" if self.source_port is not None else str(self.source or "?")
        port = self.destination_port
        destination = f"{self.destination}.{port}" if port is not None else str(self.destination or "?")
        detail = f" vni {self.vni}" if self.vni is not None else f" {self.kind}" if self.kind else ""
        detail += f" key {self.key}" if self.key is not None else ""
        return f"{source} > {destination} {self.protocol}{detail}"


def read(data: bytes) -> list[Packet]:
    """The packets of a pcap file with Ethernet frames; one that was cut off at the end is left out.

    Raises:
        IntentError: it is not such a file.
    """
    found = []
    templates: ipfix.Templates = {}
    for time, frame in _records(data):
        packet = decode(frame, time=time)
        if _is_ipfix(packet) and (message := _payload(frame)):
            flows = ipfix.flows(message, templates)
            told = msgspec.structs.replace(packet, protocol="ipfix")
            found += [msgspec.structs.replace(told, inner=Packet(**fields)) for fields in flows] or [told]
        else:
            found.append(packet)
    return found


def _is_ipfix(packet: Packet) -> bool:
    return packet.destination_port == ipfix.PORT and isinstance(packet.source, IPv4Address)


def _payload(frame: bytes) -> bytes:
    """What an untagged frame carries behind IPv4 and UDP."""
    return frame[14 + (frame[14] & 0x0F) * 4 + 8 :]


def decode(frame: bytes, *, time: float = 0.0) -> Packet:
    """One Ethernet frame; what is too short to be understood stays "other"."""
    fields: dict[str, Any] = {"time": time}
    try:
        fields |= {"destination_mac": frame[0:6].hex(":"), "source_mac": frame[6:12].hex(":")}
        ethertype, offset = struct.unpack_from("!H", frame, 12)[0], 14
        while ethertype in (ETHERTYPE_VLAN, ETHERTYPE_QINQ):
            tag, ethertype = struct.unpack_from("!HH", frame, offset)
            fields.setdefault("vlan", tag & 0xFFF)
            offset += 4
        if ethertype == ETHERTYPE_IPV4:
            fields |= _ipv4(frame[offset:])
        elif ethertype == ETHERTYPE_IPV6:
            fields |= _ipv6(frame[offset:])
        elif ethertype == ETHERTYPE_ARP:
            fields |= _arp(frame[offset:])
        elif ethertype <= _LONGEST:
            fields |= {"protocol": "stp" if frame[offset : offset + 1] == bytes([_STP]) else "llc"}
        else:
            fields |= {"protocol": _ETHERTYPES.get(ethertype, f"{ethertype:#06x}")}
    except struct.error:
        pass  # shorter than its headers promise: the part that was read stands
    return Packet(**fields)


def _records(data: bytes) -> Iterator[tuple[float, bytes]]:
    order, per_second, link = _header(data)
    if link & 0xFFFF != _LINKTYPE_ETHERNET:
        raise _wrong(f"link type {link & 0xFFFF}", "Ethernet frames (1) are wanted")
    offset = 24
    while offset + 16 <= len(data):
        seconds, fraction, length, _original = struct.unpack_from(order + "IIII", data, offset)
        frame = data[offset + 16 : offset + 16 + length]
        if len(frame) < length:
            return
        yield seconds + fraction / per_second, frame
        offset += 16 + length


def _header(data: bytes) -> tuple[str, float, int]:
    if len(data) < 24:
        raise _wrong(f"{len(data)} bytes", "a pcap header has 24")
    for order in "<>":
        (magic,) = struct.unpack_from(order + "I", data)
        if magic in (_MICROSECONDS, _NANOSECONDS):
            (link,) = struct.unpack_from(order + "I", data, 20)
            return order, 1e6 if magic == _MICROSECONDS else 1e9, link
    raise _wrong(f"the first bytes {data[:4].hex()}", "a pcap file is wanted (not pcapng)")


def _wrong(found: str, allowed: str) -> problems.IntentError:
    problem = problems.Problem(code=NOT_PCAP, object="capture file", found=found, allowed=allowed)
    return problems.IntentError(problems=[problem])


def _arp(body: bytes) -> dict[str, Any]:
    operation, source, destination = struct.unpack_from("!6xH6x4s6x4s", body)
    return {
        "protocol": "arp",
        "kind": _ARP_KINDS.get(operation, str(operation)),
        "source": IPv4Address(source),
        "destination": IPv4Address(destination),
    }


def _ipv4(body: bytes) -> dict[str, Any]:
    first, fragment, protocol, sender, receiver = struct.unpack_from("!B5xHxB2x4s4s", body)
    fields: dict[str, Any] = {
        "protocol": "ipv4",
        "source": IPv4Address(sender),
        "destination": IPv4Address(receiver),
    }
    payload = body[(first & 0x0F) * 4 :]
    if fragment & 0x1FFF:
        return fields  # a later fragment has no header of the layer above
    if protocol == _ICMP:
        (kind,) = struct.unpack_from("!B", payload)
        return fields | {"protocol": "icmp", "kind": _ICMP_KINDS.get(kind, str(kind))}
    if protocol == _GRE:
        return fields | _gre(payload)
    fields |= _ports(protocol, payload)
    if protocol == _UDP and fields["destination_port"] == GENEVE_PORT:
        fields |= _geneve(payload[8:])
    return fields


def _ipv6(body: bytes) -> dict[str, Any]:
    protocol, sender, receiver = struct.unpack_from("!6xBx16s16s", body)
    fields: dict[str, Any] = {
        "protocol": "ipv6",
        "source": IPv6Address(sender),
        "destination": IPv6Address(receiver),
    }
    return fields | (_gre(body[40:]) if protocol == _GRE else _ports(protocol, body[40:]))


def _ports(protocol: int, payload: bytes) -> dict[str, Any]:
    if protocol not in (_TCP, _UDP):
        return {}
    source, destination = struct.unpack_from("!HH", payload)
    return {"protocol": "tcp" if protocol == _TCP else "udp", "source_port": source, "destination_port": destination}


def _geneve(body: bytes) -> dict[str, Any]:
    first, _flags, carried = struct.unpack_from("!BBH", body)
    vni = int.from_bytes(body[4:7], "big")
    fields: dict[str, Any] = {"protocol": "geneve", "vni": vni}
    if carried == _ETHERNET:
        fields["inner"] = decode(body[8 + (first & 0x3F) * 4 :])
    return fields


def _gre(body: bytes) -> dict[str, Any]:
    flags, carried = struct.unpack_from("!HH", body)
    fields: dict[str, Any] = {"protocol": "gre"}
    offset = 4 + (4 if flags & 0x8000 else 0)
    if flags & 0x2000:
        (fields["key"],) = struct.unpack_from("!I", body, offset)
        offset += 4
    offset += 4 if flags & 0x1000 else 0
    if carried in _ERSPAN_HEADERS:
        (number,) = struct.unpack_from("!H", body, offset + 2)
        fields |= {"protocol": "erspan", "key": number & 0x3FF}
        last = body[offset + _ERSPAN_HEADERS[carried] - 1]
        offset += _ERSPAN_HEADERS[carried] + (_PLATFORM if carried == 0x22EB and last & 1 else 0)
    if carried == _ETHERNET or carried in _ERSPAN_HEADERS:
        fields["inner"] = decode(body[offset:])
    return fields
