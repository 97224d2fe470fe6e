"""A pod's berth: the cable pair and the Open vSwitch port that belong to its UID, whether or not the pod lies there yet.

Made by whoever comes first, the preparer or ADD; both follow from the attachment alone, so each finds the other's work.
The pair is made before the port and the port is removed with it: a port without a device would look ready to OVN.
Whoever changes a berth holds it (`hold`).

Whether a berth has a port is read in memory, which lags behind the database; whoever holds one, and whoever is about to remove
one, has heard of everything that was written before, by others or by a call that was given up in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager

from trunkline.adapters import ovsdb
from trunkline.adapters.netlink import pod
from trunkline.adapters.ovs.switch import PortSpec, Switch
from trunkline.agent import labels
from trunkline.agent.localnets import Localnets
from trunkline.intent.attachment import Attachment


class Berths:
    """The berths of one node."""

    def __init__(
        self,
        switch: Switch,
        *,
        bridge: str,
        waiting: str,
        checksum_offload: bool,
        in_ovn: Callable[[], Collection[str]],
    ) -> None:
        """`waiting` is the path of the namespace where far ends lie; `in_ovn` tells the UIDs of the pods whose ports OVN has."""
        self._switch = switch
        self._localnets = Localnets(switch, bridge=bridge)
        self._bridge = bridge
        self._waiting = waiting
        self._checksum_offload = checksum_offload
        self._in_ovn = in_ovn
        self._holds: dict[str, _Hold] = {}
        self._expected: list[str] = []

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Nobody else here changes the berth whose host interface is `name`, and what others have made of it is known."""
        hold = self._holds.setdefault(name, _Hold())
        hold.holders += 1
        try:
            async with hold.lock:
                await self._switch.caught_up()
                yield
        finally:
            hold.holders -= 1
            if not hold.holders:
                del self._holds[name]

    @contextmanager
    def expect(self, pod_key: str) -> Iterator[None]:
        """Tell that a runtime has come for this pod, so that preparing its berth would only be in the way."""
        self._expected.append(pod_key)
        try:
            yield
        finally:
            self._expected.remove(pod_key)

    def is_expected(self, pod_key: str) -> bool:
        """Whether a runtime has come for this pod and is being served."""
        return pod_key in self._expected

    def pair(self, attachment: Attachment) -> pod.Pair:
        """The pair that an attachment asks for."""
        name = labels.host_name(attachment.uid)
        return pod.Pair(
            host_name=name,
            host_mac=labels.host_mac(name),
            waiting=self._waiting,
            mac=attachment.mac,
            mtu=attachment.mtu,
            checksum_offload=self._checksum_offload,
        )

    async def is_free(self, pair: pod.Pair, wanted: labels.PodLabels) -> bool:
        """Whether this berth has been made, just so, and no container has taken it."""
        row = self._switch.interface(pair.host_name)
        if row is None or row.ofport == -1:
            return False
        found = labels.read(row)
        as_wanted = (found.port, found.mac) == (wanted.port, wanted.mac)
        return as_wanted and not found.taken and await pod.waits(pair)

    async def lay(self, pair: pod.Pair) -> None:
        """Make the pair; one that is in the way is what somebody left half-made.

        Raises:
            OSError: the kernel refused.
        """
        try:
            await pod.lay(pair)
        except FileExistsError:
            await pod.remove(pair.host_name)
            await pod.lay(pair)

    async def register(self, pair: pod.Pair, wanted: labels.PodLabels) -> ovsdb.RowUuid:
        """Make the port, or write what its labels lack; answers its interface.

        Raises:
            RemoteError: there is no integration bridge.
        """
        found = wanted.external_ids()
        if not self.has_port(pair.host_name) and self._localnets.may_be_overlooked(wanted.switch, self._in_ovn()):
            found |= labels.LOOK_AGAIN
        return await self._switch.ensure_port(self._bridge, PortSpec(name=pair.host_name, external_ids=found))

    async def remove(self, names: Collection[str]) -> None:
        """Remove the ports and cables of these host interfaces, as far as they are there."""
        await self._switch.caught_up()  # an ADD that is given up may just have asked for the port
        found = (self._switch.interface(name) for name in names)
        await asyncio.gather(
            self._switch.remove_ports([row for row in found if row]), *(pod.remove(name) for name in names)
        )

    async def remove_portless(self) -> None:
        """Remove pairs without a port: whoever's they were, no packet passes them."""
        for name in await pod.waiting_names(self._waiting):
            if name not in self._holds and not self.has_port(name):
                async with self.hold(name):
                    if not self.has_port(name):
                        await self.remove([name])

    def names(self) -> set[str]:
        """The host interfaces of all berths that have a port."""
        return {row.name for row in self._switch.interfaces(labels.POD)}

    def has_port(self, name: str) -> bool:
        """Whether the berth has a port; without one a pair of that name is something half-made."""
        return self._switch.interface(name) is not None

    def taken_by(self, name: str) -> labels.PodLabels | None:
        """Whose the berth is; None while no container has taken it."""
        row = self._switch.interface(name)
        found = labels.read(row) if row else None
        return found if found and found.taken else None


class _Hold:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holders = 0
