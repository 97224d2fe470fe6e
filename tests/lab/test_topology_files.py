"""Topology files: what is right is understood, what is wrong is named by line and column, all of it at once."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from trunkline.kit.problems import IntentError
from trunkline.lab import layout, reading

LABS = Path(__file__).parents[2] / "labs"

SMALL = """\
name: small
vlans:
  red: {id: 19, prefix: 10.19.0.0/24, mtu: 1600}
  blue: {id: 20, prefix: 10.20.0.0/24}
switches:
  s1: {}
hosts:
  left: {links: {eth0: {switch: s1, vlan: red, tagged: [blue], address: 10.19.0.1}}}
  right: {links: {eth0: {switch: s1, vlan: red, address: 10.19.0.2}}}
"""


def found_in(text: str) -> list[str]:
    with pytest.raises(IntentError) as caught:
        reading.parse(text, name="t.yaml")
    return [f"{problem.code} {problem.object} {problem.field}" for problem in caught.value.problems]


@pytest.mark.parametrize("file", sorted(LABS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_topology_of_the_repository_is_sound_and_called_like_its_file(file: Path) -> None:
    assert reading.load(file).name == file.stem


def test_bare_metal_is_the_documents_picture() -> None:
    drawn = reading.load(LABS / "bare-metal.yaml")

    ports = {port.name: port for port in layout.ports(drawn, "tor")}
    trunk = ports["node-01-eth0"]
    assert (trunk.untagged, trunk.tagged) == (1, (19, 20))
    second = ports["node-01-eth1"]
    assert (second.untagged, second.tagged) == (None, (19, 20))
    assert {link.address for link in drawn.routers["gateway"].links.values()} >= {
        IPv4Address("172.16.19.254"),
        IPv4Address("172.16.20.254"),
    }
    assert drawn.hosts["database"].links["eth0"].address == IPv4Address("172.29.161.22")


def test_a_link_becomes_an_interface_and_a_switch_port() -> None:
    drawn = reading.parse(SMALL, name="t.yaml")

    (left,) = layout.interfaces(drawn, "left")
    assert left == layout.Interface(host="left", name="eth0", mtu=1600, address=IPv4Interface("10.19.0.1/24"))
    assert layout.ports(drawn, "s1") == (
        layout.Port(switch="s1", name="left", untagged=19, tagged=(20,)),
        layout.Port(switch="s1", name="right", untagged=19),
    )


def test_a_trunk_between_switches_carries_every_vlan() -> None:
    drawn = reading.parse(SMALL.replace("s1: {}", "s1: {trunks: [s2]}\n  s2: {}"), name="t.yaml")

    assert layout.Port(switch="s2", name="s1", trunk=True) in layout.ports(drawn, "s2")
    assert layout.Port(switch="s1", name="s2", trunk=True) in layout.ports(drawn, "s1")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: 19", "id: 4095", "TRK-0606 t.yaml:3:9 vlans.red.id"),
        ("id: 19", "id: 70000", "TRK-0606 t.yaml:3:9 vlans.red.id"),
        ("id: 20", "id: 19", "TRK-0605 t.yaml:4:10 vlans.blue.id"),
        ("mtu: 1600", "mtu: 70", "TRK-0606 t.yaml:3:39 vlans.red.mtu"),
        ("prefix: 10.20.0.0/24", "prefix: 10.20.0.1/24", "TRK-0017 t.yaml:4:18 vlans.blue.prefix"),
        (
            "switch: s1, vlan: red, tagged",
            "switch: s9, vlan: red, tagged",
            "TRK-0604 t.yaml:8:25 hosts.left.links.eth0.switch",
        ),
        ("tagged: [blue]", "tagged: [blu]", "TRK-0604 t.yaml:8:57 hosts.left.links.eth0.tagged[0]"),
        ("tagged: [blue]", "tagged: [red]", "TRK-0605 t.yaml:8:57 hosts.left.links.eth0.tagged[0]"),
        ("address: 10.19.0.2", "address: 10.19.0.1", "TRK-0605 t.yaml:9:49 hosts.right.links.eth0.address"),
        ("address: 10.19.0.2", "address: 10.20.0.2", "TRK-0606 t.yaml:9:49 hosts.right.links.eth0.address"),
        ("vlan: red, address", "tagged: [red], address", "TRK-0603 t.yaml:9:53 hosts.right.links.eth0.address"),
        ("switches:", "swiches:", "TRK-0015 t.yaml:5:1 swiches"),
        ("name: small", "name: Small Lab", "TRK-0606 t.yaml:1:1 name"),
        ("  right:", "  s1:", "TRK-0605 t.yaml:9:3 hosts.s1"),
        ("s1: {}", "s1: {trunks: [s2]}\n  s2: {trunks: [s1]}", "TRK-0607 t.yaml:7:17 switches.s2.trunks[0]"),
        ("s1: {}", "s1: {trunks: [s1]}", "TRK-0607 t.yaml:6:17 switches.s1.trunks[0]"),
        ("hosts:", "cluster: {pods: 10.19.0.0/16}\nhosts:", "TRK-0606 t.yaml:7:11 cluster.pods"),
        ("hosts:", "nodes: {n1: {links: {}}}\nhosts:", "TRK-0604 t.yaml:7:9 nodes.n1"),
    ],
)
def test_each_mistake_is_named_where_it_stands(old: str, new: str, expected: str) -> None:
    assert old in SMALL

    assert expected in found_in(SMALL.replace(old, new, 1))


def test_all_mistakes_are_named_together() -> None:
    text = (
        SMALL.replace("id: 19", "id: 0")
        .replace("id: 20", "id: 4095")
        .replace("switch: s1, vlan: red, address", "switch: s2, vlan: rd, address")
    )

    assert len(found_in(text)) == 4


def test_an_unknown_key_suggests_the_known_one() -> None:
    with pytest.raises(IntentError, match="did you mean 'gateway'"):
        reading.parse(SMALL.replace("left: {links", "left: {gatway: 10.19.0.9, links"), name="t.yaml")


def test_a_missing_file_says_where_topologies_are(tmp_path: Path) -> None:
    with pytest.raises(IntentError, match="labs/"):
        reading.load(tmp_path / "nothing.yaml")
