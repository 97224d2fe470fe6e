"""What hypervisors have counted and heard, in a small OVSDB database that they write and the policy manager reads.

It stands beside OVN's southbound database on the same server, so that a hypervisor needs no other connection, certificate or
name than ovn-controller has.  Counts are ephemeral columns: they cost no disk, and a server that restarts begins at zero.

A `Tally` is what one hypervisor has seen of one logical port, which is known by its flows' cookie: the first eight hexadecimal
digits of the `Port_Binding`'s uuid.  A `Neighbour` is an address that was announced behind a port, which is known by the
`iface-id` of its interface, because OVN does not know of every tag.
"""

from __future__ import annotations

import pathlib

from trunkline.adapters import ovsdb

DATABASE = "Trunkline_Tallies"


class Tally(ovsdb.Row, table="Tally"):
    """`received` came from the port, `delivered` went to it; `shown` is what the switch's flows showed at that moment."""

    chassis: str
    cookie: int
    received_packets: int
    received_bytes: int
    delivered_packets: int
    delivered_bytes: int
    shown: dict[str, int]


class Neighbour(ovsdb.Row, table="Neighbour"):
    """An address and its MAC behind a port and a tag (0: none), when it was first announced there and when last.

    Times are in milliseconds since the epoch.  `last` is written once a minute at most, and 0 after the server's restart.
    """

    chassis: str
    port: str
    tag: int
    mac: str
    address: str
    first: int
    last: int


def schema_path() -> pathlib.Path:
    """Where `tallies.ovsschema` is."""
    return pathlib.Path(__file__).with_name("tallies.ovsschema")
