"""The rows follow from the last state alone, whatever came before it and however it was cut into steps.

Each named sequence of states runs as it is, reversed, with empties between, with every state twice, squashed into its
last state, and object by object in both orders.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from ipaddress import ip_interface, ip_network
from typing import Any

import msgspec
import pytest

from trunkline import ovn
from trunkline.intent import model
from trunkline.ovn import identity

States = list[model.Intent]
EMPTY = model.Intent()

SEQUENCES = {
    "pods-come-and-a-node-dies": ["pods-on-a-vlan", "overlay-of-two-nodes", "node-egress-by-source-route"],
    "the-broken-is-repaired": ["missing-references", "refused-objects", "overlay-of-two-nodes"],
    "families": ["untagged-network", "dual-stack", "overlay-of-two-nodes", "dual-stack"],
    "containers-come-and-get-limits": ["unguarded-and-moving", "containers-behind-tags", "limits-of-ports"],
    "tiers": ["tier-1-on-a-tier-0", "translations-at-two-gateways", "refused-fabric-objects", "tier-1-on-a-tier-0"],
    "gateways-change": ["router-of-vlans-alone", "refused-fabric-objects", "translations-at-two-gateways"],
    "source-routes-come-and-go": ["overlay-of-two-nodes", "node-egress-by-source-route", "overlay-of-two-nodes"],
    "vlan-gets-a-router": ["pods-on-a-vlan", "router-leg-on-a-vlan", "address-outside-its-subnet"],
}

ORDERINGS: dict[str, Callable[[States], States]] = {
    "as-it-is": lambda states: states,
    "reversed": lambda states: states[::-1],
    "empties-between": lambda states: [state for pair in ((one, EMPTY) for one in states) for state in pair][:-1],
    "every-state-twice": lambda states: [state for state in states for _ in range(2)],
    "squashed": lambda states: states[-1:],
    "cumulative": lambda states: list(_growing(states)),
}


def _growing(states: States) -> Iterator[model.Intent]:
    objects: list[model.Object] = []
    for state in states:
        objects += state.objects()
        yield model.Intent.of(objects)


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_last_state_decides(sequence: str, ordering: str, intent_of_case: Any, new_database: Any) -> None:
    states = ORDERINGS[ordering]([intent_of_case(name) for name in SEQUENCES[sequence]])
    target, database = ovn.Target(), new_database()

    for state in states:
        database.apply(ovn.plan(target.rows, database.observed(), target.replace(state)))

    assert database.contents() == at_once(states[-1], new_database())


@pytest.mark.parametrize("backwards", [False, True])
def test_order_of_single_objects_does_not_matter(
    golden_case: str, backwards: bool, intent_of_case: Any, new_database: Any
) -> None:
    intent = intent_of_case(golden_case)
    objects = intent.objects()[::-1] if backwards else intent.objects()
    target, database = ovn.Target(), new_database()

    for item in objects:
        database.apply(ovn.plan(target.rows, database.observed(), target.apply([item])))

    assert database.contents() == at_once(intent, new_database())


def test_objects_taken_away_one_by_one_leave_nothing(golden_case: str, intent_of_case: Any, new_database: Any) -> None:
    intent = intent_of_case(golden_case)
    target, database = ovn.Target(), new_database()
    database.apply(ovn.plan(target.rows, database.observed(), target.replace(intent)))

    for item in intent.objects():
        database.apply(ovn.plan(target.rows, database.observed(), target.apply(removed=[identity.key_of(item)])))

    assert database.contents() == new_database().contents()


def test_network_that_changes_its_kind_takes_its_ports_and_legs_along(intent_of_case: Any, new_database: Any) -> None:
    intent = intent_of_case("router-leg-on-a-vlan")
    (network,) = intent.networks.values()
    overlay = msgspec.structs.replace(network, kind=model.NetworkKind.OVERLAY)
    target = ovn.Target()
    target.replace(intent)

    touched = target.apply([overlay])

    assert {key.table for key in touched} == {"ACL", "Logical_Switch_Port"}
    assert target.rows == ovn.compile_rows(msgspec.structs.replace(intent, networks={network.id: overlay})).rows


def test_network_that_gets_another_physical_network_gets_another_localnet_port_and_its_legs_follow(
    intent_of_case: Any,
) -> None:
    """Under the old name ovn-controller would try for ever to have one patch port on two bridges."""
    intent = intent_of_case("router-leg-on-a-vlan")
    (network,) = intent.networks.values()
    target = ovn.Target()
    target.replace(intent)
    before = {row.columns["name"] for row in target.rows.values() if row.key.part == "localnet"}

    touched = target.apply([msgspec.structs.replace(network, physical_network="second")])

    after = {row.columns["name"] for row in target.rows.values() if row.key.part == "localnet"}
    assert before.isdisjoint(after)
    assert {key.table for key in touched} == {"ACL", "Logical_Switch_Port"}


def test_leg_that_goes_to_another_router_gets_other_ports_at_both_ends(intent_of_case: Any) -> None:
    """What ovn-controller knows of the former peer is good for nothing, and it keeps it as long as a port's name stays."""
    intent = intent_of_case("tier-1-on-a-tier-0")
    leg = next(iter(intent.router_ports.values()))
    other = next(router for router in intent.routers if router != leg.router)
    moved = ovn.compile_rows(intent.of([*intent.objects(), msgspec.structs.replace(leg, router=other)])).rows

    before, after = ({_name(rows, table, leg.id) for table in _ENDS} for rows in (ovn.compile_rows(intent).rows, moved))

    assert len(before) == len(after) == 2
    assert not before & after


_ENDS = ("Logical_Router_Port", "Logical_Switch_Port")


def _name(rows: Any, table: str, leg: str) -> Any:
    (name,) = [
        row.columns["name"] for key, row in rows.items() if (key.table, key.kind, key.id) == (table, "RouterPort", leg)
    ]
    return name


def test_one_changed_port_among_many_touches_one_row() -> None:
    network = model.Network(id="overlay/n", kind=model.NetworkKind.OVERLAY)
    ports = [
        model.Port(id=f"p{n}", network=network.id, hosts=(model.Host("0a:58:00:00:00:01", model_address(n)),))
        for n in range(50)
    ]
    target = ovn.Target()
    target.apply([network, *ports])

    touched = target.apply([msgspec.structs.replace(ports[7], chassis="n1")])

    assert touched == {ovn.RowKey("Logical_Switch_Port", "Port", "p7")}
    assert target.apply([msgspec.structs.replace(ports[7], chassis="n1")]) == set()


def test_overlay_network_has_a_switch_from_its_first_port_or_leg_to_its_last() -> None:
    network = model.Network(id="overlay/n", kind=model.NetworkKind.OVERLAY)
    one, other = (model.Port(id=name, network=network.id, guard=model.Guard.NONE) for name in ("p1", "p2"))
    leg = model.RouterPort(id="l", router="r", network=network.id, mac="02:00:00:00:00:01", addresses=model_address(0))
    switch = ovn.RowKey("Logical_Switch", "Network", network.id)
    target = ovn.Target()

    assert target.apply([network, model.Router(id="r")]) == {ovn.RowKey("Logical_Router", "Router", "r")}
    assert switch in target.apply([one])
    assert switch not in target.apply([other, leg])
    assert switch not in target.apply([], map(identity.key_of, (one, leg)))
    assert switch in target.apply([], [identity.key_of(other)])
    assert switch not in target.rows


class Counting(dict[Any, Any]):
    """Counts how often somebody looks at an object."""

    looks = 0

    def get(self, key: Any, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)

    def __getitem__(self, key: Any) -> Any:
        self.looks += 1
        return super().__getitem__(key)


def test_cost_of_one_port_does_not_grow_with_the_ports_beside_it() -> None:
    def looks(beside: int) -> int:
        network = model.Network(id="overlay/n", kind=model.NetworkKind.OVERLAY)
        subnet = model.Subnet(id="s", network=network.id, prefix=ip_network("10.0.0.0/24"))
        host = model.Host("0a:58:00:00:00:01", model_address(1))
        make = functools.partial(model.Port, network=network.id, hosts=(host,))
        target = ovn.Target()
        target.apply([network, subnet, *(make(id=f"p{n}") for n in range(beside))])
        target._context._objects = objects = Counting(target._context._objects)
        target.apply([make(id="p0", chassis="n1")])
        return objects.looks

    assert looks(beside=200) == looks(beside=2)


def tier_1(number: int) -> list[model.Object]:
    """A router with a link to `t0`, which has a route by it."""
    ends = [ip_interface(f"100.64.{number}.{host}/31") for host in (0, 1)]
    return [
        model.Router(id=f"t1-{number}"),
        model.RouterLink(
            id=f"t1-{number}",
            ends=(
                model.LinkEnd("t0", "02:00:00:00:00:01", (ends[0],)),
                model.LinkEnd(f"t1-{number}", "02:00:00:00:00:02", (ends[1],)),
            ),
        ),
        model.Route(id=f"to-{number}", router="t0", prefix=ip_network(f"10.{number}.0.0/16"), next_hop=ends[1].ip),
    ]


def test_cost_of_one_more_tier_1_does_not_grow_with_the_routes_of_the_tier_0() -> None:
    def looks(beside: int) -> int:
        target = ovn.Target()
        target.apply([model.Router(id="t0"), *(item for number in range(1, beside + 1) for item in tier_1(number))])
        target._context._objects = objects = Counting(target._context._objects)
        assert len(target.apply(tier_1(0))) == 4
        return objects.looks

    assert looks(beside=100) == looks(beside=2)


def test_link_that_comes_after_its_routes_brings_them_and_takes_them_along_when_it_goes() -> None:
    router, link, route = tier_1(1)
    target = ovn.Target()
    target.apply([model.Router(id="t0"), router, route])
    assert [problem.code for problems in target.problems.values() for problem in problems] == ["TRK-0407"]

    assert ovn.RowKey("Logical_Router_Static_Route", "Route", "to-1") in target.apply([link])
    assert target.problems == {}

    assert ovn.RowKey("Logical_Router_Static_Route", "Route", "to-1") in target.apply(removed=[identity.key_of(link)])
    assert target.problems != {}


def at_once(intent: model.Intent, database: Any) -> Any:
    database.apply(ovn.plan(ovn.compile_rows(intent).rows, database.observed()))
    return database.contents()


def model_address(number: int) -> Any:
    return (ip_interface(f"10.0.0.{number + 1}/24"),)
