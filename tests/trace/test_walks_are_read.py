"""Recorded output of ovn-trace 23.03 on the fabric lab, read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.trace import walk
from trunkline.trace.walk import Output

RECORDED = Path(__file__).with_name("recorded")

A, B = "c6c9cb71-4751-5350-8525-95371006c791", "59d47716-2867-51d0-994c-03ef3704f672"
C, PLAIN = "ac8ad426-2319-58ff-9c7a-2cc008e8159d", "d4bd55fa-e859-5d45-8f14-fccad39198db"
GATEWAY = "cr-router:infra/tier-0s/t0/locale-services/default/interfaces/uplink"


def recorded(name: str) -> walk.Walk:
    return walk.parse((RECORDED / f"{name}.txt").read_text())


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("child-to-child", [f"{B}/1002"]),
        ("child-to-vm", [PLAIN]),
        ("child-to-parent-segment", [B]),
        ("stateful", [f"{C}/2002"]),
        ("flood", [f"{B}/1002", f"{C}/2002", PLAIN]),
    ],
)
def test_machines_that_get_the_packet(name: str, ports: list[str]) -> None:
    assert recorded(name).deliveries == tuple(Output(port, "") for port in ports)


def test_way_out_by_two_tiers_is_bound_to_the_gateway_and_ends_at_the_physical_network() -> None:
    found = recorded("outside")

    assert found.deliveries == (Output("localnet:infra/segments/uplink|trunk", "localnet"),)
    assert found.redirects == (GATEWAY,)
    assert [(one.way, one.router) for one in found.own] == [
        ("ingress", False),
        ("egress", False),
        ("ingress", True),
        ("egress", True),
        ("ingress", True),
        ("egress", True),
        ("ingress", False),
        ("egress", False),
    ]


def test_stage_tells_the_line_of_northd_the_match_and_the_flow() -> None:
    stage = recorded("child-to-child").passes[0].stages[0]

    assert stage == walk.Stage(
        number=0,
        name="ls_in_check_port_sec",
        source="northd.c:8432",
        match="1",
        priority=50,
        uuid="8b495585",
        actions=("reg0[15] = check_in_port_sec();", "next;"),
    )


def test_routers_say_which_route_they_chose() -> None:
    assert [one.hop for one in recorded("outside").own if one.router and one.way == "ingress"] == [
        walk.Hop("0.0.0.0/0", "100.64.192.9"),
        walk.Hop("0.0.0.0/0", "172.16.31.254"),
    ]
    assert [one.hop for one in recorded("child-to-parent-segment").own if one.hop] == [walk.Hop("192.168.10.0/24", "")]


@pytest.mark.parametrize(
    ("name", "stage"), [("acl", "ls_out_acl"), ("ttl", "lr_in_ip_input"), ("neighbour-unknown", "lr_in_arp_request")]
)
def test_packet_ends_where_nothing_is_put_out_any_more(name: str, stage: str) -> None:
    found = recorded(name)

    assert found.deliveries == ()
    assert [one.last.name for one in found.own if one.dropped and one.last] == [stage]


@pytest.mark.parametrize("name", ["ttl", "neighbour-unknown"])
def test_what_ovn_makes_of_the_packet_is_another_packet(name: str) -> None:
    found = recorded(name)

    assert any(output.type == "" for one in found.passes if one.generated for output in one.outputs)
    assert all(output.type != "" for one in found.own for output in one.outputs)


def test_connection_tracking_continues_the_same_pipeline() -> None:
    found = recorded("stateful")

    assert [stage.name for stage in found.passes[0].stages][-3:] == [
        "ls_in_stateful",
        "ls_in_l2_lkup",
        "ls_in_l2_unknown",
    ]
    assert [one.way for one in found.passes] == ["ingress", "egress"]


def test_sender_is_not_counted_among_those_who_do_not_get_a_flooded_packet() -> None:
    sender = next(one for one in recorded("flood").own if one.outport == f"{A}/1002")

    assert not sender.dropped
