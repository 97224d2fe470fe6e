"""Stored documents on their way into the network: what follows from them is known here, whether or not OVN can be reached.

Documents may come before the store is open, when nobody knows yet whether they stay.  So each is remembered with its
revision: once everything is known, only what is new or different has to be taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trunkline.adapters.store import Document
from trunkline.dialects.nsx import realisation
from trunkline.policy.settings import Settings

PREFIX = "nsx"
"""Where the policy objects are in the store: this and the policy path."""


class Intake:
    """The fabric that follows from the documents taken so far."""

    def __init__(self, settings: Settings) -> None:
        self.fabric = realisation.Fabric()
        self._facts: Mapping[str, Any] = {realisation.PHYSICAL_NETWORK: settings.physical_network}
        self._early: dict[str, int] = {}

    def arrive(self, found: Sequence[Document]) -> None:
        """Take documents that may yet change or go."""
        self.fabric.take(map(written, found), facts=self._facts)
        self._early.update((document.path, document.revision) for document in found)

    def late(self, found: Iterable[Document]) -> list[Document]:
        """Of all that is stored, what has not arrived as it is; asked once."""
        early, self._early = self._early, {}
        return [document for document in found if early.get(document.path) != document.revision]


def path(document: Document) -> str:
    """The policy path of a stored object."""
    return document.path.removeprefix(PREFIX)


def written(document: Document) -> realisation.Written:
    """A stored object as the fabric takes it."""
    return realisation.Written(path(document), document.kind, document.body)
