"""Housekeeping that follows the store: told of changes, tends what they concern, looks at everything now and then.

A janitor works level-triggered: `tend` looks at what is true now and may be called again for any key at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import structlog

from trunkline.adapters import store as documents
from trunkline.kit import problems
from trunkline.standin.apiserver import statuses, watching

SWEEP_S = 30.0
"""How often everything is looked at without a reason; catches what an error made a janitor skip."""

_log = structlog.get_logger(__name__)


class Janitor(Protocol):
    """One kind of housekeeping."""

    def everything(self) -> Iterable[str]:
        """Start over from the present state; answers every key worth a look."""

    def notice(self, change: watching.Change) -> Iterable[str]:
        """Learn of a change; answers the keys that it concerns."""

    async def tend(self, key: str) -> None:
        """Bring what `key` names into order."""


async def run(janitor: Janitor, hub: watching.Hub) -> None:
    """Let the janitor work until cancelled.

    Raises:
        Fenced: another server has taken over; this one must stop.
    """
    while True:
        with hub.watch(watching.ROOT, hub.revision) as watcher:
            await _tend(janitor, janitor.everything())
            while (changes := await watcher.next(SWEEP_S)) is not None:
                keys = [key for change in changes for key in janitor.notice(change)]
                await _tend(janitor, keys if changes else janitor.everything())
        if hub.is_closed:
            return


async def _tend(janitor: Janitor, keys: Iterable[str]) -> None:
    for key in list(dict.fromkeys(keys)):
        try:
            await janitor.tend(key)
        except documents.Fenced:
            raise
        except (statuses.StatusError, problems.RemoteError) as error:
            _log.warning("left for the next sweep", janitor=type(janitor).__name__, key=key, reason=str(error))
