"""IPFIX messages as far as a lab's cases ask: who talked with whom, by what, on which VLAN.  Pure.

Source: RFC 7011 for messages, sets and templates; IANA's IPFIX information elements.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

PORT = 4739

Templates = dict[tuple[int, int], list[tuple[int, int]]]
"""Elements and their lengths by observation domain and number.

Not by exporter: all of a lab's are the same program, and of the burst of templates at the beginning some get lost.
"""

_TEMPLATE_SET, _FIRST_DATA_SET = 2, 256
_ENTERPRISE = 0x8000
_VARIABLE = 0xFFFF
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_ICMP_TYPES = {0: "echo-reply", 8: "echo-request"}
_ARP = 0x0806


def flows(message: bytes, templates: Templates) -> Iterator[dict[str, Any]]:
    """The flows that a message tells of, as fields of a packet; templates that it teaches are remembered."""
    try:
        version, length = struct.unpack_from("!HH", message)
        (domain,) = struct.unpack_from("!I", message, 12)
        offset = 16
        while version == 10 and offset + 4 <= min(length, len(message)):
            number, size = struct.unpack_from("!HH", message, offset)
            body = message[offset + 4 : offset + size]
            if number == _TEMPLATE_SET:
                _learn(body, templates, domain)
            elif number >= _FIRST_DATA_SET and (known := templates.get((domain, number))):
                yield from _records(body, known)
            offset += max(size, 4)
    except struct.error:
        return  # cut off: what was read stands


def _learn(body: bytes, templates: Templates, domain: int) -> None:
    offset = 0
    while offset + 4 <= len(body):
        number, count = struct.unpack_from("!HH", body, offset)
        offset += 4
        elements = []
        for _ in range(count):
            element, length = struct.unpack_from("!HH", body, offset)
            elements.append((element, length))
            offset += 8 if element & _ENTERPRISE else 4
        templates[domain, number] = elements


def _records(body: bytes, elements: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    least = sum(length if length != _VARIABLE else 1 for _, length in elements)
    offset = 0
    while least and offset + least <= len(body):
        found: dict[int, bytes] = {}
        for element, length in elements:
            if length == _VARIABLE:
                length, offset = body[offset], offset + 1
            found[element] = body[offset : offset + length]
            offset += length
        yield _fields(found)


def _fields(found: dict[int, bytes]) -> dict[str, Any]:
    """The elements by number: 4 protocol, 7 and 11 ports, 8 and 12 addresses, 56 and 80 MACs, 58 VLAN, 176 ICMP type."""
    number = {element: int.from_bytes(value, "big") for element, value in found.items()}
    fields: dict[str, Any] = {"protocol": _PROTOCOLS.get(number.get(4, -1), "other")}
    if number.get(256) == _ARP:
        fields["protocol"] = "arp"
    for name, element in (("source", 8), ("destination", 12)):
        if element in found:
            fields[name] = IPv4Address(found[element])
    for name, element in (("source_mac", 56), ("destination_mac", 80)):
        if element in found:
            fields[name] = found[element].hex(":")
    for name, element in (("source_port", 7), ("destination_port", 11), ("vlan", 58)):
        if element in found:
            fields[name] = number[element]
    if fields["protocol"] == "icmp" and 176 in found:
        fields["kind"] = _ICMP_TYPES.get(number[176], str(number[176]))
    return fields
