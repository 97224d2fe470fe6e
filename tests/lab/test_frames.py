"""Frames that cases send are what their names say."""

from __future__ import annotations

import pytest

from trunkline.lab import frames, packets

scapy = pytest.importorskip("scapy.all")

MAC = "02:00:00:00:00:01"


@pytest.mark.parametrize(
    ("kind", "protocol", "port"),
    [
        ("arp", "arp", None),
        ("udp", "udp", 5000),
        ("dhcp-offer", "udp", 68),
        ("dhcp-discover", "udp", 67),
        ("dhcpv6-advertise", "udp", 546),
        ("dhcpv6-solicit", "udp", 547),
        ("bpdu", "stp", None),
        ("lldp", "lldp", None),
        ("loopback", "0x9000", None),
    ],
)
def test_each_goes_to_everybody_and_is_decoded_as_what_it_is(kind: str, protocol: str, port: int | None) -> None:
    found = packets.decode(frames.build(kind, MAC))

    assert (found.protocol, found.destination_port, found.source_mac) == (protocol, port, MAC)
    assert int(found.destination_mac[:2], 16) & 1


def test_bpdu_is_one_to_others_as_well() -> None:
    found = scapy.Ether(frames.build("bpdu", MAC), _internal=0)

    bpdu = scapy.Dot3(bytes(found))[scapy.STP]
    assert (bpdu.bpdutype, bpdu.rootmac, bpdu.bridgemac) == (0, MAC, MAC)


@pytest.mark.parametrize("kind", frames.KINDS)
def test_every_prefix_decodes_without_an_error(kind: str) -> None:
    whole = frames.build(kind, MAC)

    for end in range(len(whole)):
        packets.decode(whole[:end])
