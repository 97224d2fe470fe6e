"""From an object to its addresses and its northbound rows, and from a row back to the object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from trunkline import ovn
from trunkline.adapters import ovsdb
from trunkline.adapters.kube import Kube, errors, resources
from trunkline.cli import sources as whom
from trunkline.cli.sources import Sources
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.dialects.kubernetes import overlay
from trunkline.intent import attachment
from trunkline.ipam import capacity
from trunkline.ipam.leases import Lease
from trunkline.kit import problems
from trunkline.ovn import explain, schema

NOT_FOUND = problems.register("TRK-0805", "There is nothing to explain.")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A northbound row of somebody's; `name` is empty where its table has none."""

    table: str
    uuid: str
    name: str
    origin: explain.Origin


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An address lease, in words."""

    address: str
    holder: str
    pool: str
    network: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from an object (or, for a row, what it follows from)."""

    object: str
    facts: dict[str, str]
    addresses: list[Held]
    rows: list[Row]


async def pod(sources: Sources, namespace: str, name: str) -> Explanation:
    """What follows from a Pod, also from one that is gone but has left something.

    Raises:
        TrunklineError: there is no such Pod, and nothing of it.
        RemoteError: a source cannot be reached.
    """
    about = f"Pod {namespace}/{name}"
    async with Kube.connect(sources.kubeconfig, field_manager="trunkline") as kube:
        try:
            found = await kube.get(resources.PODS, name, namespace)
        except errors.NotFound:
            found = None
    held = [lease for lease in await whom.book(sources) if lease.pod and str(lease.pod) == about]
    explained = Explanation(
        object=about,
        facts=_pod_facts(found),
        addresses=_held(held),
        rows=await _rows(sources, lambda row: row.origin.source == about),
    )
    if found is None and not (held or explained.rows):
        raise _nothing(about)
    return explained


async def ippool(sources: Sources, name: str) -> Explanation:
    """What follows from an IPPool: its leases and the networks it is on.

    Raises:
        TrunklineError: there is no such IPPool.
        RemoteError: a source cannot be reached.
    """
    async with Kube.connect(sources.kubeconfig, field_manager="trunkline") as kube:
        known = {each.name: each for each in await whom.pools(kube, sources)}
    if name not in known:
        raise _nothing(f"IPPool {name}", problems.did_you_mean(name, known))
    found = known[name]
    held = (await whom.book(sources)).of_pool(name)
    networks = {subnet.network for subnet in found.pool.subnets}
    return Explanation(
        object=str(found),
        facts=_pool_facts(found, len(held)),
        addresses=_held(held),
        rows=await _rows(sources, lambda row: row.origin.object.kind != "Port" and row.origin.object.id in networks),
    )


async def node(sources: Sources, name: str) -> Explanation:
    """What follows from a Node: its overlay network, and the addresses given out there.

    Raises:
        TrunklineError: there is no such Node.
        RemoteError: a source cannot be reached.
    """
    async with Kube.connect(sources.kubeconfig, field_manager="trunkline") as kube:
        known = {each.name: each for each in await whom.nodes(kube)}
    if name not in known:
        raise _nothing(f"Node {name}", problems.did_you_mean(name, known))
    found = known[name]
    about = f"Node {name}"
    return Explanation(
        object=about,
        facts={"podCIDR": ", ".join(map(str, found.pod_cidrs))},
        addresses=_held((await whom.book(sources)).of_pool(f"{overlay.POOL_PREFIX}{name}")),
        rows=await _rows(sources, lambda row: row.origin.source == about),
    )


async def row(sources: Sources, uuid: str) -> Explanation:
    """Where a northbound row comes from; the beginning of its UUID is enough.

    Raises:
        TrunklineError: no row of Trunkline's has such a UUID, or several begin so.
        RemoteError: a source cannot be reached.
    """
    found = await _rows(sources, lambda each: each.uuid.startswith(uuid))
    if len(found) != 1:
        hint = "give more of the UUID" if found else "rows without Trunkline's marks are somebody else's"
        raise _nothing(f"northbound row {uuid}", hint)
    origin = found[0].origin
    held = [lease for lease in await whom.book(sources) if lease.pod and str(lease.pod) == origin.source]
    return Explanation(
        object=origin.source or str(origin.object),
        facts={"owner": origin.owner, "intent": str(origin.object)},
        addresses=_held(held),
        rows=found,
    )


async def _rows(sources: Sources, wanted: Callable[[Row], bool]) -> list[Row]:
    """Rows with Trunkline's marks, by table and intent."""
    columns = {
        name: ["external_ids", *(["name"] if "name" in table.columns else [])] for name, table in schema.TABLES.items()
    }
    found = []
    async with ovsdb.Client(sources.northbound, schema.DATABASE, connect_timeout=whom.CONNECT_SECONDS) as client:
        replica = await client.replicate_tables(columns)
        for table in columns:
            for uuid, each in replica.table(table).items():
                if (origin := ovn.explain.origin(each.columns["external_ids"])) is not None:
                    name = str(each.columns.get("name") or "")
                    found.append(Row(table=table, uuid=str(uuid), name=name, origin=origin))
    return sorted(filter(wanted, found), key=lambda row: (row.table, row.origin.object, row.name))


def _held(leases: Iterable[Lease]) -> list[Held]:
    return [
        Held(address=str(lease.address), holder=lease.holder, pool=lease.pool, network=lease.network)
        for lease in sorted(leases, key=lambda lease: (lease.address.version, int(lease.address)))
    ]


def _pod_facts(found: Mapping[str, Any] | None) -> dict[str, str]:
    if found is None:
        return {"state": "gone; what it had is being taken back"}
    facts = {
        "state": str(found.get("status", {}).get("phase", "unknown")),
        "node": str(found["spec"].get("nodeName") or "none yet"),
        "since": str(found["metadata"]["creationTimestamp"]),
    }
    text = (found["metadata"].get("annotations") or {}).get(attachment.ANNOTATION)
    note = attachment.decode(text) if text else None
    if note and note.problem:
        facts["problem"] = str(note.problem)
    return facts


def _pool_facts(found: IPPool, used: int) -> dict[str, str]:
    facts = {
        "ranges": ", ".join(f"{each.text} (VLAN {each.vlan}, gateway {each.gateway})" for each in found.listed),
        "used": f"{used} of {capacity(found.pool)}",
    }
    if found.problems:
        facts["problems"] = "; ".join(map(str, found.problems))
    return facts


def _nothing(about: str, hint: str = "") -> problems.TrunklineError:
    found = "no such object, and nothing that follows from one"
    return problems.TrunklineError(problems=[problems.Problem(code=NOT_FOUND, object=about, found=found, hint=hint)])
