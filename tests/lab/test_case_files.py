"""Case files: what they may say, and what a wrong one is told."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from trunkline.kit.problems import IntentError
from trunkline.lab.cases import applying, finding, listening, observing
from trunkline.lab.cases.bench import StepFailed
from trunkline.lab.cases.listening import Meant
from trunkline.lab.cases.model import Match
from trunkline.lab.packets import Packet

CASE = """\
name: small
says: A pod answers.
then:
  - reach: {from: vm, to: pod/shop/web-0}
"""


def written(folder: Path, text: str, name: str = "small") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_case_reads_as_it_is_written(tmp_path: Path) -> None:
    case = finding.load(written(tmp_path, CASE))

    (step,) = case.then
    assert step.reach is not None
    assert (step.reach.origin, step.reach.to, step.reach.expect) == ("vm", "pod/shop/web-0", True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("reach:", "raech:", "did you mean 'reach'"),
        ("from: vm, ", "", "required"),
        ("to: pod/shop/web-0", "to: vm, expect: maybe", "expected bool"),
        ("  - reach:", "  - delete: x.yaml\n    reach:", "exactly one verb, found delete, reach"),
        ("name: small", "name: other", "the file is small"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(IntentError, match=expected):
        finding.load(written(tmp_path, CASE.replace(old, new)))


def test_a_glob_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(IntentError, match="did you mean 'antrea-ipam-walkthrough'"):
        finding.matching(("antrea-ipam-walk",))


@pytest.mark.parametrize(("count", "expected"), [("1+", (1, None)), ("0", (0, 0)), (3, (3, 3)), ("12+", (12, None))])
def test_counts_are_bounds(count: str | int, expected: tuple[int, int | None]) -> None:
    assert listening.bounds(count) == expected


def test_a_count_that_is_none_fails_the_step() -> None:
    with pytest.raises(StepFailed, match="several"):
        listening.bounds("several")


PING = Packet(vlan=19, protocol="icmp", kind="echo-request", source=IPv4Address("10.0.0.1"))
TUNNEL = Packet(protocol="geneve", inner=PING)


@pytest.mark.parametrize(
    ("match", "packet", "expected"),
    [
        (Match(), PING, True),
        (Match(vlan=19), PING, True),
        (Match(vlan=20), PING, False),
        (Match(vlan="none"), PING, False),
        (Match(vlan="none"), TUNNEL, True),
        (Match(vlan=19), TUNNEL, False),
        (Match(kind="echo-reply"), PING, False),
        (Match(inner=Match(kind="echo-request")), TUNNEL, True),
        (Match(inner=Match(kind="echo-reply")), TUNNEL, False),
        (Match(inner=Match()), PING, False),
    ],
)
def test_a_match_admits_what_it_says(match: Match, packet: Packet, expected: bool) -> None:
    inner = Meant(match.inner, None, None, None) if match.inner else None

    assert Meant(match, None, None, inner).admits(packet) is expected


def test_a_source_must_be_one_of_those_meant() -> None:
    others = frozenset({IPv4Address("10.0.0.2")})

    assert not Meant(Match(), others, None, None).admits(PING)
    assert Meant(Match(), others | {IPv4Address("10.0.0.1")}, None, None).admits(PING)


def test_folders_are_read_in_the_order_of_their_files(tmp_path: Path) -> None:
    for name in ("20-b", "10-a"):
        written(tmp_path, f"kind: X\nmetadata: {{name: {name}}}\n", name)

    found = applying.read(tmp_path.parent, (tmp_path.name, {"kind": "X", "metadata": {"name": "inline"}}))

    assert [obj["metadata"]["name"] for obj in found] == ["10-a", "20-b", "inline"]


def test_fields_are_looked_up_by_path() -> None:
    value = {"status": {"usage": {"used": 3}, "list": [{"a": 1}]}}

    assert observing.look_up(value, "status.usage.used") == 3
    assert observing.look_up(value, "status.list[0].a") == 1
    assert observing.look_up(value, "status.list[1].a") is None
    assert observing.look_up(value, "spec.nothing") is None
