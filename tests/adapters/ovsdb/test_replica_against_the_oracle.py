"""A replica under random churn equals the copy that the `ovs` package keeps of the same server."""

from __future__ import annotations

import random
import time
from typing import Any

import ovs.db.idl
import pytest

from trunkline.adapters import ovsdb
from trunkline.adapters.ovsdb import schema as schemas

TABLES = ("Open_vSwitch", "Bridge", "Port", "Interface", "QoS")


class Oracle:
    """The `ovs` package's replica."""

    def __init__(self, remote: str) -> None:
        helper = ovs.db.idl.SchemaHelper("/usr/share/openvswitch/vswitch.ovsschema")
        for table in TABLES:
            helper.register_table(table)
        self._idl = ovs.db.idl.Idl(remote, helper)

    def rows(self, known: ovsdb.DatabaseSchema, *, until: str) -> dict[str, dict[str, dict[str, Any]]]:
        """All rows in our normal form, as soon as the churn's last stamp is among them."""
        deadline = time.monotonic() + 10
        while [until] not in [row.db_version for row in self._idl.tables["Open_vSwitch"].rows.values()]:
            assert time.monotonic() < deadline, "the oracle does not catch up"
            self._idl.run()
        return {
            table: {str(uuid): self._row(known.table(table), row) for uuid, row in self._idl.tables[table].rows.items()}
            for table in TABLES
        }

    def _row(self, table: ovsdb.TableSchema, row: Any) -> dict[str, Any]:
        return {name: kind.decode(row._data[name].to_json()) for name, kind in table.columns.items()}

    def close(self) -> None:
        self._idl.close()


class Churn:
    """Random but legal transactions on bridges, ports, interfaces and queues."""

    def __init__(self, client: ovsdb.Client, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)
        self._root = ovsdb.RowUuid("")
        self._bridges: dict[str, ovsdb.RowUuid] = {}
        self._count = 0

    async def start(self) -> None:
        self._root = (await self._client.transact([ovsdb.insert("Open_vSwitch", {})]))[0]["uuid"]

    async def stamp(self, text: str) -> None:
        """Write a text that whoever has seen all before it will see."""
        await self._client.transact([ovsdb.update("Open_vSwitch", ovsdb.by_uuid(self._root), {"db_version": text})])

    async def step(self) -> None:
        if not self._bridges or self._random.random() < 0.3:
            await self._add()
        elif self._random.random() < 0.25:
            await self._remove()
        else:
            await self._change()

    async def _add(self) -> None:
        self._count += 1
        name = f"br{self._count}"
        ops = [
            ovsdb.insert("Interface", {"name": f"if{self._count}", "options": self._map()}, "interface"),
            ovsdb.insert("Port", {"name": f"p{self._count}", "interfaces": {ovsdb.NamedUuid("interface")}, "tag": self._optional()}, "port"),
            ovsdb.insert("Bridge", {"name": name, "ports": {ovsdb.NamedUuid("port")}, "external_ids": self._map()}, "bridge"),
            ovsdb.mutate("Open_vSwitch", ovsdb.by_uuid(self._root), [("bridges", "insert", {ovsdb.NamedUuid("bridge")})]),
        ]  # fmt: skip
        self._bridges[name] = (await self._client.transact(ops))[2]["uuid"]

    async def _remove(self) -> None:
        uuid = self._bridges.pop(self._random.choice(sorted(self._bridges)))
        where = ovsdb.by_uuid(self._root)
        await self._client.transact([ovsdb.mutate("Open_vSwitch", where, [("bridges", "delete", {uuid})])])

    async def _change(self) -> None:
        where = ovsdb.by_uuid(self._bridges[self._random.choice(sorted(self._bridges))])
        row = {
            "external_ids": self._map(),
            "flood_vlans": frozenset(self._random.sample(range(20), self._random.randrange(4))),
            "fail_mode": self._random.choice([None, "secure", "standalone"]),
            "mcast_snooping_enable": self._random.random() < 0.5,
            "datapath_type": self._random.choice(["", "netdev", "system"]),
        }
        some = self._random.sample(sorted(row), 3)
        await self._client.transact([ovsdb.update("Bridge", where, {column: row[column] for column in some})])

    def _map(self) -> dict[str, str]:
        return {
            f"k{self._random.randrange(4)}": f"v{self._random.randrange(3)}" for _ in range(self._random.randrange(4))
        }

    def _optional(self) -> int | None:
        return self._random.choice([None, self._random.randrange(4096)])


def columns(replica: ovsdb.Replica) -> dict[str, dict[str, dict[str, Any]]]:
    return {table: {uuid: row.columns for uuid, row in replica.table(table).items()} for table in TABLES}


@pytest.mark.parametrize("seed", range(3))
async def test_given_random_churn_then_both_replicas_hold_the_same_rows(
    seed: int, switch_server, client: ovsdb.Client
) -> None:
    early_oracle = Oracle(switch_server.remote)
    early = await client.replicate_tables(dict.fromkeys(TABLES))
    churn = Churn(client, seed)
    await churn.start()

    for step in range(150):
        await churn.step()
        if step % 50 == 49:
            await churn.stamp(str(step))
            # Our replica has the change before the transaction is answered, so there is nothing to wait for.
            assert columns(early) == early_oracle.rows(client.schema, until=str(step))

    late = await client.replicate_tables(dict.fromkeys(TABLES))
    assert columns(late) == columns(early)
    early_oracle.close()


async def test_our_schema_reads_the_same_types_as_the_oracle(client: ovsdb.Client) -> None:
    helper = ovs.db.idl.SchemaHelper("/usr/share/openvswitch/vswitch.ovsschema")
    helper.register_all()
    theirs = helper.get_idl_schema()

    for name, table in theirs.tables.items():
        for column in table.columns.values():
            ours: schemas.ColumnType = client.schema.table(name).column(column.name)
            value = column.type.value.type.to_string() if column.type.value else ""
            assert (ours.key, ours.value, ours.minimum) == (column.type.key.type.to_string(), value, column.type.n_min)
            assert (ours.maximum == 1) == (column.type.n_max == 1)
