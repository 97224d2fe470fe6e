"""What the netlink adapter writes and reads, compared with what `ip` says, in namespaces of the test's own."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trunkline.adapters.netlink import addresses, host, links, namespace, outfit, pod, routes
from trunkline.adapters.netlink.connection import Connection

pytestmark = pytest.mark.lab


class Space:
    """A namespace with the two ends of a veth pair, `va` and `vb`."""

    def __init__(self) -> None:
        self.name = f"tk{secrets.token_hex(3)}"
        self.path = f"/run/netns/{self.name}"

    def ip(self, *arguments: str) -> Any:
        command = ["ip", "-n", self.name, "-j", *arguments]
        text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout
        return json.loads(text) if text.strip() else None

    def run(self, *command: str) -> str:
        whole = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(whole, check=True, capture_output=True, text=True, timeout=10).stdout

    def inside(self, work: Any) -> Any:
        return namespace.run_inside(self.path, work)


@pytest.fixture
def space() -> Iterator[Space]:
    made = Space()
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    try:
        made.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
        for name in ("va", "vb"):
            made.ip("link", "set", name, "up")
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", made.name], check=True)


@pytest.fixture
def waiting() -> Iterator[str]:
    """Where the far ends of cables lie."""
    name = f"tk{secrets.token_hex(3)}-waiting"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield f"/run/netns/{name}"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
async def cable(space: Space, waiting: str) -> AsyncIterator[pod.Cable]:
    """A cable whose pair lies there and waits for its pod."""
    made = pod.Cable(
        pair=pod.Pair(
            host_name=f"h{space.name}",
            host_mac="02:00:00:00:00:01",
            waiting=waiting,
            mac="0a:58:0a:01:00:02",
            mtu=1400,
            checksum_offload=False,
        ),
        namespace=space.path,
        name="eth0",
        addresses=(ipaddress.ip_interface("10.1.0.2/24"), ipaddress.ip_interface("fd01::2/64")),
        routes=(
            (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_address("10.1.0.1")),
            (ipaddress.ip_network("10.9.0.0/16"), None),
            (ipaddress.ip_network("::/0"), ipaddress.ip_address("fd01::1")),
        ),
    )
    await pod.lay(made.pair)
    try:
        yield made
    finally:
        await pod.remove(made.pair.host_name)


async def test_a_cable_is_as_asked_and_goes_as_often_as_one_likes(space: Space, cable: pod.Cable) -> None:
    assert await pod.waits(cable.pair)
    assert await pod.waiting_names(cable.pair.waiting) == [cable.pair.host_name]
    with pytest.raises(FileExistsError):
        await pod.lay(cable.pair)
    await pod.connect(cable)
    assert await pod.differences(cable) == []
    (link,) = space.ip("addr", "show", "dev", "eth0")
    assert (link["address"], link["mtu"]) == (cable.pair.mac, 1400)
    assert {(a["local"], a["prefixlen"]) for a in link["addr_info"]} > {("10.1.0.2", 24), ("fd01::2", 64)}
    assert not [a for a in link["addr_info"] if a.get("tentative") and a["scope"] == "global"]
    assert [(r["dst"], r.get("gateway")) for r in space.ip("route") if r.get("protocol") != "kernel"] == [
        ("default", "10.1.0.1"),
        ("10.9.0.0/16", None),
    ]
    assert await pod.remove(cable.pair.host_name)
    assert not await pod.remove(cable.pair.host_name)
    assert not await pod.waits(cable.pair)
    assert await pod.waiting_names(cable.pair.waiting) == []
    assert "interface eth0 is missing" in await pod.differences(cable)


async def test_a_name_that_the_pod_has_given_away_is_refused_and_a_pair_serves_one_pod(
    space: Space, cable: pod.Cable
) -> None:
    with pytest.raises(FileExistsError):
        await pod.connect(msgspec.structs.replace(cable, name="va"))
    await pod.connect(cable)
    with pytest.raises(OSError, match="Invalid argument"):
        await pod.connect(msgspec.structs.replace(cable, name="eth1"))


async def test_a_pair_outlives_the_pod_that_had_it_and_is_not_of_another_mac_or_mtu(
    space: Space, cable: pod.Cable
) -> None:
    await pod.connect(cable)
    space.ip("link", "del", "eth0")
    assert await pod.waits(cable.pair)
    assert not await pod.waits(msgspec.structs.replace(cable.pair, mtu=1500))
    assert not await pod.waits(msgspec.structs.replace(cable.pair, mac="0a:58:0a:01:00:03"))


async def test_checksums_are_computed_before_frames_leave(space: Space, cable: pod.Cable) -> None:
    await pod.connect(cable)
    for end in (cable.pair.waiting, "/proc/self/ns/net"):
        seen = namespace.run_inside(end, lambda: _features(cable.pair.host_name))
        assert "tx-checksumming: off" in seen
        assert "tx-tcp-segmentation: off" in seen


def _features(name: str) -> str:
    return subprocess.run(["ethtool", "-k", name], check=True, capture_output=True, text=True, timeout=10).stdout


async def test_redirects_are_not_accepted(space: Space, cable: pod.Cable) -> None:
    await pod.connect(cable)
    for scope in ("all", "eth0"):
        assert space.run("sysctl", "-n", f"net.ipv4.conf.{scope}.accept_redirects").strip() == "0"


def test_a_kept_namespace_is_silent_stays_and_is_kept_once() -> None:
    path = Path(f"/run/netns/tk{secrets.token_hex(3)}-kept")
    try:
        asyncio.run(namespace.keep(str(path)))
        first = path.stat().st_ino
        asyncio.run(namespace.keep(str(path)))
        assert path.stat().st_ino == first
        links_there = subprocess.run(
            ["ip", "-n", path.name, "-j", "link"], check=True, capture_output=True, text=True, timeout=10
        ).stdout
        assert [(link["ifname"], "UP" in link["flags"]) for link in json.loads(links_there)] == [("lo", False)]
        read = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").read_text
        assert namespace.run_inside(str(path), read).strip() == "1"
    finally:
        subprocess.run(["ip", "netns", "del", path.name], check=True)


def test_a_namespace_is_not_kept_where_it_would_not_outlive_its_keeper() -> None:
    name = f"tk{secrets.token_hex(3)}-kept"
    program = (
        "import asyncio; from trunkline.adapters.netlink import namespace\n"
        f"asyncio.run(namespace.keep('/run/netns/{name}'))"
    )
    command = ["unshare", "--mount", "--propagation", "slave", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert "TRK-0515" in done.stderr
    assert not Path("/run/netns", name).exists()


async def test_work_inside_leaves_the_caller_where_it_was(space: Space) -> None:
    assert await namespace.inside(space.path, lambda: namespace.is_own("/proc/thread-self/ns/net")) is False
    assert namespace.is_own("/proc/thread-self/ns/net")
    with pytest.raises(FileNotFoundError):
        await namespace.inside("/run/netns/there-is-none", lambda: None)
    with pytest.raises(ZeroDivisionError):
        await namespace.inside(space.path, lambda: 1 // 0)


def test_a_moved_outfit_is_the_same_on_the_other_interface_and_comes_back(space: Space) -> None:
    space.ip("addr", "add", "10.5.0.2/24", "dev", "va", "valid_lft", "3600", "preferred_lft", "1800")
    space.ip("addr", "add", "10.5.0.9", "peer", "10.6.0.9", "dev", "va", "scope", "link", "label", "va:x")
    space.ip("route", "add", "10.7.0.0/16", "via", "10.5.0.1", "metric", "5", "mtu", "1300", "src", "10.5.0.2")
    space.ip("route", "add", "10.8.0.0/16", "nexthop", "via", "10.5.0.1", "weight", "3", "nexthop", "via", "10.5.0.3")
    space.ip("route", "add", "default", "via", "10.5.0.1", "table", "99")
    space.ip("rule", "add", "oif", "va", "table", "99", "priority", "77")

    def seen(name: str) -> tuple[Any, Any, Any]:
        (link,) = space.ip("-4", "addr", "show", "dev", name)
        found = [{k: v for k, v in a.items() if "life" not in k and k != "label"} for a in link["addr_info"]]
        text = json.dumps([space.ip("route", "show", "table", table) for table in ("main", "99")], sort_keys=True)
        return (
            found,
            text.replace(f'"dev": "{name}"', '"dev": "X"'),
            [r for r in space.ip("rule") if r.get("oif") == name],
        )

    def move(old: str, new: str) -> None:
        with Connection() as kernel:
            taken, wearer = links.find(kernel, old), links.find(kernel, new)
            assert taken
            assert wearer
            worn = outfit.observe(kernel, taken)
            outfit.put_on(kernel, worn, wearer)
            outfit.put_on(kernel, worn, wearer)
            assert outfit.worn(kernel, worn, wearer)
            outfit.take_off(kernel, taken)
            outfit.take_off(kernel, taken)
            assert outfit.observe(kernel, taken).empty

    before = seen("va")
    space.inside(lambda: move("va", "vb"))
    there = seen("vb")
    assert there[0] == before[0]
    assert there[1] == before[1]
    assert [rule["table"] for rule in there[2]] == ["99"]
    space.inside(lambda: move("vb", "va"))
    assert seen("va") == before


def test_the_kernels_refusal_is_an_error_with_its_number(space: Space) -> None:
    def work() -> list[int]:
        codes = []
        with Connection() as kernel:
            link = links.find(kernel, "va")
            assert link
            assert links.find(kernel, "nobody") is None
            for request in (
                routes.add_request(link.index, ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_address("10.200.0.1")),
                addresses.add_request(9999, ipaddress.ip_interface("10.0.0.1/8")),
            ):
                with pytest.raises(OSError, match=r"Network is unreachable|No such device") as refused:
                    kernel.batch([request])
                codes.append(refused.value.errno)
        return codes

    assert space.inside(work) == [errno.ENETUNREACH, errno.ENODEV]


def test_the_nodes_own_interface_loses_what_is_not_wanted_and_nothing_else_happens(space: Space) -> None:
    suit = host.Suit(
        name="va", mac="0a:58:0a:f4:01:02", mtu=1400, checksum_offload=True,
        addresses=(ipaddress.ip_interface("10.244.1.2/24"),),
        routes=((ipaddress.ip_network("10.244.0.0/16"), ipaddress.ip_address("10.244.1.1")),),
    )  # fmt: skip
    space.ip("addr", "add", "10.1.1.1/24", "dev", "va")
    space.inside(lambda: host.dress(suit))
    before = space.ip("addr", "show", "dev", "va"), space.ip("route")
    space.inside(lambda: host.dress(suit))
    assert (space.ip("addr", "show", "dev", "va"), space.ip("route")) == before
    assert [a["local"] for a in before[0][0]["addr_info"] if a["family"] == "inet"] == ["10.244.1.2"]
    assert ("10.244.0.0/16", "10.244.1.1") in [(r["dst"], r.get("gateway")) for r in before[1]]


def test_the_ruleset_disguises_each_family_apart() -> None:
    text = host.ruleset(
        "trk0",
        (ipaddress.ip_network("10.244.1.0/24"), ipaddress.ip_network("fd44:1::/64")),
        (ipaddress.ip_network("10.244.0.0/16"),),
    )
    assert 'ip saddr 10.244.1.0/24 oifname != "trk0" ip daddr != { 10.244.0.0/16 } masquerade' in text
    assert 'ip6 saddr fd44:1::/64 oifname != "trk0" masquerade' in text
