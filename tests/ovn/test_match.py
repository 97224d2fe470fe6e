"""Predicates and the text they become."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from trunkline.ovn import match


@pytest.mark.parametrize(
    ("made", "text"),
    [
        pytest.param(match.source(ip_network("10.0.0.0/8")), "ip4.src == 10.0.0.0/8", id="prefix"),
        pytest.param(match.destination(ip_network("10.0.0.1/32")), "ip4.dst == 10.0.0.1", id="host"),
        pytest.param(match.source(ip_network("fd00::/64")), "ip6.src == fd00::/64", id="prefix-of-ipv6"),
        pytest.param(match.destination(ip_network("fd00::1/128")), "ip6.dst == fd00::1", id="host-of-ipv6"),
        pytest.param(match.destination(ip_network("0.0.0.0/0")), "ip4", id="anywhere"),
        pytest.param(match.destination(ip_network("::/0")), "ip6", id="anywhere-in-ipv6"),
        pytest.param(match.from_port("a/b"), 'inport == "a/b"', id="from-a-port"),
        pytest.param(match.to_port("localnet:x"), 'outport == "localnet:x"', id="to-a-port"),
        pytest.param(match.from_port('a" || 1 || "'), r'inport == "a\" || 1 || \""', id="quotes-cannot-break-out"),
        pytest.param(match.from_group("g_1"), "inport == @g_1", id="from-a-group"),
        pytest.param(match.udp_to(6, 546), "ip6 && udp.dst == 546", id="datagrams"),
        pytest.param(match.to_macs(["01:00:0c:cc:cc:cc"]), "eth.dst == {01:00:0c:cc:cc:cc}", id="one-mac"),
        pytest.param(
            match.to_macs(f"01:80:c2:00:00:{n:02x}" for n in range(16) if n != 14),
            "eth.dst == {01:80:c2:00:00:00/ff:ff:ff:ff:ff:f8, 01:80:c2:00:00:08/ff:ff:ff:ff:ff:fc, "
            "01:80:c2:00:00:0c/ff:ff:ff:ff:ff:fe, 01:80:c2:00:00:0f}",
            id="macs-in-a-row-but-one",
        ),
        pytest.param(match.either(match.IP, match.ARP), "(ip || arp)", id="one-of-two"),
        pytest.param(match.every(match.IP, match.to_port("p")), 'ip && outport == "p"', id="both"),
    ],
)
def test_predicate_becomes_text(made: match.Match, text: str) -> None:
    assert made == text


def test_no_term_can_negate() -> None:
    """A negated set takes down ovn-controller, so the vocabulary has no word for it."""
    public = {name for name in vars(match) if not name.startswith("_")}

    assert {name for name in public if callable(getattr(match, name)) and name.islower()} == {
        "from_port",
        "to_port",
        "from_group",
        "udp_to",
        "to_macs",
        "source",
        "destination",
        "every",
        "either",
    }
