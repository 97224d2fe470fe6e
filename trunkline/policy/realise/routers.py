"""The networks of one router, as the northbound database has them when somebody asks.  Source: ovn-nb(5)."""

from __future__ import annotations

import ipaddress
from typing import Any

from trunkline.adapters import ovsdb
from trunkline.dialects.nsx.routing import Routed
from trunkline.ovn import identity


async def look(client: ovsdb.Client, router: str) -> list[Routed]:
    """The networks of the router with this id: its own, and those that it has routes to."""
    columns = ("ports", "static_routes")
    (found,) = await client.transact([ovsdb.select("Logical_Router", ovsdb.by("name", router), columns)])
    ports = [uuid for row in found["rows"] for uuid in row["ports"]]
    routes = [uuid for row in found["rows"] for uuid in row["static_routes"]]
    if not ports and not routes:
        return []
    rows = await client.transact(
        [
            *(ovsdb.select("Logical_Router_Port", ovsdb.by_uuid(uuid), ("networks",)) for uuid in ports),
            *(
                ovsdb.select(
                    "Logical_Router_Static_Route", ovsdb.by_uuid(uuid), ("ip_prefix", "nexthop", "external_ids")
                )
                for uuid in routes
            ),
        ]
    )
    own = [each for answer in rows[: len(ports)] for row in answer["rows"] for each in row["networks"]]
    return [*map(_own, own), *(_route(row) for answer in rows[len(ports) :] for row in answer["rows"])]


def _own(address: str) -> Routed:
    return Routed(network=str(ipaddress.ip_interface(address).network))


def _route(row: dict[str, Any]) -> Routed:
    marks = row["external_ids"]
    kind = marks.get(identity.SOURCE, "").partition(" ")[0]
    return Routed(network=row["ip_prefix"], next_hop=row["nexthop"], kind=kind, id=marks.get(identity.ID, ""))
