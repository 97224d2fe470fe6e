"""The node's own port in the pod network, `trk0`: how the node reaches its pods, and how overlay pods reach the outside.

The controller writes the same kind of note on the Node as on a Pod.  Packets that pods send to the outside come in by this
port and leave by the node's other interfaces with the node's address.
"""

from __future__ import annotations

import asyncio

import structlog

from trunkline.adapters.netlink import host
from trunkline.adapters.ovs.switch import PortSpec, Switch
from trunkline.agent import labels
from trunkline.intent.attachment import Attachment
from trunkline.kit import problems

INTERFACE = "trk0"

REFUSED = problems.register("TRK-0522", "The node's own port in the pod network could not be set up")

_OPEN_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Management:
    """Keeps the port as the latest note says."""

    def __init__(self, switch: Switch, *, bridge: str, checksum_offload: bool) -> None:
        self.wanted: Attachment | None = None
        self._switch = switch
        self._bridge = bridge
        self._checksum_offload = checksum_offload
        self._disguised: Attachment | None = None

    async def bring_up(self) -> None:
        """Change what differs; nothing while there is no note.

        Raises:
            RemoteError: ovs-vswitchd or the kernel refused.
        """
        note = self.wanted
        if note is None or note.problem:
            return
        port = PortSpec(
            name=INTERFACE,
            type="internal",
            mac=note.mac,
            external_ids={**labels.MANAGEMENT, "iface-id": note.port, "attached-mac": note.mac},
        )
        await self._switch.opened(await self._switch.ensure_port(self._bridge, port), _OPEN_SECONDS)
        try:
            await asyncio.to_thread(host.dress, self._suit(note))
            if self._disguised != note:
                await self._let_out(note)
                self._disguised = note
                _log.info("the node has its port in the pod network", addresses=[str(own) for own in note.addresses])
        except OSError as error:
            problem = problems.Problem(
                code=REFUSED, object=f"interface {INTERFACE}", found=error.strerror or str(error)
            )
            raise problems.RemoteError(problems=[problem]) from error

    async def _let_out(self, note: Attachment) -> None:
        host.let_through({own.version for own in note.addresses})
        inside = tuple(own.network for own in note.addresses)
        cluster = tuple(route.prefix for route in note.routes)
        await host.disguise(INTERFACE, inside, (*inside, *cluster))

    def _suit(self, note: Attachment) -> host.Suit:
        return host.Suit(
            name=INTERFACE,
            mac=note.mac,
            mtu=note.mtu,
            addresses=note.addresses,
            routes=tuple((route.prefix, route.via) for route in note.routes),
            checksum_offload=self._checksum_offload,
        )
