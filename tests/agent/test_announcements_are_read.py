"""Frames that say which address is whose, made by scapy, and those that only look like it."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from trunkline.agent.announcements import Announcement, announced

MAC, OTHER, ALL = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "ff:ff:ff:ff:ff:ff"
A, B, A6, B6 = "192.0.2.10", "192.0.2.11", "2001:db8::a", "2001:db8::b"


def arp(**fields: object) -> Packet:
    return ARP(**{"hwsrc": MAC, "psrc": A, "pdst": B, **fields})


def ether(*layers: Packet) -> bytes:
    frame = Ether(src=MAC, dst=ALL)
    for layer in layers:
        frame = frame / layer
    return bytes(frame)


SOLICITED = ICMPv6ND_NS(tgt=B6) / ICMPv6NDOptSrcLLAddr(lladdr=OTHER)
ADVERTISED = ICMPv6ND_NA(tgt=A6) / ICMPv6NDOptDstLLAddr(lladdr=OTHER)

SAYS = {
    "request": (ether(arp(op=1)), Announcement(0, MAC, A)),
    "reply": (ether(arp(op=2)), Announcement(0, MAC, A)),
    "to oneself": (ether(arp(op=1, pdst=A)), Announcement(0, MAC, A)),
    "behind a tag": (ether(Dot1Q(vlan=1002), arp()), Announcement(1002, MAC, A)),
    "behind a priority": (ether(Dot1Q(vlan=0, prio=5), arp()), Announcement(0, MAC, A)),
    "solicitation": (ether(IPv6(src=A6, dst=B6, hlim=255), SOLICITED), Announcement(0, OTHER, A6)),
    "solicitation without an option": (
        ether(IPv6(src=A6, dst=B6, hlim=255), ICMPv6ND_NS(tgt=B6)),
        Announcement(0, MAC, A6),
    ),
    "advertisement": (ether(IPv6(src=A6, dst=B6, hlim=255), ADVERTISED), Announcement(0, OTHER, A6)),
    "advertisement behind a tag": (
        ether(Dot1Q(vlan=7), IPv6(src=B6, dst=A6, hlim=255), ADVERTISED),
        Announcement(7, OTHER, A6),
    ),
}

SAYS_NOTHING = {
    "probe": ether(arp(psrc="0.0.0.0")),
    "to everybody": ether(arp(psrc="255.255.255.255")),
    "of a group": ether(arp(psrc="224.0.0.1")),
    "of the machine itself": ether(arp(psrc="127.0.0.1")),
    "a group's MAC": ether(arp(hwsrc="01:00:5e:00:00:01")),
    "no MAC": ether(arp(hwsrc="00:00:00:00:00:00")),
    "of another hardware": ether(arp(hwtype=6)),
    "two tags": ether(Dot1Q(vlan=7), Dot1Q(vlan=8), arp()),
    "from afar": ether(IPv6(src=A6, dst=B6, hlim=64), ADVERTISED),
    "asked before the address is one's own": ether(IPv6(src="::", dst=B6, hlim=255), ICMPv6ND_NS(tgt=A6)),
    "an echo": ether(IPv6(src=A6, dst=B6, hlim=255), ICMPv6EchoRequest()),
    "a ping": ether(IP(src=A, dst=B), ICMP()),
}


@pytest.mark.parametrize("name", SAYS)
def test_a_frame_says_whose_an_address_is(name):
    frame, said = SAYS[name]
    assert announced(frame) == said


@pytest.mark.parametrize("name", SAYS_NOTHING)
def test_a_frame_says_nothing(name):
    assert announced(SAYS_NOTHING[name]) is None


@pytest.mark.parametrize("name", SAYS)
def test_a_frame_that_is_cut_says_nothing_or_the_same(name):
    frame, said = SAYS[name]
    assert {announced(frame[:length]) for length in range(28)} == {None}
    assert {announced(frame[:length]) for length in range(len(frame))} <= {None, said, announced(frame[:-8])}
