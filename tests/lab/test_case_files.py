"""Case files: what they may say, and what a wrong one is told."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from trunkline.kit.problems import IntentError
from trunkline.lab import reading
from trunkline.lab.cases import applying, asking, finding, listening, naming, observing, pinging, workloads
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.listening import Meant
from trunkline.lab.cases.model import Match, Request
from trunkline.lab.fabric import vifs
from trunkline.lab.packets import Packet
from trunkline.lab.state import Lab

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
        ("to: pod/shop/web-0", "to: vm, expect: maybe", "'maybe'"),
        ("  - reach:", "  - delete: x.yaml\n    reach:", "exactly one verb, found delete, reach"),
        ("name: small", "name: other", "the file is small"),
        ("reach: {from: vm, to: pod/shop/web-0}", "policy: {GET: /infra, grows: {a: 1}}", "belong together"),
        ("reach: {from: vm, to: pod/shop/web-0}", "policy: {body: {}}", "exactly one of GET, PUT"),
        ("reach: {from: vm, to: pod/shop/web-0}", "policy: {GET: /infra, DELETE: /infra}", "exactly one of GET, PUT"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(IntentError, match=expected):
        finding.load(written(tmp_path, CASE.replace(old, new)))


def test_a_glob_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(IntentError, match="did you mean 'antrea-ipam-walkthrough'"):
        finding.matching(("antrea-ipam-walk",))


@pytest.mark.parametrize(
    ("count", "expected"), [("1+", (1, None)), ("0", (0, 0)), (3, (3, 3)), ("12+", (12, None)), ("3-5", (3, 5))]
)
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


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": "*"}, {"a": [3]}, []),
        ({"a": "*"}, {}, ["answer.a: missing"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, []),
        ({"a": []}, {"a": [1]}, ["answer.a: [] wanted, [1] found"]),
        ({"a": {"b": "1"}}, {"a": {"b": 1}}, ["answer.a.b: '1' wanted, 1 found"]),
        (None, None, []),
    ],
)
def test_an_answer_may_hold_more_than_is_wanted_and_nothing_else(
    wanted: object, found: object, expected: list[str]
) -> None:
    assert asking.differences(wanted, found) == expected


PINGED = """\
64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.1 ms
64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=0.1 ms
From 10.0.0.2 icmp_seq=3 Destination Host Unreachable
64 bytes from 10.0.0.1: icmp_seq=6 ttl=64 time=0.1 ms
64 bytes from 10.0.0.1: icmp_seq=8 ttl=64 time=0.1 ms

--- 10.0.0.1 ping statistics ---
9 packets transmitted, 5 received, +1 errors, 44% packet loss, time 80ms
"""


def test_lost_pings_are_those_without_an_answer_but_for_the_last() -> None:
    assert pinging.losses(PINGED) == pinging.Losses(sent=9, lost=4, longest=3)


def test_a_place_may_be_a_container_of_the_topology() -> None:
    drawn = reading.load(Path(__file__).parents[2] / "labs" / "fabric.yaml")
    bench = Bench(Lab("none"), drawn, None, None, root=Path(), say=print)

    assert asyncio.run(bench.address("vm/node-a/web")) == IPv4Address("192.168.100.11")
    assert asyncio.run(bench.address("node-a")) == IPv4Address("192.168.10.11")
    with pytest.raises(StepFailed, match="no cluster"):
        _ = bench.kube


def test_names_of_what_differs_from_lab_to_lab_are_filled_in() -> None:
    drawn = reading.load(Path(__file__).parents[2] / "labs" / "fabric.yaml")
    bench = Bench(Lab("none"), drawn, None, None, root=Path(), say=print)
    body = {"attachment": {"id": "{card/node-a}"}, "macs": ["{mac/node-a}", "{mac/vm/node-a/web}"], "tag": 7}

    found = naming.filled(bench, Request(put="{port/node-a}/x", body=body))

    assert found.put == f"/infra/segments/openshift-segment/ports/default:{vifs.identity(bench.lab, 'node-a')}/x"
    assert found.body is not None
    assert found.body["attachment"]["id"] == vifs.identity(bench.lab, "node-a")
    assert len(set(found.body["macs"])) == 2
    for wrong in ("{port/nobody}", "{mac/vm/node-a/nobody}"):
        with pytest.raises(StepFailed, match="nobody"):
            naming.filled(bench, Request(get=wrong))


def test_fields_are_looked_up_by_path() -> None:
    value = {"status": {"usage": {"used": 3}, "list": [{"a": 1}]}}

    assert observing.look_up(value, "status.usage.used") == 3
    assert observing.look_up(value, "status.list[0].a") == 1
    assert observing.look_up(value, "status.list[1].a") is None
    assert observing.look_up(value, "spec.nothing") is None


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("Deployment", {"replicas": 3}, {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3}, ""),
        ("Deployment", {}, {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}, ""),
        ("Deployment", {"replicas": 3}, {}, "its controller has not seen generation 2"),
        (
            "Deployment",
            {"replicas": 3},
            {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3},
            "its controller has not seen generation 2",
        ),
        (
            "Deployment",
            {"replicas": 3},
            {"observedGeneration": 2, "replicas": 5, "updatedReplicas": 5},
            "5 pods, 3 wanted, 5 new pods, 3 wanted",
        ),
        ("Deployment", {"replicas": 3}, {"observedGeneration": 2, "replicas": 3}, "0 new pods, 3 wanted"),
        ("ReplicaSet", {"replicas": 0}, {"observedGeneration": 2, "replicas": 1}, "1 pods, 0 wanted"),
        ("StatefulSet", {"replicas": 3}, {"observedGeneration": 2, "replicas": 2, "readyReplicas": 1}, ""),
        (
            "StatefulSet",
            {"replicas": 3},
            {"observedGeneration": 2, "replicas": 2, "readyReplicas": 2},
            "2 pods, 3 wanted",
        ),
        (
            "DaemonSet",
            {},
            {"observedGeneration": 2, "desiredNumberScheduled": 2, "currentNumberScheduled": 1},
            "1 pods, 2 wanted",
        ),
    ],
)
def test_a_workload_is_done_when_its_controller_says_so_of_the_present_spec(
    kind: str, spec: dict[str, object], status: dict[str, int], expected: str
) -> None:
    found = workloads.unfinished(kind, {"metadata": {"name": "w", "generation": 2}, "spec": spec, "status": status})

    assert found == expected
