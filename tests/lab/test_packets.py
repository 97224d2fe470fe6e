"""The decoder against scapy, and against files that end in the middle."""

from __future__ import annotations

import io
from ipaddress import IPv4Address
from typing import Any

import pytest

from trunkline.kit.problems import IntentError
from trunkline.lab import packets

scapy = pytest.importorskip("scapy.all")
geneve = pytest.importorskip("scapy.contrib.geneve")

ETHER = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
IP = {"src": "172.16.19.11", "dst": "172.29.161.22"}


def frame(*layers: Any) -> bytes:
    packet = scapy.Ether(**ETHER)
    for layer in layers:
        packet /= layer
    return bytes(packet)


@pytest.mark.parametrize("vlan", [None, 19, 4094])
def test_a_ping_shows_tag_addresses_and_kind(vlan: int | None) -> None:
    tags = [] if vlan is None else [scapy.Dot1Q(vlan=vlan, prio=5)]

    found = packets.decode(frame(*tags, scapy.IP(**IP), scapy.ICMP(type=8)))

    assert (found.vlan, found.protocol, found.kind) == (vlan, "icmp", "echo-request")
    assert (found.source, found.destination) == (IPv4Address(IP["src"]), IPv4Address(IP["dst"]))
    assert (found.source_mac, found.destination_mac) == (ETHER["src"], ETHER["dst"])


@pytest.mark.parametrize(("layer", "protocol"), [("TCP", "tcp"), ("UDP", "udp")])
def test_ports_are_read_behind_ip_options(layer: str, protocol: str) -> None:
    ip = scapy.IP(**IP, options=[scapy.IPOption_RR(routers=["0.0.0.0"])])

    found = packets.decode(frame(ip, getattr(scapy, layer)(sport=1234, dport=5432)))

    assert (found.protocol, found.source_port, found.destination_port) == (protocol, 1234, 5432)


def test_a_copy_by_ipv6_shows_its_key_and_what_it_carries() -> None:
    copied = scapy.Ether(**ETHER) / scapy.Dot1Q(vlan=7) / scapy.IP(**IP) / scapy.ICMP(type=8)
    tunnel = scapy.GRE(key_present=1, key=1002, proto=0x6558)

    found = packets.decode(frame(scapy.IPv6(src="fd00::1", dst="fd00::2"), tunnel, copied))

    assert (found.protocol, found.key, str(found.source), str(found.destination)) == ("gre", 1002, "fd00::1", "fd00::2")
    assert found.inner is not None
    assert (found.inner.vlan, found.inner.kind) == (7, "echo-request")


def test_a_later_fragment_has_no_ports() -> None:
    found = packets.decode(frame(scapy.IP(**IP, frag=10, proto=17), b"\x17\xc1" * 20))

    assert (found.protocol, found.destination_port) == ("ipv4", None)


def test_arp_shows_who_asks_for_whom() -> None:
    found = packets.decode(frame(scapy.Dot1Q(vlan=20), scapy.ARP(op=1, psrc="10.0.0.1", pdst="10.0.0.2")))

    assert (found.vlan, found.protocol, found.kind) == (20, "arp", "request")
    assert (found.source, found.destination) == (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"))


def test_geneve_shows_what_it_carries() -> None:
    inner = scapy.Ether(**ETHER) / scapy.IP(src="10.244.0.2", dst="10.244.1.2") / scapy.ICMP(type=0)
    outer = geneve.GENEVE(
        vni=7, proto=0x6558, options=[geneve.GeneveOptions(classid=0x102, type=0x80, data=b"\0\1\0\2")]
    )

    found = packets.decode(frame(scapy.IP(**IP), scapy.UDP(sport=9, dport=6081), outer, inner))

    assert (found.protocol, found.vni, found.vlan) == ("geneve", 7, None)
    assert found.inner is not None
    assert (found.inner.kind, found.inner.source) == ("echo-reply", IPv4Address("10.244.0.2"))


def test_every_prefix_of_a_frame_decodes_without_an_error() -> None:
    whole = frame(
        scapy.Dot1Q(vlan=19), scapy.IP(**IP), scapy.UDP(dport=6081), geneve.GENEVE(proto=0x6558), scapy.Ether()
    )

    for length in range(len(whole)):
        packets.decode(whole[:length])


def test_a_file_gives_its_packets_in_order_and_leaves_out_a_torn_one() -> None:
    file = io.BytesIO()
    writer = scapy.PcapWriter(file)
    for number in (1, 2, 3):
        packet = scapy.Ether(**ETHER) / scapy.IP(**IP) / scapy.UDP(dport=number)
        packet.time = 1000 + number
        writer.write(packet)
    writer.flush()
    data = file.getvalue()

    assert [packet.destination_port for packet in packets.read(data)] == [1, 2, 3]
    assert [packet.time for packet in packets.read(data[:-1])] == [1001, 1002]


def test_what_is_not_a_pcap_file_is_refused() -> None:
    with pytest.raises(IntentError, match="pcap"):
        packets.read(b"\x0a\x0d\x0d\x0a" + bytes(40))
