"""`packet` of a traceflow, read as the packet to trace."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from typing import Any

from trunkline.dialects.nsx import errors
from trunkline.kit import problems
from trunkline.trace import packet as packets
from trunkline.trace.packet import Arp, Echo, Ip, Packet, Tcp, Udp

UNTRACEABLE = problems.register("TRK-0682", "A traceflow's packet has headers that do not go together.")

_ARP_OPERATIONS = {"ARP_REQUEST": 1, "ARP_REPLY": 2}
_BROADCAST = "ff:ff:ff:ff:ff:ff"
_TRANSPORTS = ("icmp_echo_request_header", "tcp_header", "udp_header")
_PROTOCOLS = {"tcp_header": packets.TCP, "udp_header": packets.UDP}


def read(path: str, body: Mapping[str, Any]) -> Packet:
    """The packet that `packet` of the traceflow at a path describes.

    Raises:
        Refused: it describes none, or one that cannot be sent here.
    """
    if body.get("resource_type") == "BinaryPacketData":
        raise _wrong(path, "resource_type", "BinaryPacketData", "FieldsPacketData is wanted")
    ethernet = body.get("eth_header") or {}
    network = _network(path, body)
    broadcast = body.get("transport_type") == "BROADCAST"
    return Packet(
        source=_mac(path, ethernet, "src_mac"),
        destination=_BROADCAST if broadcast else _mac(path, ethernet, "dst_mac"),
        ethertype=_ethertype(network),
        network=network,
        transport=_transport(path, body, network),
        payload=_payload(path, body.get("payload") or ""),
        size=body.get("frame_size", 128),
    )


def _ethertype(network: Arp | Ip) -> int:
    if isinstance(network, Arp):
        return packets.ETHERTYPE_ARP
    return packets.ETHERTYPE_IPV4 if network.source.version == 4 else packets.ETHERTYPE_IPV6


def _network(path: str, body: Mapping[str, Any]) -> Arp | Ip:
    given = [name for name in ("ip_header", "ipv6_header", "arp_header") if body.get(name)]
    if len(given) > 1:
        raise _wrong(path, given[1], "a header", f"{given[0]} is there already")
    if not given:
        raise _wrong(path, "ip_header", None, "one of ip_header, ipv6_header and arp_header is needed")
    header = body[given[0]]
    ends = [_address(path, given[0], header, name) for name in ("src_ip", "dst_ip")]
    if given[0] == "arp_header":
        operation = _ARP_OPERATIONS[header.get("op_code", "ARP_REQUEST")]
        return Arp(operation, ipaddress.IPv4Address(ends[0]), ipaddress.IPv4Address(ends[1]))
    version = 4 if given[0] == "ip_header" else 6
    if {end.version for end in ends} != {version}:
        raise _wrong(path, f"{given[0]}.src_ip", str(ends[0]), f"IPv{version} addresses are wanted")
    names = ("protocol", "ttl") if version == 4 else ("next_header", "hop_limit")
    ordinary = packets.ICMP if version == 4 else packets.ICMPV6
    implied = _implied(body, version)
    protocol = implied if implied is not None else header.get(names[0], ordinary)
    return Ip(ends[0], ends[1], protocol, header.get(names[1], 64), header.get("flags", 0))


def _implied(body: Mapping[str, Any], version: int) -> int | None:
    """The protocol that the transport header stands for; it is the truth where the two disagree."""
    headers = body.get("transport_header") or {}
    if headers.get("icmp_echo_request_header") is not None:
        return packets.ICMP if version == 4 else packets.ICMPV6
    return next((number for name, number in _PROTOCOLS.items() if headers.get(name) is not None), None)


def _transport(path: str, body: Mapping[str, Any], network: Arp | Ip) -> packets.Transport:
    headers = {name: header for name, header in (body.get("transport_header") or {}).items() if header is not None}
    if other := next((name for name in headers if name not in _TRANSPORTS), None):
        raise _wrong(path, f"transport_header.{other}", "a header", f"one of {', '.join(_TRANSPORTS)}")
    if len(headers) > 1:
        raise _wrong(path, "transport_header", sorted(headers), "one header is wanted")
    if headers and not isinstance(network, Ip):
        raise _wrong(path, "transport_header", sorted(headers), "it needs an ip_header or ipv6_header")
    if (echo := headers.get("icmp_echo_request_header")) is not None:
        return Echo(echo.get("id", 0), echo.get("sequence", 0))
    if (tcp := headers.get("tcp_header")) is not None:
        return Tcp(tcp.get("src_port", 0), tcp.get("dst_port", 0), tcp.get("tcp_flags", 0))
    if (udp := headers.get("udp_header")) is not None:
        return Udp(udp.get("src_port", 0), udp.get("dst_port", 0))
    if isinstance(network, Ip) and network.protocol in (packets.ICMP, packets.ICMPV6):
        return Echo()
    return None


def _payload(path: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise _wrong(path, "payload", text[:40], "Base64 is wanted") from error


def _mac(path: str, header: Mapping[str, Any], name: str) -> str:
    if not header.get(name):
        raise _wrong(path, f"eth_header.{name}", None, "it is required")
    return str(header[name]).lower()


def _address(path: str, header: str, body: Mapping[str, Any], name: str) -> Any:
    if not body.get(name):
        raise _wrong(path, f"{header}.{name}", None, "it is required")
    return ipaddress.ip_address(body[name])


def _wrong(path: str, field: str, found: object, allowed: str) -> errors.Refused:
    return errors.wrong(path, f"packet.{field}", found, allowed, trk=UNTRACEABLE)
