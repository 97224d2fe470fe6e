"""What must hold for every pair of intents, drawn by Hypothesis from a small world with many collisions and gaps."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline import ovn
from trunkline.intent import model
from trunkline.kit import addresses
from trunkline.ovn import identity

NETWORKS = ("overlay/a", "overlay/b", "vlan/trunk/19/x")
ROUTERS = ("r1", "r2")
LEGS = ("l1", "l2")
PORTS = ("p1", "p2")
FILTERS = ("f1", "f2")
NESTED = ("n1", "n2", "n3")
INTERFACES = tuple(ipaddress.ip_interface(f"10.{n}.0.{host}/24") for n in range(3) for host in (1, 2))
SOURCES = (model.Source(""), model.Source("Pod", "shop", "web-0"))


@st.composite
def networks(draw: Any, name: str) -> model.Network:
    if name.startswith("vlan"):
        vlan = draw(st.sampled_from([0, 19, 4095]))
        return model.Network(id=name, kind=model.NetworkKind.VLAN, physical_network="trunk", vlan=vlan)
    return model.Network(id=name, kind=model.NetworkKind.OVERLAY, source=draw(st.sampled_from(SOURCES)))


def routers(name: str) -> Any:
    return st.just(model.Router(id=name))


@st.composite
def intents(draw: Any) -> model.Intent:
    chosen: list[model.Object] = []
    for names, make in WORLD.items():
        chosen += [draw(make(name)) for name in draw(st.sets(st.sampled_from(names)))]
    return model.Intent.of(chosen)


def hosts(address: ipaddress.IPv4Interface) -> tuple[model.Host, ...]:
    return (model.Host(addresses.mac_of(address.ip), (address,)),)


@st.composite
def legs(draw: Any, name: str) -> model.RouterPort:
    address = draw(st.sampled_from(INTERFACES))
    return model.RouterPort(
        id=name,
        router=draw(st.sampled_from(ROUTERS)),
        network=draw(st.sampled_from(NETWORKS)),
        mac=addresses.mac_of(address.ip),
        addresses=(address,),
        gateway_chassis=draw(st.sampled_from([(), ("n1",), ("n1", "n2"), ("n2", "n1")])),
        redirect=draw(st.sampled_from(model.Redirect)),
    )


@st.composite
def links(draw: Any, name: str) -> model.RouterLink:
    ends = [
        model.LinkEnd(draw(st.sampled_from(ROUTERS)), addresses.mac_of(address.ip), (address,))
        for address in (draw(st.sampled_from(INTERFACES)), draw(st.sampled_from(INTERFACES)))
    ]
    return model.RouterLink(id=name, ends=(ends[0], ends[1]))


@st.composite
def routes(draw: Any, name: str) -> model.Route:
    hop = draw(st.sampled_from([None, *INTERFACES]))
    return model.Route(
        id=name,
        router=draw(st.sampled_from(ROUTERS)),
        prefix=ipaddress.ip_network("0.0.0.0/0"),
        next_hop=hop and hop.ip,
        source_prefix=draw(st.sampled_from([None, ipaddress.ip_network("10.0.0.0/24")])),
    )


@st.composite
def nats(draw: Any, name: str) -> model.Nat:
    return model.Nat(
        id=name,
        gateway=draw(st.sampled_from(LEGS)),
        kind=draw(st.sampled_from(model.NatKind)),
        external=draw(st.sampled_from(INTERFACES)).ip,
        internal=ipaddress.ip_network(draw(st.sampled_from(["10.0.0.0/24", "10.0.0.9/32"]))),
    )


@st.composite
def ports(draw: Any, name: str) -> model.Port:
    return model.Port(
        id=name,
        network=draw(st.sampled_from(NETWORKS)),
        hosts=hosts(draw(st.sampled_from(INTERFACES))),
        guard=draw(st.sampled_from(model.Guard)),
        filter=draw(st.sampled_from(["", *FILTERS])),
        chassis=draw(st.sampled_from(["", "n1", "n2"])),
        moving_to=draw(st.sampled_from(["", "n1"])),
        source=draw(st.sampled_from(SOURCES)),
    )


@st.composite
def nested_ports(draw: Any, name: str) -> model.Port:
    return model.Port(
        id=name,
        network=draw(st.sampled_from(NETWORKS)),
        guard=model.Guard.NONE,
        filter=draw(st.sampled_from(["", *FILTERS])),
        parent=draw(st.sampled_from([*PORTS, *NESTED])),
        tag=draw(st.sampled_from([0, 5, 6])),
    )


@st.composite
def filters(draw: Any, name: str) -> model.Filter:
    return model.Filter(
        id=name,
        drops=tuple(draw(st.lists(st.sampled_from(model.Traffic), unique=True))),
        blocked_macs=draw(st.sampled_from([(), ("01:80:c2:00:00:00", "01:80:c2:00:00:01"), ("no MAC",)])),
        spared_macs=draw(st.sampled_from([(), ("01:80:c2:00:00:0e",)])),
    )


@st.composite
def limits(draw: Any, name: str) -> model.Qos:
    return model.Qos(
        id=name,
        port=draw(st.sampled_from([*PORTS, *NESTED])),
        direction=draw(st.sampled_from(model.Direction)),
        rate=draw(st.sampled_from([0, 1000])),
        dscp=draw(st.sampled_from([None, 46])),
    )


@st.composite
def subnets(draw: Any, name: str) -> model.Subnet:
    return model.Subnet(
        id=name, network=draw(st.sampled_from(NETWORKS)), prefix=draw(st.sampled_from(INTERFACES)).network
    )


WORLD: dict[tuple[str, ...], Any] = {
    NETWORKS: networks,
    ROUTERS: routers,
    LEGS: legs,
    ("k1",): links,
    ("t1", "t2"): routes,
    ("x1", "x2"): nats,
    FILTERS: filters,
    PORTS: ports,
    NESTED: nested_ports,
    ("q1", "q2"): limits,
    ("s1",): subnets,
}


def brought_to(database: Any, intent: model.Intent) -> Any:
    """The database after one plan for the whole intent."""
    database.apply(ovn.plan(ovn.compile_rows(intent).rows, database.observed()))
    return database


@given(intents(), intents())
def test_applying_a_plan_over_anything_gives_the_desired_rows(new_database: Any, a: Any, b: Any) -> None:
    over_a = brought_to(brought_to(new_database(), a), b)

    assert brought_to(new_database(), b).contents() == over_a.contents()


@given(intents())
def test_plan_of_a_state_against_itself_is_empty(new_database: Any, a: Any) -> None:
    database = brought_to(new_database(), a)

    assert ovn.Plan() == ovn.plan(ovn.compile_rows(a).rows, database.observed())


@given(intents(), intents())
def test_there_and_back_gives_the_first_rows_and_nothing_wanted_leaves_nothing(
    new_database: Any, a: Any, b: Any
) -> None:
    database = brought_to(new_database(), a)
    first = database.contents()

    assert brought_to(brought_to(database, b), a).contents() == first
    assert brought_to(database, model.Intent()).contents() == new_database().contents()


@given(st.lists(intents(), min_size=1, max_size=4))
def test_object_by_object_gives_the_same_as_a_full_recompute_with_plans_for_changed_keys_only(
    new_database: Any, states: list[Any]
) -> None:
    target, database, known = ovn.Target(), new_database(), set()
    for intent in states:
        present = {identity.key_of(item) for item in intent.objects()}
        gone, known = known - present, present
        for item in intent.objects():
            database.apply(ovn.plan(target.rows, database.observed(), target.apply([item])))
        for key in gone:
            database.apply(ovn.plan(target.rows, database.observed(), target.apply(removed=[key])))

        compiled = ovn.compile_rows(intent)
        assert target.rows == compiled.rows
        assert sorted(map(str, compiled.problems)) == sorted(str(p) for many in target.problems.values() for p in many)
        assert ovn.Plan() == ovn.plan(target.rows, database.observed())


@settings(max_examples=50)
@given(intents(), intents())
def test_plan_touches_nothing_of_others(new_database: Any, a: Any, b: Any) -> None:
    database = new_database()
    port = database.insert("Logical_Switch_Port", name="theirs", options={"requested-chassis": "n9"})
    copied = database.insert(
        "Logical_Switch_Port",
        name="a-copy-of-our-marks",
        external_ids={"trunkline-owner": "cluster", "trunkline-kind": "Port", "trunkline-id": "p1"},
    )
    database.insert("Logical_Switch", uuid="foreign", name="overlay/a", ports={port, copied})
    before = {"switch": dict(database.rows["Logical_Switch"]["foreign"]), "port": dict(port_row(database, port))}

    brought_to(brought_to(database, a), b)

    assert before == {"switch": database.rows["Logical_Switch"]["foreign"], "port": port_row(database, port)}
    assert port_row(database, copied)["name"] == "a-copy-of-our-marks"


def port_row(database: Any, uuid: str) -> Any:
    return database.rows["Logical_Switch_Port"][uuid]
