"""The kernel's filter on a real interface: what is said of addresses comes in, nothing else does, and interfaces come and go."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NA, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from trunkline.adapters.netlink import namespace
from trunkline.adapters.netlink.ears import MOST_BYTES, Ears

pytestmark = pytest.mark.lab

A6 = "2001:db8::a"


class Pair:
    """A namespace, in it an interface `vm` of a machine, and `far`, the machine's side of it."""

    def __init__(self) -> None:
        self.name = f"tk{secrets.token_hex(3)}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)

    def lay(self) -> None:
        self.ip("link", "add", "vm", "type", "veth", "peer", "name", "far")
        for name in ("vm", "far"):
            # Nothing of the kernel's own may be said while we listen.
            self.ip("link", "set", name, "addrgenmode", "none", "arp", "off")
            self.ip("link", "set", name, "up")

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", "-n", self.name, *arguments], check=True)

    def ears(self) -> Ears:
        """They hear in the namespace they are opened in."""
        made = namespace.run_inside(f"/run/netns/{self.name}", Ears)
        listen = made.listen_on

        def there(interfaces: list[str]) -> None:
            namespace.run_inside(f"/run/netns/{self.name}", lambda: listen(interfaces))

        made.listen_on = there  # type: ignore[method-assign,assignment]
        return made

    def send(self, *frames: Packet, by: str = "far") -> None:
        def mouth() -> socket.socket:
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

        with namespace.run_inside(f"/run/netns/{self.name}", mouth) as wire:
            wire.bind((by, 0))
            for frame in frames:
                wire.send(bytes(frame))


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    try:
        made.lay()
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", made.name], check=True)


def ether(*layers: Packet) -> Packet:
    frame = Ether(src="02:00:00:00:00:0a", dst="ff:ff:ff:ff:ff:ff")
    for layer in layers:
        frame = frame / layer
    return frame


ARP_WORD = ARP(hwsrc="02:00:00:00:00:0a", psrc="192.0.2.10")
ND_WORD = IPv6(src=A6, hlim=255) / ICMPv6ND_NA(tgt=A6)
WORDS = [
    ether(ARP_WORD),
    ether(Dot1Q(vlan=1002), ARP_WORD),
    ether(ND_WORD),
    ether(Dot1Q(vlan=1002), ND_WORD),
]
NOISE = [
    ether(IP(), UDP()),
    ether(Dot1Q(vlan=1002), IP(), UDP()),
    ether(IPv6(), ICMPv6EchoRequest()),
    ether(IPv6(), UDP()),
    Ether(type=0x88B5) / (b"x" * 200),
    Ether(type=0x0806 + 1),
]


def heard(ears: Ears) -> list[bytes]:
    return [frame for _, frame in ears.heard()]


def test_announcements_are_heard_with_their_tag_and_nothing_else_is(pair: Pair) -> None:
    with contextlib.closing(pair.ears()) as ears:
        ears.listen_on(["vm"])
        pair.send(*NOISE, *WORDS, *NOISE)
        # A veth pair hands a frame over before `send` returns.
        assert heard(ears) == [bytes(word)[: MOST_BYTES + 4] for word in WORDS]
        assert heard(ears) == []


def test_what_goes_to_the_machine_is_not_its_word(pair: Pair) -> None:
    with contextlib.closing(pair.ears()) as ears:
        ears.listen_on(["vm"])
        pair.send(*WORDS, by="vm")
        assert heard(ears) == []


def test_a_flood_is_cut_by_the_kernel(pair: Pair) -> None:
    with contextlib.closing(pair.ears()) as ears:
        ears.listen_on(["vm"])
        pair.send(*WORDS[:1] * 2000)
        assert 10 < len(heard(ears)) < 300
        pair.send(WORDS[0])
        assert len(heard(ears)) == 1


def test_interfaces_come_and_go_and_come_again(pair: Pair) -> None:
    with contextlib.closing(pair.ears()) as ears:
        ears.listen_on(["vm", "nobody"])
        pair.ip("link", "set", "vm", "down")
        assert heard(ears) == []
        pair.ip("link", "set", "vm", "up")
        pair.send(WORDS[0])
        assert len(heard(ears)) == 1
        pair.ip("link", "del", "vm")
        assert heard(ears) == []
        pair.lay()
        ears.listen_on(["vm", "nobody"])
        pair.send(WORDS[0])
        assert len(heard(ears)) == 1
        ears.listen_on([])
        pair.send(WORDS[0])
        assert heard(ears) == []
