"""A small asynchronous OVSDB client: declared rows, live replicas, transactions in normal form."""

from trunkline.adapters.ovsdb.client import Client
from trunkline.adapters.ovsdb.errors import (
    CommitInDoubt,
    ConstraintViolation,
    NotOwner,
    ProtocolViolation,
    ReferentialIntegrityViolation,
    SchemaMismatch,
    TimedOut,
    TransactionError,
    Unreachable,
)
from trunkline.adapters.ovsdb.operations import (
    Operation,
    assert_lock,
    by,
    by_uuid,
    comment,
    commit,
    delete,
    insert,
    mutate,
    select,
    update,
    wait,
)
from trunkline.adapters.ovsdb.remotes import Tls
from trunkline.adapters.ovsdb.replica import Change, Replica, Subscription
from trunkline.adapters.ovsdb.rows import GenericRow, Row
from trunkline.adapters.ovsdb.schema import (
    NO_UUID,
    ColumnType,
    DatabaseSchema,
    NamedUuid,
    RowUuid,
    TableSchema,
    encode,
)

__all__ = [
    "NO_UUID",
    "Change",
    "Client",
    "ColumnType",
    "CommitInDoubt",
    "ConstraintViolation",
    "DatabaseSchema",
    "GenericRow",
    "NamedUuid",
    "NotOwner",
    "Operation",
    "ProtocolViolation",
    "ReferentialIntegrityViolation",
    "Replica",
    "Row",
    "RowUuid",
    "SchemaMismatch",
    "Subscription",
    "TableSchema",
    "TimedOut",
    "Tls",
    "TransactionError",
    "Unreachable",
    "assert_lock",
    "by",
    "by_uuid",
    "comment",
    "commit",
    "delete",
    "encode",
    "insert",
    "mutate",
    "select",
    "update",
    "wait",
]
