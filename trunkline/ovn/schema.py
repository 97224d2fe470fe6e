"""The part of OVN's northbound schema that Trunkline writes: tables, columns, their shapes, and what is ours in them.

`tests/ovn/test_schema.py` holds this page against the schema that is installed.  Values have a normal form by shape:

    shape      normal form            default
    TEXT       str                    ""
    NUMBER     int                    0
    OPTIONAL   str | int | None       None
    SET        frozenset of str       empty
    MAP        dict of str to str     empty
    NUMBERS    dict of str to int     empty
    ROW        a row of a table       None

The desired value of a ROW is the key of another desired row, the observed one its uuid.

Columns that are not listed are not read, not compared and not written: `up` and `dynamic_addresses` are northd's, the rest
is open to other people.  `tag` we set to what northd would copy there, so the two never differ about it.  Of a map only the keys in `ours` are; the others are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cached_property

import msgspec

from trunkline.ovn import identity
from trunkline.ovn.identity import RowKey

DATABASE = "OVN_Northbound"

Value = str | int | None | frozenset[str] | Mapping[str, str | int] | RowKey
"""A column's value in normal form."""

Columns = Mapping[str, Value]


class Shape(Enum):
    """How a column's values look; see the module's table."""

    TEXT = "text"
    NUMBER = "number"
    OPTIONAL = "optional"
    SET = "set"
    MAP = "map"
    NUMBERS = "numbers"
    ROW = "row"


class Column(msgspec.Struct, frozen=True, dict=True):
    """One column we manage; `ours` are the keys of a map that we set and remove."""

    shape: Shape
    ours: frozenset[str] = frozenset()

    @cached_property
    def default(self) -> Value:
        """The value of a column that nobody has set."""
        return _DEFAULTS[self.shape]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table we manage.

    A row of a table with `homes` lives in a set column of one row of another table (`homes` are those tables and columns),
    and dies with its last reference; a row of a table without them stands by itself.  `lists` are tables and columns that
    may name a row as well without holding it.  `unique_name` says that the database allows each `name` once.
    """

    columns: Mapping[str, Column]
    homes: Mapping[str, str] = {}
    lists: Mapping[str, str] = {}
    unique_name: bool = False


_DEFAULTS: Mapping[Shape, Value] = {
    Shape.TEXT: "",
    Shape.NUMBER: 0,
    Shape.OPTIONAL: None,
    Shape.SET: frozenset(),
    Shape.MAP: {},
    Shape.NUMBERS: {},
    Shape.ROW: None,
}

_TEXT, _NUMBER, _OPTIONAL, _SET = (Column(shape) for shape in (Shape.TEXT, Shape.NUMBER, Shape.OPTIONAL, Shape.SET))
_ROW = Column(Shape.ROW)
_MARKS = Column(Shape.MAP, identity.MARKS)


def _map(*ours: str) -> Column:
    return Column(Shape.MAP, frozenset(ours))


def _numbers(*ours: str) -> Column:
    return Column(Shape.NUMBERS, frozenset(ours))


SWITCH = "Logical_Switch"
SWITCH_PORT = "Logical_Switch_Port"
PORT_GROUP = "Port_Group"
ACL = "ACL"
QOS = "QoS"
ROUTER = "Logical_Router"
ROUTER_PORT = "Logical_Router_Port"
GATEWAY_CHASSIS = "Gateway_Chassis"
STATIC_ROUTE = "Logical_Router_Static_Route"
POLICY = "Logical_Router_Policy"
NAT = "NAT"

TABLES: Mapping[str, Table] = {
    SWITCH: Table(columns={"name": _TEXT, "external_ids": _MARKS}),
    SWITCH_PORT: Table(
        homes={SWITCH: "ports"},
        lists={PORT_GROUP: "ports"},
        unique_name=True,
        columns={
            "name": _TEXT,
            "type": _TEXT,
            "addresses": _SET,
            "port_security": _SET,
            "parent_name": _OPTIONAL,
            "tag": _OPTIONAL,
            "tag_request": _OPTIONAL,
            "options": _map("nat-addresses", "network_name", "requested-chassis", "requested-tnl-key", "router-port"),
            "external_ids": _MARKS,
        },
    ),
    PORT_GROUP: Table(unique_name=True, columns={"name": _TEXT, "external_ids": _MARKS}),
    ACL: Table(
        homes={SWITCH: "acls", PORT_GROUP: "acls"},
        columns={
            "priority": _NUMBER,
            "direction": _TEXT,
            "match": _TEXT,
            "action": _TEXT,
            "options": _map("apply-after-lb"),
            "external_ids": _MARKS,
        },
    ),
    QOS: Table(
        homes={SWITCH: "qos_rules"},
        columns={
            "priority": _NUMBER,
            "direction": _TEXT,
            "match": _TEXT,
            "action": _numbers("dscp"),
            "bandwidth": _numbers("burst", "rate"),
            "external_ids": _MARKS,
        },
    ),
    ROUTER: Table(columns={"name": _TEXT, "external_ids": _MARKS}),
    ROUTER_PORT: Table(
        homes={ROUTER: "ports"},
        unique_name=True,
        columns={
            "name": _TEXT,
            "mac": _TEXT,
            "networks": _SET,
            "peer": _OPTIONAL,
            "options": _map("redirect-type"),
            "external_ids": _MARKS,
        },
    ),
    GATEWAY_CHASSIS: Table(
        homes={ROUTER_PORT: "gateway_chassis"},
        unique_name=True,
        columns={"name": _TEXT, "chassis_name": _TEXT, "priority": _NUMBER, "external_ids": _MARKS},
    ),
    STATIC_ROUTE: Table(
        homes={ROUTER: "static_routes"},
        columns={"ip_prefix": _TEXT, "nexthop": _TEXT, "output_port": _OPTIONAL, "external_ids": _MARKS},
    ),
    POLICY: Table(
        homes={ROUTER: "policies"},
        columns={"priority": _NUMBER, "match": _TEXT, "action": _TEXT, "nexthops": _SET, "external_ids": _MARKS},
    ),
    NAT: Table(
        homes={ROUTER: "nat"},
        columns={
            "type": _TEXT,
            "external_ip": _TEXT,
            "logical_ip": _TEXT,
            "gateway_port": _ROW,
            "external_ids": _MARKS,
        },
    ),
}

CHILDREN: Mapping[str, Mapping[str, str]] = {
    name: {below.homes[name]: child for child, below in TABLES.items() if name in below.homes} for name in TABLES
}
"""For each table, the set columns in which rows of other tables live, and those tables."""

LISTED: Mapping[str, Mapping[str, str]] = {
    name: {below.lists[name]: listed for listed, below in TABLES.items() if name in below.lists} for name in TABLES
}
"""For each table, the set columns that name rows of other tables which live elsewhere, and those tables."""

SETS: Mapping[str, tuple[str, ...]] = {name: (*CHILDREN[name], *LISTED[name]) for name in TABLES}
"""For each table, all set columns of references."""
