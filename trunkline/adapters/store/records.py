"""The rows of `trunkline.ovsschema`, as the replica keeps them."""

from __future__ import annotations

from trunkline.adapters import ovsdb
from trunkline.adapters.store.documents import Claim, Document

DATABASE = "Trunkline"


class DocumentRow(ovsdb.Row, table="Document"):
    """A document; `path` is unique."""

    path: str
    kind: str
    body: bytes
    revision: int
    uid: str
    created: str
    updated: str


class ClaimRow(ovsdb.Row, table="Claim"):
    """A claim; `key` is unique."""

    key: str
    owner: str
    body: bytes


class MetaRow(ovsdb.Row, table="Meta"):
    """The one row that every document commit moves: the global revision and the commit that made it."""

    revision: int
    commit: str


class CommitRow(ovsdb.Row, table="Commit"):
    """One of the last commits: who made revision n, and which paths it removed."""

    revision: int
    ident: str
    deleted: frozenset[str]


class RoleRow(ovsdb.Row, table="Role"):
    """Who acts in a role; `epoch` grows with each takeover."""

    name: str
    epoch: int
    holder: str


ROWS = (DocumentRow, ClaimRow, MetaRow, CommitRow, RoleRow)


def document(row: DocumentRow) -> Document:
    """The document that a row holds (the body is shared, not copied)."""
    return Document(row.path, row.kind, row.body, row.revision, row.uid, row.created, row.updated)


def claim(row: ClaimRow) -> Claim:
    """The claim that a row holds."""
    return Claim(row.key, row.owner, row.body)
