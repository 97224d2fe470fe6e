"""Durable documents, unique claims and resumable watches, kept in an OVSDB database of our own."""

from trunkline.adapters.store.database import create_database, schema_path
from trunkline.adapters.store.documents import (
    Change,
    Claim,
    ClaimEvent,
    Delete,
    Document,
    Event,
    Put,
    Release,
    Take,
    Update,
)
from trunkline.adapters.store.errors import AlreadyClaimed, Compacted, Conflict, Fenced, NotFound, Unstorable
from trunkline.adapters.store.feeds import ClaimFeed
from trunkline.adapters.store.history import Watch
from trunkline.adapters.store.store import Store

__all__ = [
    "AlreadyClaimed",
    "Change",
    "Claim",
    "ClaimEvent",
    "ClaimFeed",
    "Compacted",
    "Conflict",
    "Delete",
    "Document",
    "Event",
    "Fenced",
    "NotFound",
    "Put",
    "Release",
    "Store",
    "Take",
    "Unstorable",
    "Update",
    "Watch",
    "create_database",
    "schema_path",
]
