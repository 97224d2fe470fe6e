"""Frames that carry a mark, and how they are known again: checked against scapy's reading of them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest
from scapy.layers.l2 import ARP, Dot1Q, Ether

from trunkline.trace import frame
from trunkline.trace.packet import Arp, Echo, Ip, Packet, Tcp, Udp, microflow

A, B, TAIL = "02:00:00:00:00:01", "02:00:00:00:00:02", b"12345678"


def ip(protocol: int, version: int = 4) -> Ip:
    ends = ("192.168.100.10", "192.168.100.20") if version == 4 else ("fd00::10", "fd00::20")
    return Ip(ip_address(ends[0]), ip_address(ends[1]), protocol, 63, 2 if version == 4 else 0)


PACKETS = {
    "echo": Packet(source=A, destination=B, network=ip(1), transport=Echo(7, 9)),
    "tcp": Packet(source=A, destination=B, network=ip(6), transport=Tcp(1234, 80, 2), payload=b"hello"),
    "udp": Packet(source=A, destination=B, network=ip(17), transport=Udp(1234, 53), size=60),
    "echo6": Packet(source=A, destination=B, ethertype=0x86DD, network=ip(58, 6), transport=Echo(7, 9)),
    "udp6": Packet(source=A, destination=B, ethertype=0x86DD, network=ip(17, 6), transport=Udp(1, 2), size=60),
}


@pytest.mark.parametrize("name", PACKETS)
def test_frame_is_what_was_asked_for_with_right_checksums(name: str) -> None:
    packet = PACKETS[name]
    built, _ = frame.build(packet, TAIL, 4711)

    read = Ether(built)
    again = Ether(built)
    for layer in (IP, ICMP, TCP, UDP, ICMPv6EchoRequest):
        if layer in again:
            for field in ("chksum", "cksum"):
                if field in again[layer].fields:
                    delattr(again[layer], field)
    assert bytes(again) == built
    assert (read.src, read.dst, len(built)) == (A, B, max(packet.size, len(built)))
    assert built.endswith(TAIL)
    assert packet.payload in built


def test_frame_has_the_size_asked_for() -> None:
    assert len(frame.build(PACKETS["echo"], TAIL, 1)[0]) == 128
    assert len(frame.build(PACKETS["udp"], TAIL, 1)[0]) == 60


def test_frame_grows_when_headers_and_mark_have_no_room() -> None:
    built, _ = frame.build(PACKETS["udp6"], TAIL, 1)

    assert len(built) == 14 + 40 + 8 + len(TAIL)


def test_marked_packet_is_known_with_a_tag_and_in_a_tunnel() -> None:
    built, mark = frame.build(PACKETS["echo"], TAIL, 4711)
    options = bytes.fromhex("0104010100010003")
    geneve = bytes([len(options) // 4, 0x40, 0x65, 0x58]) + (6).to_bytes(3, "big") + b"\0" + options + built
    outside = Ether(src=B, dst=A) / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=9, dport=6081) / geneve

    tagged = frame.recognise(frame.tagged(built, 1002), mark)
    carried = frame.recognise(bytes(outside), mark)

    assert tagged == frame.Seen(source=A, destination=B, vlan=1002, ttl=63)
    assert carried == frame.Seen(source=A, destination=B, ttl=63, tunnel=frame.Tunnel("10.9.0.1", "10.9.0.2", 6))
    assert Ether(frame.tagged(built, 1002))[Dot1Q].vlan == 1002


@pytest.mark.parametrize("name", sorted(PACKETS))
def test_a_mirrors_copy_of_the_packet_is_not_the_packet(name: str) -> None:
    built, mark = frame.build(PACKETS[name], TAIL, 4711)
    copy = Ether(src=B, dst=A) / IP(src="10.9.0.1", dst="10.9.0.9", id=0, proto=47) / (b"\0\0\x65\x58" + built)

    assert frame.recognise(bytes(copy), mark) is None


def test_answer_with_the_same_payload_is_another_packet() -> None:
    built, mark = frame.build(PACKETS["echo"], TAIL, 4711)
    answer = Ether(built)
    answer[ICMP].type = 0

    assert frame.recognise(bytes(answer), mark) is None


def test_packet_with_another_identification_or_end_is_another_packet() -> None:
    built, mark = frame.build(PACKETS["udp"], TAIL, 4711)
    other, _ = frame.build(PACKETS["udp"], TAIL, 4712)

    assert frame.recognise(other, mark) is None
    assert frame.recognise(built[:-1] + b"x", mark) is None
    assert frame.recognise(TAIL, mark) is None


def test_arp_frame() -> None:
    request = Packet(
        source=A,
        destination="ff:ff:ff:ff:ff:ff",
        ethertype=0x0806,
        size=60,
        network=Arp(1, ip_address("10.0.0.1"), ip_address("10.0.0.2")),
    )
    built, mark = frame.build(request, TAIL, 1)

    assert (Ether(built)[ARP].op, Ether(built)[ARP].pdst, len(built)) == (1, "10.0.0.2", 60)
    assert frame.recognise(built, mark) is not None


def test_microflow_says_the_same() -> None:
    assert microflow(PACKETS["echo"], "vm/1002") == (
        'inport == "vm/1002" && eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:00:02 && ip4 && '
        "ip4.src == 192.168.100.10 && ip4.dst == 192.168.100.20 && ip.ttl == 63 && ip.proto == 1 && "
        "icmp4.type == 8 && icmp4.code == 0"
    )
