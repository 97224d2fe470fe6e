"""What single changes cost, and how the plan treats other people's rows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline import ovn
from trunkline.intent import model
from trunkline.ovn import diff

VLAN = "vlan/trunk/19/172.16.19.0-24"


@pytest.fixture
def intent(intent_of_case: Any) -> model.Intent:
    found: model.Intent = intent_of_case("pods-on-a-vlan")
    return found


@pytest.fixture
def database(intent: model.Intent, new_database: Any) -> Any:
    """A database in which the intent is realised."""
    database = new_database()
    database.apply(ovn.plan(ovn.compile_rows(intent).rows, database.observed()))
    return database


def replan(database: Any, intent: model.Intent) -> ovn.Plan:
    return ovn.plan(ovn.compile_rows(intent).rows, database.observed())


def with_port(intent: model.Intent, **changes: Any) -> model.Intent:
    port = msgspec.structs.replace(intent.ports["ns-ap/web-0/1c3e5a70"], **changes)
    return msgspec.structs.replace(intent, ports=intent.ports | {port.id: port})


def row_named(database: Any, table: str, name: str) -> Any:
    return next(row for row in database.rows[table].values() if row["name"] == name)


def test_given_two_pods_when_one_is_deleted_then_only_its_port_is_detached(database: Any, intent: Any) -> None:
    del intent.ports["ns-ap/web-0/1c3e5a70"]

    (operation,) = replan(database, intent).operations

    assert isinstance(operation, diff.Detach)
    assert len(operation.children) == 1


def test_pod_that_moves_to_another_node_changes_one_key_of_one_row(database: Any, intent: Any) -> None:
    (operation,) = replan(database, with_port(intent, chassis="node2")).operations

    assert isinstance(operation, diff.Update)
    assert operation.columns == {}
    assert operation.maps == {"options": diff.MapChange({"requested-chassis": "node2"}, frozenset())}


def test_key_that_is_no_longer_wanted_is_dropped(database: Any, intent: Any) -> None:
    (operation,) = replan(database, with_port(intent, chassis="")).operations

    assert operation.maps == {"options": diff.MapChange({}, frozenset({"requested-chassis"}))}


def test_keys_that_others_set_on_our_row_stay_and_are_not_fought_over(database: Any, intent: Any) -> None:
    row = row_named(database, "Logical_Switch_Port", "ns-ap/web-0/1c3e5a70")
    row["options"] = row["options"] | {"qos_max_rate": "1000"}
    row["external_ids"] = row["external_ids"] | {"note": "watch this one"}

    assert replan(database, intent) == ovn.Plan()


def test_column_that_somebody_changed_by_hand_is_put_right(database: Any, intent: Any) -> None:
    row_named(database, "Logical_Switch_Port", f"localnet:{VLAN}|trunk")["tag_request"] = 20

    (operation,) = replan(database, intent).operations

    assert operation.columns == {"tag_request": 19}


def test_network_that_becomes_untagged_clears_its_tag(database: Any, intent: Any) -> None:
    network = msgspec.structs.replace(intent.networks[VLAN], vlan=0)

    (operation,) = replan(database, msgspec.structs.replace(intent, networks={VLAN: network})).operations

    assert operation.columns == {"tag": None, "tag_request": None}


def test_port_that_changes_networks_moves_in_one_transaction_with_its_row(database: Any, intent: Any) -> None:
    other = model.Network(id="overlay/node1", kind=model.NetworkKind.OVERLAY)
    moved = with_port(intent, network=other.id)
    uuid_before = {row["name"]: uuid for uuid, row in database.rows["Logical_Switch_Port"].items()}

    database.apply(replan(database, msgspec.structs.replace(moved, networks=intent.networks | {other.id: other})))

    uuid = uuid_before["ns-ap/web-0/1c3e5a70"]
    assert row_named(database, "Logical_Switch", other.id)["ports"] == {uuid}


def test_whole_network_goes_with_one_operation(database: Any, intent: Any) -> None:
    (operation,) = replan(database, model.Intent()).operations

    assert isinstance(operation, diff.Delete)
    assert len(operation.children["ports"]) == 3


def test_switch_in_which_somebody_else_has_a_port_stays_with_that_port_and_is_reported(
    database: Any, intent: Any
) -> None:
    theirs = database.insert("Logical_Switch_Port", name="theirs")
    row_named(database, "Logical_Switch", VLAN)["ports"].add(theirs)

    plan = replan(database, model.Intent())
    database.apply(plan)

    assert [problem.code for problem in plan.problems.values()] == [diff.INHABITED]
    assert list(database.rows["Logical_Switch_Port"]) == [theirs]


def test_switch_goes_as_soon_as_the_stranger_has_left(database: Any, intent: Any) -> None:
    theirs = database.insert("Logical_Switch_Port", name="theirs")
    switch = row_named(database, "Logical_Switch", VLAN)
    switch["ports"].add(theirs)
    database.apply(replan(database, model.Intent()))

    switch["ports"].remove(theirs)
    del database.rows["Logical_Switch_Port"][theirs]
    database.apply(replan(database, model.Intent()))

    assert database.rows["Logical_Switch"] == {}


def test_name_held_by_a_stranger_is_reported_and_everything_else_is_done(new_database: Any, intent: Any) -> None:
    database = new_database()
    theirs = database.insert("Logical_Switch_Port", name="ns-ap/web-0/1c3e5a70")
    database.insert("Logical_Switch", name="lab", ports={theirs})

    plan = replan(database, intent)
    database.apply(plan)

    assert [problem.code for problem in plan.problems.values()] == [diff.NAME_TAKEN]
    assert row_named(database, "Logical_Switch_Port", "ns-ap/web-1/2d4f6b81")


def test_same_named_switch_of_a_stranger_is_neither_adopted_nor_in_the_way(new_database: Any, intent: Any) -> None:
    database = new_database()
    database.insert("Logical_Switch", uuid="theirs", name=VLAN)

    database.apply(replan(database, intent))

    assert database.rows["Logical_Switch"]["theirs"]["ports"] == set()
    assert len(database.rows["Logical_Switch"]) == 2


def test_another_owner_of_our_own_kind_is_a_stranger(database: Any, new_database: Any, intent: Any) -> None:
    plan = ovn.plan({}, database.observed("fabric"))

    assert plan == ovn.Plan()


def test_second_copy_of_our_row_goes_and_the_first_stays(database: Any, intent: Any) -> None:
    original = row_named(database, "Logical_Switch", VLAN)
    database.insert("Logical_Switch", uuid="zz", name=VLAN, external_ids=original["external_ids"])

    (operation,) = replan(database, intent).operations

    assert isinstance(operation, diff.Delete)
    assert operation.uuid == "zz"


def test_port_of_ours_that_lies_in_the_copy_is_saved_from_its_deletion(database: Any, intent: Any) -> None:
    original = row_named(database, "Logical_Switch", VLAN)
    port = next(uuid for uuid, row in database.rows["Logical_Switch_Port"].items() if row["name"].startswith("ns-ap"))
    original["ports"].remove(port)
    database.insert("Logical_Switch", uuid="zz", name=VLAN, external_ids=original["external_ids"], ports={port})

    database.apply(replan(database, intent))

    assert port in original["ports"]
    assert replan(database, intent) == ovn.Plan()


def test_plan_for_one_key_inserts_the_parent_that_is_missing(new_database: Any, intent: Any) -> None:
    database = new_database()
    rows = ovn.compile_rows(intent).rows
    key = next(key for key in rows if key.kind == "Port")

    database.apply(ovn.plan(rows, database.observed(), [key]))

    assert len(database.rows["Logical_Switch"]) == len(database.rows["Logical_Switch_Port"]) == 1


def test_plan_for_one_key_inserts_the_row_that_it_refers_to(new_database: Any, intent_of_case: Any) -> None:
    database, rows = new_database(), ovn.compile_rows(intent_of_case("translations-at-two-gateways")).rows
    key = ovn.RowKey("NAT", "Nat", "one-pod")

    database.apply(ovn.plan(rows, database.observed(), [key]))

    (nat,) = database.rows["NAT"].values()
    assert database.rows["Logical_Router_Port"][nat["gateway_port"]]["name"] == "router:up/320|t0"
    assert ovn.plan(rows, database.observed(), [key]) == ovn.Plan()


def test_reference_that_somebody_emptied_or_turned_elsewhere_is_put_right(
    new_database: Any, intent_of_case: Any
) -> None:
    database, intent = new_database(), intent_of_case("translations-at-two-gateways")
    database.apply(replan(database, intent))
    first, second = (row for row in database.rows["NAT"].values() if row["type"] == "snat")
    before = database.contents()

    first["gateway_port"], second["gateway_port"] = None, first["gateway_port"]
    database.apply(replan(database, intent))

    assert database.contents() == before


def test_rows_that_need_one_whose_name_a_stranger_holds_wait_for_it_with_the_same_problem(
    new_database: Any, intent_of_case: Any
) -> None:
    database, intent = new_database(), intent_of_case("translations-at-two-gateways")
    theirs = database.insert("Logical_Router_Port", name="router:up/320|t0")
    database.insert("Logical_Router", uuid="theirs", ports={theirs})

    plan = replan(database, intent)
    database.apply(plan)

    assert {problem.code for problem in plan.problems.values()} == {diff.NAME_TAKEN}
    assert {key.id for key in plan.problems} == {"up/320", "one-pod", "floating"}
    assert {row["type"] for row in database.rows["NAT"].values()} == {"snat", "dnat"}

    del database.rows["Logical_Router"]["theirs"], database.rows["Logical_Router_Port"][theirs]
    database.apply(replan(database, intent))

    assert len(database.rows["NAT"]) == len(intent.nats)


def test_machine_that_becomes_a_gateways_last_candidate_changes_no_row_of_the_others(
    new_database: Any, intent_of_case: Any
) -> None:
    database, intent = new_database(), intent_of_case("tier-1-on-a-tier-0")
    database.apply(replan(database, intent))
    uplink = intent.router_ports["infra/tier-0s/t0/up"]
    three = msgspec.structs.replace(uplink, gateway_chassis=(*uplink.gateway_chassis, "edge3"))

    plan = replan(database, model.Intent.of([*intent.objects(), three]))

    assert [type(operation) for operation in plan.operations] == [diff.Insert, diff.Attach]


def test_vif_that_moves_between_machines_changes_one_key_and_its_nested_ports_nothing(
    new_database: Any, intent_of_case: Any
) -> None:
    database, intent = new_database(), intent_of_case("containers-behind-tags")
    database.apply(replan(database, intent))
    moving = msgspec.structs.replace(intent.ports["vif-a"], chassis="node1", moving_to="node2")

    (operation,) = replan(database, model.Intent.of([*intent.objects(), moving])).operations

    assert operation.maps == {"options": diff.MapChange({"requested-chassis": "node1,node2"}, frozenset())}


def test_ten_thousand_rows_do_not_matter_to_the_plan_for_one_key(intent: Any) -> None:
    class Counting(dict[Any, Any]):
        looks = 0

        def get(self, key: Any, default: Any = None) -> Any:
            self.looks += 1
            return super().get(key, default)

        def __iter__(self) -> Any:
            raise AssertionError("the whole of the desired rows was walked")

    rows = Counting(ovn.compile_rows(intent).rows)
    key = ovn.RowKey("Logical_Switch_Port", "Port", "ns-ap/web-0/1c3e5a70")

    assert len(ovn.plan(rows, ovn.Observed(), [key]).operations) == 3
    assert rows.looks <= 2
