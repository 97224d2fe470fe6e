"""Declared rows, subscriptions and waiting, on a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest

from trunkline.adapters import ovsdb
from trunkline.adapters.ovsdb import rows
from trunkline.adapters.ovsdb.replica import Replica
from trunkline.adapters.ovsdb.schema import NO_UUID


class Switch(ovsdb.Row, table="Open_vSwitch"):
    next_cfg: int
    external_ids: dict[str, str]


class Queue(ovsdb.Row, table="Queue"):
    dscp: int | None
    external_ids: dict[str, str]


def ovsdb_client(remote: str, *operations: dict[str, object]) -> list[dict[str, Any]]:
    """The results of a transaction by another program; nothing else happens here meanwhile."""
    command = ["ovsdb-client", "transact", remote, json.dumps(["Open_vSwitch", *operations])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


async def insert(client: ovsdb.Client, **row: object) -> ovsdb.RowUuid:
    uuid: ovsdb.RowUuid = (await client.transact([ovsdb.insert("Queue", row)]))[0]["uuid"]
    return uuid


async def test_a_writer_reads_its_own_write_without_waiting(client: ovsdb.Client) -> None:
    replica = await client.replicate(Queue)

    uuid = await insert(client, dscp=7, external_ids={"a": "1"})

    assert replica.table(Queue) == {uuid: Queue(uuid, 7, {"a": "1"})}
    await client.transact([ovsdb.update("Queue", ovsdb.by_uuid(uuid), {"dscp": None})])
    assert replica.table(Queue)[uuid].dscp is None
    await client.transact([ovsdb.delete("Queue", ovsdb.by_uuid(uuid))])
    assert not replica.table(Queue)


async def test_who_asks_to_be_caught_up_has_heard_of_what_others_wrote(client: ovsdb.Client, switch_server) -> None:
    replica = await client.replicate(Queue)
    before = ovsdb_client(switch_server.remote, {"op": "insert", "table": "Queue", "row": {"dscp": 7}})
    assert not replica.table(Queue), "this thread was busy until now"

    await client.caught_up(10)

    assert {str(uuid): row.dscp for uuid, row in replica.table(Queue).items()} == {before[0]["uuid"][1]: 7}


async def test_what_a_cancelled_writer_wrote_is_heard_of_by_who_asks_to_be_caught_up(client: ovsdb.Client) -> None:
    replica = await client.replicate(Queue)
    writer = asyncio.create_task(insert(client, dscp=7))
    await asyncio.sleep(0)  # it has sent its transaction, and no answer can have come
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)

    await client.caught_up(10)

    assert [row.dscp for row in replica.table(Queue).values()] == [7]


async def test_columns_that_were_not_declared_cause_no_update(client: ovsdb.Client) -> None:
    class Dscp(ovsdb.Row, table="Queue"):
        dscp: int | None

    replica = await client.replicate(Dscp)
    uuid = await insert(client, dscp=1)
    generation = replica.generation

    await client.transact([ovsdb.update("Queue", ovsdb.by_uuid(uuid), {"external_ids": {"a": "1"}})])

    assert replica.generation == generation
    assert replica.table(Dscp) == {uuid: Dscp(uuid, 1)}


async def test_a_condition_limits_what_is_copied(client: ovsdb.Client) -> None:
    await insert(client, dscp=1)
    wanted = await insert(client, dscp=2)

    replica = await client.replicate(Queue, where={Queue: [("dscp", "==", 2)]})

    assert set(replica.table(Queue)) == {wanted}


async def test_a_replica_that_came_in_instalments_is_like_any_other(client: ovsdb.Client, switch_server) -> None:
    uuids = [await insert(client, dscp=dscp) for dscp in range(6)]

    replica = await client.replicate(Queue, instalments=[{Queue: [("dscp", "<", number)]} for number in (0, 2, 4)])

    assert replica.table(Queue) == {uuid: Queue(uuid, dscp, {}) for dscp, uuid in enumerate(uuids)}
    late = await insert(client, dscp=7)
    assert late in replica.table(Queue)
    seen: list[ovsdb.Change] = []
    replica.listen(seen.extend)
    switch_server.kill()
    switch_server.start()
    await client.live()
    assert set(replica.table(Queue)) == {*uuids, late}
    assert seen == []


async def test_a_replica_that_is_not_whole_yet_starts_anew_on_the_next_connection(client: ovsdb.Client) -> None:
    replica = Replica(lambda known: [rows.TypedReader(Queue, known)], {}, [{"Queue": [("dscp", "<", 1)]}])

    first = replica.monitor_request(client.schema)
    assert first.tables["Queue"][0]["where"] == [["dscp", "<", 1]]
    assert first.widened == ({"Queue": [{"where": [True]}]},)
    replica.take_answer([False, "5" * 36, {}])  # and the connection breaks

    second = replica.monitor_request(client.schema)
    assert (second.since, second.widened) == (NO_UUID, ())
    assert second.tables["Queue"][0]["where"] == [True]
    replica.take_answer([False, "6" * 36, {}])
    replica.loaded()
    assert replica.monitor_request(client.schema).since == "6" * 36


async def test_a_generic_replica_holds_some_or_all_columns(client: ovsdb.Client) -> None:
    uuid = await insert(client, dscp=3, external_ids={"a": "1"})

    some = await client.replicate_tables({"Queue": ["dscp"], "Bridge": None})
    every = await client.replicate_tables({"Queue": None})

    assert some.table("Queue") == {uuid: ovsdb.GenericRow("Queue", uuid, {"dscp": 3})}
    assert every.table("Queue")[uuid].columns == {"dscp": 3, "external_ids": {"a": "1"}, "other_config": {}}


async def test_a_slow_subscriber_gets_one_change_per_row(client: ovsdb.Client) -> None:
    replica = await client.replicate(Queue)
    kept = await insert(client, dscp=1)
    subscription = replica.subscribe()

    for dscp in range(2, 20):
        await client.transact([ovsdb.update("Queue", ovsdb.by_uuid(kept), {"dscp": dscp})])
    passing = await insert(client, dscp=50)
    await client.transact([ovsdb.delete("Queue", ovsdb.by_uuid(passing))])
    new = await insert(client, dscp=51)

    batch = await anext(subscription)
    assert batch == [
        ovsdb.Change("Queue", kept, Queue(kept, 1, {}), Queue(kept, 19, {})),
        ovsdb.Change("Queue", new, None, Queue(new, 51, {})),
    ]
    assert subscription.pending() == []


async def test_a_row_that_returns_to_its_old_state_is_not_mentioned(client: ovsdb.Client) -> None:
    replica = await client.replicate(Queue)
    uuid = await insert(client, dscp=1)
    subscription = replica.subscribe()

    await client.transact([ovsdb.update("Queue", ovsdb.by_uuid(uuid), {"dscp": 2})])
    await client.transact([ovsdb.update("Queue", ovsdb.by_uuid(uuid), {"dscp": 1})])

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(subscription)


async def test_waiting_ends_with_the_update_that_fulfils_it(client: ovsdb.Client, switch_server) -> None:
    replica = await client.replicate(Queue)
    async with ovsdb.Client(switch_server.remote, "Open_vSwitch", connect_timeout=10) as other:
        waiting = asyncio.create_task(
            replica.wait_for(lambda: next((row for row in replica.table(Queue).values() if row.dscp == 9), None), 10)
        )
        await insert(other, dscp=8)
        uuid = await insert(other, dscp=9)

        assert await waiting == Queue(uuid, 9, {})


async def test_waiting_for_what_never_comes_ends_with_a_timeout(client: ovsdb.Client) -> None:
    replica = await client.replicate(Queue)

    with pytest.raises(TimeoutError):
        await replica.wait_for(lambda: len(replica.table(Queue)) > 1000, 0.05)


async def test_a_forgotten_replica_ends_its_subscriptions_and_changes_no_more(client: ovsdb.Client) -> None:
    replica = await client.replicate(Queue)
    subscription = replica.subscribe()

    await client.forget(replica)
    await insert(client, dscp=1)

    assert [batch async for batch in subscription] == []
    assert not replica.table(Queue)


async def test_a_table_that_the_schema_lacks_is_refused_and_leaves_the_client_usable(client: ovsdb.Client) -> None:
    with pytest.raises(ovsdb.SchemaMismatch, match="no table Bidge"):
        await client.replicate_tables({"Bidge": None})

    assert await client.transact([ovsdb.comment("still here")]) == [{}]
