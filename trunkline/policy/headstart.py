"""What is made of the stored objects while the store is still being opened.

The database server needs a second or two to tell of a large fabric.  Meanwhile what has come is decoded and indexed, for
those who answer requests and for those who realise.  Neither uses any of it before the store is open and they have held it
to what is stored then: an object may have changed or gone since it came, or not have been looked at yet.

Invariant: the server never waits for this; a few objects are looked at between one read and the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import structlog

from trunkline.adapters.store import Document
from trunkline.dialects.nsx.tree import Tree
from trunkline.policy import repository
from trunkline.policy.realise.intake import PREFIX, Intake
from trunkline.policy.settings import Settings

_PIECE = 100
"""Objects looked at between two reads; chosen: about as long as a read takes."""

_log = structlog.get_logger(__name__)


class HeadStart:
    """Takes documents as they arrive, until `end`."""

    def __init__(self, settings: Settings) -> None:
        self.tree = Tree()
        self.intake = Intake(settings)
        self._realises = bool(settings.northbound)
        self._waiting: deque[Document] = deque()
        self._goes_on = True

    def arrive(self, found: Iterable[Document]) -> None:
        """Documents have come."""
        idle = not self._waiting
        self._waiting.extend(document for document in found if document.path.startswith(f"{PREFIX}/"))
        if idle and self._waiting and self._goes_on:
            asyncio.get_running_loop().call_soon(self._look)

    def end(self) -> None:
        """What has been made belongs to others now."""
        self._goes_on = False
        self._waiting.clear()

    def _look(self) -> None:
        """Look at some of what waits; an object that nobody can read ends this, and is met again by those who tell of it."""
        piece = [self._waiting.popleft() for _ in range(min(_PIECE, len(self._waiting)))]
        try:
            repository.plant(self.tree, piece)
            if self._realises:
                self.intake.arrive(piece)
        except Exception:
            _log.exception("head start lost")
            self.end()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._look)
