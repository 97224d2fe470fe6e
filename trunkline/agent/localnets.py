"""Pods' VLANs leave the node by the wire, also where ovn-controller overlooks that there is one.

ovn-controller 23.03 learns of a network's way out when it makes the patch ports of it, after the network's first port has come
to the node.  If they are there already, it may not look: for ten seconds after its start it keeps patch ports of networks that are
gone, and a network that is removed and made again meanwhile finds its old ones.  Frames between nodes then go through the
overlay's tunnel, not tagged on the wire, until everything is computed anew; the pods reach each other, so nobody notices.

So the first port of a network whose patch ports are there before it carries a label, and so does whichever comes before that
label has been seen to: the first may go again.  A port of a pod that has ended is nobody's predecessor: it may be of the network
that was removed.  As soon as a labelled port's flows are in place the root row is touched, which makes ovn-controller compute
everything anew.  The label goes in the same transaction: whenever this program is killed, either the row has been touched or the
label still asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters.ovs import rows
from trunkline.adapters.ovs.switch import INSTALLED, Switch
from trunkline.agent import labels
from trunkline.kit import problems
from trunkline.ovn import names

TOUCHED = "trunkline-recomputed"
"""Key of the root row's external ids, a number that grows; ovn-controller does not know it, and follows every change of the row."""

_RETRY_SECONDS = 1.0  # chosen

_log = structlog.get_logger(__name__)


class Localnets:
    """The ways out of one node's networks."""

    def __init__(self, switch: Switch, *, bridge: str) -> None:
        self._switch = switch
        self._bridge = bridge

    def may_be_overlooked(self, network: str, pods: Collection[str]) -> bool:
        """Whether the way out is there before the first port: asked before a port of the network is made, of a memory that
        has caught up.  `pods` are the UIDs of those whose ports OVN has.
        """
        if not network or not ways_out(self._switch.replica.table(rows.Interface).values(), self._bridge, network):
            return False
        others = self._switch.interfaces({**labels.POD, labels.SWITCH: network})
        return not any(labels.read(row).uid in pods and not _labelled(row) for row in others)

    async def run(self) -> None:
        """Have everything computed anew wherever a label asks for it, until cancelled."""
        changed = asyncio.Event()
        stop = self._switch.replica.listen(lambda changes: changed.set() if any(map(_asks, changes)) else None)
        try:
            while True:
                if asking := [row for row in self._switch.interfaces(labels.LOOK_AGAIN) if _installed(row)]:
                    await self._touch(asking)
                await changed.wait()
                changed.clear()
        finally:
            stop()

    async def _touch(self, asking: Collection[rows.Interface]) -> None:
        root = self._switch.root
        if root is None:
            return
        gone = [("external_ids", "delete", set(labels.LOOK_AGAIN))]
        try:
            await self._switch.write(
                [
                    recompute(root),
                    *(ovsdb.mutate("Interface", ovsdb.by_uuid(row.uuid), gone) for row in asking),
                ]
            )
            _log.info("ovn-controller looks again for ways out", interfaces=sorted(row.name for row in asking))
        except problems.RemoteError as error:
            _log.warning("ovn-controller could not be made to look again", error=str(error))
            await asyncio.sleep(_RETRY_SECONDS)


async def look_again(switch: Switch) -> None:
    """Have ovn-controller compute everything anew, once.

    Raises:
        RemoteError: the database cannot be written.
    """
    if (root := switch.root) is not None:
        await switch.write([recompute(root)])


def recompute(root: rows.OpenVSwitch) -> ovsdb.Operation:
    """The operation that makes ovn-controller compute everything anew."""
    touched = {TOUCHED: str(int(root.external_ids.get(TOUCHED, "0")) + 1)}
    mutations = [("external_ids", "delete", {TOUCHED}), ("external_ids", "insert", touched)]
    return ovsdb.mutate("Open_vSwitch", ovsdb.by_uuid(root.uuid), mutations)


def ways_out(interfaces: Iterable[rows.Interface], bridge: str, network: str = "") -> bool:
    """Whether there are patch ports by which a network leaves the machine; any network unless told."""
    begin = f"patch-{bridge}-to-{names.localnet_port(network, '') if network else names.LOCALNET}"
    return any(each.name.startswith(begin) for each in interfaces)


def _asks(change: ovsdb.Change) -> bool:
    row = change.new
    return isinstance(row, rows.Interface) and _labelled(row) and _installed(row)


def _labelled(row: rows.Interface) -> bool:
    return labels.LOOK_AGAIN.items() <= row.external_ids.items()


def _installed(row: rows.Interface) -> bool:
    return row.external_ids.get(INSTALLED) == "true"
