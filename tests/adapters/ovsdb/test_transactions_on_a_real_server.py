"""What the server answers to transactions, in normal form, and what it refuses."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.adapters import ovsdb


async def insert_bridge(client: ovsdb.Client, name: str, **columns: object) -> ovsdb.RowUuid:
    """A bridge that hangs from the root row, so that it is not collected as garbage."""
    (root,) = (await client.transact([ovsdb.select("Open_vSwitch", columns=["_uuid"])]))[0]["rows"] or [None]
    ops = [ovsdb.insert("Bridge", {"name": name, **columns}, "bridge")]
    if root is None:
        ops.append(ovsdb.insert("Open_vSwitch", {"bridges": {ovsdb.NamedUuid("bridge")}}))
    else:
        where = ovsdb.by_uuid(root["_uuid"])
        ops.append(ovsdb.mutate("Open_vSwitch", where, [("bridges", "insert", {ovsdb.NamedUuid("bridge")})]))
    uuid: ovsdb.RowUuid = (await client.transact(ops))[0]["uuid"]
    return uuid


async def test_values_come_back_as_they_were_written(client: ovsdb.Client) -> None:
    written = {
        "name": "br-int",
        "datapath_type": "netdev",
        "fail_mode": "secure",
        "external_ids": {"trunkline-owner": "cluster", "odd": '"}{\\'},
        "protocols": frozenset({"OpenFlow13", "OpenFlow15"}),
        "flood_vlans": frozenset({7}),
        "mcast_snooping_enable": True,
    }

    uuid = await insert_bridge(client, **written)

    read = await client.transact([ovsdb.select("Bridge", ovsdb.by_uuid(uuid), [*written, "netflow", "_uuid"])])
    assert read == [{"rows": [{**written, "netflow": None, "_uuid": uuid}]}]


async def test_mutations_insert_into_and_delete_from_maps_and_sets(client: ovsdb.Client) -> None:
    uuid = await insert_bridge(client, "br", external_ids={"a": "1", "b": "2", "c": "3"}, flood_vlans={1, 2})
    where = ovsdb.by_uuid(uuid)

    results = await client.transact(
        [
            ovsdb.mutate(
                "Bridge",
                where,
                [
                    ("external_ids", "delete", {"a"}),
                    ("external_ids", "delete", {"b": "2", "c": "another value"}),
                    ("external_ids", "insert", {"d": "4"}),
                    ("flood_vlans", "insert", {3}),
                    ("flood_vlans", "delete", {1}),
                ],
            ),
            ovsdb.select("Bridge", where, ["external_ids", "flood_vlans"]),
        ]
    )

    assert results[0] == {"count": 1}
    assert results[1]["rows"] == [{"external_ids": {"c": "3", "d": "4"}, "flood_vlans": frozenset({2, 3})}]


async def test_an_arithmetic_mutation_is_visible_to_a_later_operation_of_the_transaction(client: ovsdb.Client) -> None:
    await insert_bridge(client, "br")

    results = await client.transact(
        [
            ovsdb.mutate("Open_vSwitch", (), [("next_cfg", "+=", 5)]),
            ovsdb.select("Open_vSwitch", columns=["next_cfg"]),
            ovsdb.comment("counted"),
            ovsdb.commit(durable=True),
        ]
    )

    assert results[1] == {"rows": [{"next_cfg": 5}]}


async def test_an_index_violation_names_no_operation_because_the_commit_failed(client: ovsdb.Client) -> None:
    await insert_bridge(client, "br")

    with pytest.raises(ovsdb.ConstraintViolation, match="br") as caught:
        await insert_bridge(client, "br")

    assert caught.value.index is None
    assert 'index on column "name"' in caught.value.details


async def test_a_value_out_of_range_names_its_operation(client: ovsdb.Client) -> None:
    with pytest.raises(ovsdb.ConstraintViolation) as caught:
        await client.transact([ovsdb.comment("first"), ovsdb.insert("Bridge", {"name": "br", "flood_vlans": {4096}})])

    assert caught.value.index == 1


async def test_a_dangling_strong_reference_is_refused(client: ovsdb.Client) -> None:
    nobody = ovsdb.RowUuid("11111111-2222-3333-4444-555555555555")

    with pytest.raises(ovsdb.ReferentialIntegrityViolation):
        await client.transact([ovsdb.insert("Open_vSwitch", {"bridges": {nobody}})])


async def test_a_wait_that_does_not_hold_fails_the_whole_transaction(client: ovsdb.Client) -> None:
    uuid = await insert_bridge(client, "br", fail_mode="secure")
    where = ovsdb.by_uuid(uuid)

    with pytest.raises(ovsdb.TimedOut) as caught:
        await client.transact(
            [
                ovsdb.update("Bridge", where, {"fail_mode": None}),
                ovsdb.wait("Bridge", where, [{"fail_mode": "standalone"}]),
            ]
        )

    assert caught.value.index == 1
    read = await client.transact([ovsdb.select("Bridge", where, ["fail_mode"])])
    assert read == [{"rows": [{"fail_mode": "secure"}]}]


async def test_a_wait_can_assert_that_there_is_no_row(client: ovsdb.Client) -> None:
    await client.transact([ovsdb.wait("Bridge", ovsdb.by("name", "br"), [])])
    await insert_bridge(client, "br")

    with pytest.raises(ovsdb.TimedOut):
        await client.transact([ovsdb.wait("Bridge", ovsdb.by("name", "br"), [])])


async def test_a_lock_that_is_not_held_is_told_apart(client: ovsdb.Client) -> None:
    with pytest.raises(ovsdb.NotOwner):
        await client.transact([ovsdb.assert_lock("somebody_elses")])


async def test_unknown_tables_and_columns_and_wrong_shapes_never_reach_the_server(client: ovsdb.Client) -> None:
    with pytest.raises(ovsdb.SchemaMismatch, match="no table Bidge"):
        await client.transact([ovsdb.insert("Bidge", {})])
    with pytest.raises(ovsdb.SchemaMismatch, match="no column nane"):
        await client.transact([ovsdb.insert("Bridge", {"nane": "br"})])
    with pytest.raises(TypeError):
        await client.transact([ovsdb.insert("Bridge", {"name": "br", "protocols": "OpenFlow13"})])


async def test_a_thousand_transactions_side_by_side_are_answered_each_with_its_own_result(client: ovsdb.Client) -> None:
    await insert_bridge(client, "br")

    async def count() -> int:
        select = ovsdb.select("Open_vSwitch", columns=["next_cfg"])
        results = await client.transact([ovsdb.mutate("Open_vSwitch", (), [("next_cfg", "+=", 1)]), select])
        value: int = results[1]["rows"][0]["next_cfg"]
        return value

    assert sorted(await asyncio.gather(*[count() for _ in range(1000)])) == list(range(1, 1001))
