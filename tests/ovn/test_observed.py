"""A mirror that follows changes row by row knows the same as one that is read afresh, and says which keys to look at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import ovn
from trunkline.ovn import schema

CASES = (
    "pods-on-a-vlan",
    "overlay-of-two-nodes",
    "router-leg-on-a-vlan",
    "node-egress-by-source-route",
    "address-outside-its-subnet",  # has the overlay's pod on another network
    "tier-1-on-a-tier-0",
    "translations-at-two-gateways",
    "limits-of-ports",
    "filters-of-ports",
)


class Follower:
    """Feeds an `Observed` with the differences between two looks at a database, in any order."""

    def __init__(self) -> None:
        self.observed = ovn.Observed()
        self._seen: dict[tuple[str, str], Any] = {}

    def look(self, database: Any, order: Any = sorted) -> set[ovn.RowKey]:
        now = {
            (table, uuid): {name: _frozen(value) for name, value in row.items()}
            for table, rows in database.rows.items()
            for uuid, row in rows.items()
        }
        touched: set[ovn.RowKey] = set()
        for table, uuid in order([place for place in {*now, *self._seen} if now.get(place) != self._seen.get(place)]):
            row = now.get((table, uuid))
            if row is None:
                touched |= self.observed.remove(table, uuid)
            else:
                children = {column: row[column] for column in schema.SETS[table]}
                touched |= self.observed.put(table, uuid, row, children)
        self._seen = now
        return touched


def _frozen(value: Any) -> Any:
    return frozenset(value) if isinstance(value, set) else value


def realise(database: Any, intent: Any) -> None:
    database.apply(ovn.plan(ovn.compile_rows(intent).rows, database.observed()))


@given(cases=st.lists(st.sampled_from(CASES), min_size=2, max_size=5), data=st.data())
def test_following_gives_the_same_as_reading_afresh(
    cases: list[str], data: Any, intent_of_case: Any, new_database: Any
) -> None:
    database, follower = new_database(), Follower()

    for case in cases:
        realise(database, intent_of_case(case))
        follower.look(database, lambda places: data.draw(st.permutations(sorted(places))))

        fresh = database.observed()
        assert set(fresh.keys()) == set(follower.observed.keys())
        for key in fresh.keys():  # noqa: SIM118 - not a mapping
            assert fresh.carriers(key) == follower.observed.carriers(key)
            for uuid in fresh.carriers(key):
                assert fresh.parents(uuid) == follower.observed.parents(uuid)
                assert fresh.lists(uuid) == follower.observed.lists(uuid)


@pytest.mark.parametrize("case", CASES)
@given(data=st.data())
def test_touched_keys_are_enough_to_undo_what_a_stranger_did(
    case: str, data: Any, intent_of_case: Any, new_database: Any
) -> None:
    intent, database, follower = intent_of_case(case), new_database(), Follower()
    realise(database, intent)
    follower.look(database)
    before = database.contents()

    for _ in range(data.draw(st.integers(1, 3))):
        meddle(database, data)
    touched = follower.look(database)
    database.apply(ovn.plan(ovn.compile_rows(intent).rows, follower.observed, touched))

    assert database.contents() == before


def test_what_lives_in_a_row_that_somebody_took_is_looked_at_as_well(intent_of_case: Any, new_database: Any) -> None:
    database, follower = new_database(), Follower()
    realise(database, intent_of_case("tier-1-on-a-tier-0"))
    follower.look(database)
    gateways = {key for key in follower.observed.keys() if key.table == "Gateway_Chassis"}  # noqa: SIM118
    uplink = next(uuid for uuid, row in database.rows["Logical_Router_Port"].items() if row["gateway_chassis"])

    for router in database.rows["Logical_Router"].values():
        router["ports"].discard(uplink)
    database.insert("Logical_Router", name="theirs", ports={uplink})

    assert gateways
    assert gateways <= follower.look(database)


def meddle(database: Any, data: Any) -> None:
    """Delete, move, empty or change some row, as somebody with ovn-nbctl could."""
    places = sorted((table, uuid) for table, rows in database.rows.items() for uuid in rows)
    if not places:
        return
    table, uuid = data.draw(st.sampled_from(places))
    above, row = schema.TABLES[table], database.rows[table][uuid]
    match data.draw(st.sampled_from(["gone", "moved", "emptied", "changed"])):
        case "gone" | "moved" as what if above.homes:
            for home, column in above.homes.items():
                for parent in database.rows[home].values():
                    parent[column].discard(uuid)
            if what == "moved":
                homes = sorted((home, parent) for home in above.homes for parent in database.rows[home])
                home, parent = data.draw(st.sampled_from(homes))
                database.rows[home][parent][above.homes[home]].add(uuid)
        case "gone":
            del database.rows[table][uuid]
        case "emptied" | "moved":
            row |= {column: set() for column in schema.SETS[table]}
        case "changed":
            column = next(name for name in ("name", "match", "nexthop", "external_ip") if name in row)
            row[column] = f"changed-{uuid}"
    database.collect()
