"""Settings files are read back as they were meant."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from trunkline.agent.settings import Uplink
from trunkline.lab import programs, reading, settings, tunnels

LABS = Path(__file__).parents[2] / "labs"


class Inner(msgspec.Struct):
    text: str
    number: int


class Everything(msgspec.Struct):
    text: str
    flag: bool
    seconds: float
    inner: Inner
    many: tuple[Inner, ...]
    labels: dict[str, str]
    nothing: str | None = None


def test_a_settings_struct_survives_toml() -> None:
    inner = Inner('quotes " and \\ and ü and \x7f\n', 3)
    wanted = Everything("a", True, 2.5, inner, (inner, inner), {"trunkline.io/x": "y"})

    read: Any = msgspec.convert(tomllib.loads(settings.toml(wanted)), Everything)

    assert read == wanted


def test_a_packet_of_an_overlay_pod_fits_between_the_nodes(tmp_path: Path) -> None:
    usual = tmp_path / "usual.yaml"
    usual.write_text((LABS / "bare-metal.yaml").read_text().replace(", mtu: 1700", ""))

    assert programs.overlay_mtu(reading.load(usual)) == 1442
    assert programs.overlay_mtu(reading.load(LABS / "bare-metal.yaml")) == 1500
    assert programs.overlay_mtu(reading.load(LABS / "datacenter.yaml")) == 1500


def test_tunnels_leave_by_a_card_that_is_in_a_bridge() -> None:
    pods = Uplink(interface="eth1", physical_network="trunk")
    node = reading.load(LABS / "second-trunk.yaml").nodes["node-01"]
    machine = reading.load(LABS / "datacenter.yaml").nodes["node-01"]

    assert tunnels.uplinks(node, pods) == (pods, Uplink(interface="eth0", physical_network="transport"))
    assert tunnels.uplinks(machine, Uplink(interface="eth0", physical_network="trunk")) == (
        Uplink(interface="eth0", physical_network="trunk"),
    )
