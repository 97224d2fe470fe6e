"""The latest verdict on each pool.  What the API server has stands until there is one, so a restart changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.controller.segments import routable, verdicts
from trunkline.dialects.antrea import status
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.dialects.antrea.status import Condition


class Board:
    """Verdicts by the pool's UID, each with the VLANs that it was reached for."""

    def __init__(self) -> None:
        self._verdicts: dict[str, tuple[frozenset[int], Condition]] = {}

    def post(self, found: Mapping[str, tuple[AnyPool, Condition]]) -> None:
        """Replace every verdict; `found` is by the pool's UID."""
        self._verdicts = {uid: (routable.vlans(pool), verdict) for uid, (pool, verdict) in found.items()}

    def conditions(self, pool: AnyPool, previous: Mapping[str, Any]) -> Iterator[Condition]:
        """What a pool's status says beyond its addresses; `previous` is its present one."""
        known = self._verdicts.get(pool.source.uid)
        if known is None:
            yield from (each for each in status.conditions(previous) if each.type == verdicts.TYPE)
        elif known[0] == routable.vlans(pool):
            yield known[1]
        else:
            yield verdicts.pending()
