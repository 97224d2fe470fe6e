"""What hypervisors have counted, in a small OVSDB database that they write and the policy manager reads.

It stands beside OVN's southbound database on the same server, so that a hypervisor needs no other connection, certificate or
name than ovn-controller has.  Counts are ephemeral columns: they cost no disk, and a server that restarts begins at zero.

A row is what one hypervisor has seen of one logical port, which is known by its flows' cookie: the first eight hexadecimal
digits of the `Port_Binding`'s uuid.
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


def schema_path() -> pathlib.Path:
    """Where `tallies.ovsschema` is."""
    return pathlib.Path(__file__).with_name("tallies.ovsschema")
