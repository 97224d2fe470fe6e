"""What the next document commit builds on, without waiting for the answers of the ones before.  Pure.

While commits are under way the next one builds on the last one sent; when none is, or one has failed, on what the
database showed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from trunkline.adapters.store.transaction import Base


class Chain:
    """The commits under way, in the order in which they were sent."""

    def __init__(self) -> None:
        self._under_way = 0
        self._head: Base | None = None
        self._generation = 0

    @contextlib.contextmanager
    def link(self, stored: Base, ident: str) -> Iterator[Base]:
        """Join the chain for the time of one attempt; `stored` is the state that the database showed last.

        If the attempt fails, the commits sent after it fail as well, and the next one starts afresh.
        """
        base = stored if self._head is None or not self._under_way else self._head
        self._head = Base(base.revision + 1, ident)
        self._under_way += 1
        generation = self._generation
        try:
            yield base
        except BaseException:
            if generation == self._generation:
                self._generation, self._head = generation + 1, None
            raise
        finally:
            self._under_way -= 1
