"""One commit on its way: what was tried, and what the database says became of it.  Pure but for its random pauses.

Every attempt carries the same ident.  Attempts that ended in doubt are looked up by the revision they would have made: the
`Commit` row there names this commit or another.  An attempt that is still on its way to the server can do no harm: it
waits for the very state that the repetition waits for, so only one of them can happen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from trunkline.adapters import ovsdb
from trunkline.adapters.store import transaction
from trunkline.adapters.store.documents import Change
from trunkline.adapters.store.memory import Memory

_VIOLATIONS = 10  # chosen: each needs another writer to come and go between a look and a transaction
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.002  # seconds; chosen: about one transaction; less than `pace.GAP`


class Attempts:
    """The history of one commit; `ident` names it, unique for ever."""

    def __init__(self, changes: Sequence[Change], ident: str) -> None:
        self.changes = changes
        self.ident = ident
        self.writes_documents = transaction.writes_documents(changes)
        self._bases: list[transaction.Base | None] = []
        self._losses = 0
        self._violations = 0

    def in_doubt(self, base: transaction.Base | None) -> None:
        """An attempt that built on `base` was sent and not answered."""
        self._bases.append(base)

    def lost(self) -> float:
        """Another writer was faster; answer how many seconds to pause before trying again."""
        self._losses += 1
        return random.uniform(0, min(_FIRST_PAUSE * 2**self._losses, _LONGEST_PAUSE))

    def violated(self) -> bool:
        """A constraint did not hold; True as long as another writer may have been the cause."""
        self._violations += 1
        return self._violations < _VIOLATIONS

    def outcome(self, memory: Memory) -> int | None:
        """The global revision after this commit if one of the attempts in doubt happened, else None.

        Raises:
            CommitInDoubt: the records that would tell are already trimmed.
        """
        for base in self._bases:
            if base is None:
                if transaction.claims_landed(memory, self.changes):
                    return memory.meta.revision
            elif (made := memory.commit_ident(base.revision + 1)) == self.ident:
                return base.revision + 1
            elif made is None and memory.meta.revision > base.revision:
                raise ovsdb.CommitInDoubt(f"{memory.meta.revision - base.revision} commits followed")
        return None
