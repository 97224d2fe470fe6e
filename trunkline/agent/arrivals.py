"""A machine's VLANs leave its hypervisor by the wire, also when it is plugged in while ovn-controller is young.

What ovn-controller overlooks is told in `localnets`.  On a hypervisor it takes no more than this: ovn-controller starts, with the
machine or without, while nobody on a VLAN is there; it keeps the VLAN's patch ports, and whoever comes first finds them there.

Who plugs cards in is not us, so their rows carry no label of ours, and which networks lie behind a card's tags is not known here.
So whenever a card has come to a machine with ways out, and its flows are in place, everything is computed anew, once for all that
came together.  How long ovn-controller is young cannot be seen: ten seconds and twenty updates, whichever takes longer, and
`ovn-startup-ts` is that of the process which watches over it.

What has been seen to is known to this process alone: one that starts has it done once for all cards that are there.
"""

from __future__ import annotations

import asyncio

import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters.ovs import rows
from trunkline.adapters.ovs.switch import INSTALLED, Switch
from trunkline.agent import localnets
from trunkline.kit import problems

_PAUSE = 1.0
"""Seconds until the next look after one that found something; chosen: on a large fabric ovn-controller needs about as long."""

_CARD = "iface-id"

_Coming = tuple[ovsdb.RowUuid, int | None]
"""One arrival of a card: its row, and the port that it has got; a machine that comes back has one of them anew."""

_log = structlog.get_logger(__name__)


class Arrivals:
    """The cards that came to one hypervisor."""

    def __init__(self, switch: Switch, *, bridge: str) -> None:
        self._switch, self._bridge = switch, bridge
        self._seen: frozenset[_Coming] = frozenset()

    async def run(self) -> None:
        """Have everything computed anew after cards have come, until cancelled."""
        changed = asyncio.Event()
        stop = self._switch.replica.listen(lambda changes: changed.set() if any(map(_matters, changes)) else None)
        try:
            while True:
                if await self._looked():
                    await changed.wait()
                    changed.clear()
                else:
                    await asyncio.sleep(_PAUSE)
        finally:
            stop()

    async def _looked(self) -> bool:
        """Have everything computed anew if a card has come since the last time; whether nothing is left to do."""
        present = self._switch.replica.table(rows.Interface).values()
        cards = {(each.uuid, each.ofport): each for each in present if _CARD in each.external_ids}
        came = {coming: card.name for coming, card in cards.items() if _installed(card) and coming not in self._seen}
        root = self._switch.root
        if came and root is not None and localnets.ways_out(present, self._bridge):
            try:
                await self._switch.write([localnets.recompute(root)])
            except problems.RemoteError as error:
                _log.warning("ovn-controller could not be made to look again", error=str(error))
                return False
            _log.info("ovn-controller looks again for ways out", interfaces=sorted(came.values()))
        self._seen = (self._seen | came.keys()) & cards.keys()
        return not came


def _matters(change: ovsdb.Change) -> bool:
    return isinstance(change.new, rows.Interface) and _installed(change.new)


def _installed(row: rows.Interface) -> bool:
    return _CARD in row.external_ids and row.external_ids.get(INSTALLED) == "true"
