"""What pools want, and what is said of how far they have it."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.adapters.nsx import errors
from trunkline.controller.segments import routable, verdicts
from trunkline.controller.segments.board import Board
from trunkline.controller.segments.carry import Foreign
from trunkline.controller.segments.documents import Shape
from trunkline.controller.segments.plan import Conflict, Plan
from trunkline.controller.segments.routable import Wanted
from trunkline.controller.segments.settings import PolicyApi
from trunkline.controller.segments.verdicts import Standing
from trunkline.dialects.antrea import ippools
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.dialects.antrea.status import Condition
from trunkline.kit import problems
from trunkline.kit.ids import NetworkId

A, B = "/infra/segments/nodes-a", "/infra/segments/nodes-b"
SHAPE = Shape(cluster="blue", parents=(A, B))
ON_A, ON_B = SHAPE.binding(19, A), SHAPE.binding(19, B)
DONE: dict[str, Any] = {ON_A: ("REALIZED", ""), ON_B: ("REALIZED", "")}


def pool(name: str = "pool-ap", *subnets: tuple[int, str], uid: str = "u-1") -> IPPool:
    """A pool of (VLAN, gateway with prefix length) subnets, one address each."""
    listed = []
    for vlan, subnet in subnets or ((19, "172.16.19.254/24"),):
        gateway, _, length = subnet.partition("/")
        first = f"{gateway.rpartition(':')[0]}:11" if ":" in gateway else f"{gateway.rpartition('.')[0]}.11"
        each = {"start": first, "end": first, "gateway": gateway, "prefixLength": int(length), "vlan": vlan}
        listed.append(each)
    spec = {"ipVersion": 6 if ":" in listed[0]["gateway"] else 4, "ipRanges": listed}  # type: ignore[operator]
    found = ippools.decode({"apiVersion": ippools.V1ALPHA2, "metadata": {"name": name, "uid": uid}, "spec": spec})
    assert not found.problems
    return found


def gathered(*pools: IPPool, in_use: tuple[str, ...] = ()) -> dict[int, Wanted]:
    return routable.gathered(
        (each for one in pools for each in routable.of_pool(one)), [NetworkId(each) for each in in_use]
    )


def test_pools_of_one_vlan_share_a_child_whatever_their_subnets_and_untagged_ones_have_none():
    six = pool("six", (19, "fd00:19::1/64"))
    other = pool("other", (20, "172.16.20.254/24"), (0, "172.16.0.254/24"))

    assert gathered(pool("b"), six, other, pool("a")) == {
        19: Wanted(vlan=19, pools=("a", "b", "six"), gateways=("172.16.19.254/24", "fd00:19::1/64")),
        20: Wanted(vlan=20, pools=("other",), gateways=("172.16.20.254/24",)),
    }


def test_networks_whose_addresses_are_in_use_are_kept_without_a_pool():
    in_use = (
        "vlan/trunk/19/172.16.19.0-24",
        "vlan/trunk/21/172.16.21.0-24",
        "vlan/trunk/0/10.0.0.0-8",
        "overlay/node-1",
    )

    assert gathered(pool(), in_use=in_use) == {**gathered(pool()), 21: Wanted(vlan=21)}


def said(standing: Standing, *subnets: tuple[int, str], shape: Shape = SHAPE) -> tuple[str, str, str]:
    found = verdicts.condition(tuple(routable.of_pool(pool("pool-ap", *subnets))), standing, shape)
    return found.status, found.reason, found.message


def test_a_pool_is_attached_when_every_binding_is_realized():
    assert said(Standing(realized=DONE)) == ("True", "Realized", f"VLAN 19 to {SHAPE.child(19)} on {A}, {B}")
    assert said(Standing(realized={**DONE, ON_B: ("UNREALIZED", "")})) == (
        "False",
        "Pending",
        f"{ON_B} is not realized yet",
    )
    assert said(Standing(realized={**DONE, ON_B: ("ERROR", "why")}))[1:] == ("RealizationFailed", f"{ON_B}: why")
    assert said(Standing(), (0, "172.16.0.254/24"))[:2] == ("True", "Untagged")
    assert verdicts.condition((), Standing(), SHAPE).reason == "InvalidPool"


def test_every_vlan_of_a_pool_counts():
    subnets = ((19, "172.16.19.254/24"), (20, "172.16.20.254/24"))
    assert said(Standing(realized=DONE), *subnets)[1] == "Pending"


def test_the_worst_is_what_is_said_and_all_of_it():
    theirs = Conflict(vlan=19, parent=A, binding="/infra/segments/x/m", tag=19, cluster="green")
    failures = {ON_B: errors.ApiError(400, 255, "nested", ON_B)}
    standing = Standing(plan=Plan(conflicts=(theirs,)), failures=failures, realized={})

    status, reason, message = said(standing)

    assert (status, reason) == ("False", "TagConflict")
    assert "tag 19 bound by /infra/segments/x/m of cluster green" in message
    assert "nested" not in message
    assert said(Standing(failures=failures, realized=DONE))[1] == "Refused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.TagTaken(400, 8327, "taken", ON_A), "TagConflict"),  # a race that the search had not shown
        (Foreign("theirs"), "ForeignSegment"),
        (errors.NotFound(404, 600, "no such parent", ON_A), "Refused"),
    ],
)
def test_what_went_wrong_has_a_reason(error: problems.TrunklineError, reason: str):
    assert said(Standing(failures={ON_A: error}, realized=DONE))[1] == reason
    assert said(Standing(failures={SHAPE.child(19): error}))[1] == reason


def test_a_subnet_whose_gateway_found_no_room_is_told_which_one_has_it():
    shape = Shape(cluster="blue", parents=(A,), tier1="/infra/tier-1s/t1")
    standing = Standing(plan=Plan(routed={19: ("172.16.19.254/24",)}), realized=DONE)

    assert said(standing, shape=shape)[1] == "Realized"
    status, reason, message = said(standing, (19, "10.0.0.1/24"), shape=shape)
    assert (status, reason) == ("False", "GatewayConflict")
    assert "172.16.19.254/24" in message


def test_a_child_that_somebody_switched_off_is_worse_than_one_that_waits_and_names_what_and_where():
    standing = Standing(plan=Plan(switched_off={19: ("admin_state DOWN",)}))

    status, reason, message = said(standing)

    assert (status, reason) == ("False", "SwitchedOff")
    assert message.startswith(f"{SHAPE.child(19)}: found admin_state DOWN, ")
    assert said(standing, (20, "172.16.20.254/24"))[1] == "Pending"
    refused = Standing(plan=standing.plan, failures={SHAPE.child(19): errors.ApiError(400, 1, "no", SHAPE.child(19))})
    assert said(refused)[1] == "Refused"


def test_a_manager_that_cannot_be_asked_leaves_it_open():
    away = verdicts.unknown(errors.unreachable("GET x", "refused"))
    assert (away.status, away.reason) == ("Unknown", "ManagerUnreachable")
    assert verdicts.unknown(errors.Forbidden(403, 403, "no", "x")).reason == "ManagerRefuses"


TRUE = Condition("Attached", "True", "Realized", "done")
WRITTEN = {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Attached", "status": "True", "reason": "Old"}]}


def test_what_the_api_server_has_stands_until_there_is_a_verdict():
    board = Board()
    assert [each.reason for each in board.conditions(pool(), WRITTEN)] == ["Old"]
    assert list(board.conditions(pool(), {})) == []

    board.post({"u-1": (pool(), TRUE)})

    assert list(board.conditions(pool(), WRITTEN)) == [TRUE]


def test_a_verdict_is_for_the_vlans_it_was_reached_for_and_for_that_very_pool():
    board = Board()
    board.post({"u-1": (pool(), TRUE)})

    assert list(board.conditions(pool("pool-ap", (20, "172.16.20.254/24")), WRITTEN)) == [verdicts.pending()]
    assert list(board.conditions(pool(uid="u-2"), {})) == []


def settings(**fields: Any) -> PolicyApi:
    given = {"url": "https://m", "user": "u", "password_file": "/p", "cluster": "blue", "parents": (A, B)}
    return PolicyApi(**{**given, **fields})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://m"}, "url"),
        ({"cluster": "blue/green"}, "cluster"),
        ({"cluster": ""}, "cluster"),
        ({"password_file": ""}, "password_file"),
        ({"auth": "session", "user": ""}, "user"),
        ({"auth": "bearer"}, "token_file"),
        ({"auth": "certificate", "certificate": "/c"}, "key"),
        ({"parents": (), "project": "blue"}, "project"),
        ({"project": "/orgs/default/projects/p"}, "project"),
        ({"parents": ("nodes-a",)}, "parents"),
        ({"parents": (A, "/orgs/default/projects/p/infra/segments/nodes")}, "parents"),
        ({"backing": "vlan"}, "transport_zone"),
        ({"backing": "vlan", "transport_zone": "/infra/tz", "tier1": "/infra/tier-1s/t"}, "tier1"),
        ({"reobserve_seconds": 0.0}, "reobserve_seconds"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_field(fields: dict[str, Any], field: str):
    with pytest.raises(problems.IntentError) as caught:
        settings(**fields).checked()
    assert [problem.field for problem in caught.value.problems] == [f"policy_api.{field}"]


def test_the_tree_follows_from_the_parents():
    assert settings().checked().root == "/infra"
    assert settings(parents=("/infra/tier-1s/t1/segments/nodes",)).checked().root == "/infra"
    project = "/orgs/default/projects/p/infra"
    assert settings(parents=(f"{project}/segments/nodes",)).checked().root == project
    assert settings(parents=()).checked().root == "/infra"
    assert settings(parents=(), project="/orgs/default/projects/p").checked().root == project
