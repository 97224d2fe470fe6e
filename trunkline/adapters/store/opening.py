"""What has to be known and done before a store can be read."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.adapters import ovsdb
from trunkline.adapters.store import records

_INSTALMENTS = 16  # chosen: each some tenth of a second's work with 100,000 documents, and nothing with few

Instalment = dict[type[ovsdb.Row], Sequence[ovsdb.operations.Condition]]


async def instalments(client: ovsdb.Client) -> list[Instalment]:
    """Conditions that let documents come by age: what is small first, then equal steps up to the newest revision."""
    found = await client.transact([ovsdb.select("Meta", (), ["revision"])])
    newest = max((row["revision"] for row in found[0]["rows"]), default=0)
    steps = [newest * number // _INSTALMENTS for number in range(_INSTALMENTS)]
    return [{records.DocumentRow: [("revision", "<", step)]} for step in steps]


async def ensure_meta(client: ovsdb.Client, replica: ovsdb.Replica) -> None:
    """Make the one row of a new database; several stores may try at once."""
    while not replica.table(records.MetaRow):
        try:
            await client.transact([ovsdb.insert("Meta", {"revision": 1}), ovsdb.commit(durable=True)])
        except ovsdb.ConstraintViolation:
            pass  # another store made it, and the replica has seen it before this answer
        except ovsdb.CommitInDoubt:
            await client.live()
