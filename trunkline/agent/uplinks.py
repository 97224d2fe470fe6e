"""A network card in the bridge of its physical network, and the bridge's own port in the card's place.

A card that has addresses is the node's way to the world, so its move is a transaction with a record: what it wears is on
disk before anything is touched, the bridge's port wears it before the card loses it, and every step may be repeated.
After a kill between any two lines the next `bring_up` goes on; `restore` undoes it from the record.  A card without
addresses is simply put into the bridge.  Interfaces that the settings do not name are never touched.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from trunkline.adapters.netlink import links, offload, outfit
from trunkline.adapters.netlink.connection import Connection
from trunkline.adapters.netlink.outfit import Outfit
from trunkline.adapters.ovs.switch import BridgeSpec, PortSpec, Switch
from trunkline.agent import labels, witnesses
from trunkline.agent.settings import Uplink
from trunkline.agent.trial import Trial
from trunkline.kit import durable, problems

NO_CARD = problems.register("TRK-0520", "An uplink's network interface does not exist")
REFUSED = problems.register("TRK-0521", "The kernel refused a step of moving an uplink's addresses")

_OPEN_SECONDS = 10.0
"""How long ovs-vswitchd may take to open a device; chosen: it takes milliseconds."""

_log = structlog.get_logger(__name__)


def bridge_name(physical_network: str) -> str:
    """The bridge of a physical network."""
    return f"br-{physical_network}"


class Uplinks:
    """The cards that the settings name."""

    def __init__(
        self, switch: Switch, uplinks: tuple[Uplink, ...], trial: Trial, *, datapath: str, state: Path
    ) -> None:
        self._switch = switch
        self._trial = trial
        self._uplinks = uplinks
        self._datapath = datapath
        self._state = state

    def interfaces(self) -> frozenset[str]:
        """Names of the interfaces whose changes matter here: the cards and their bridges."""
        pairs = ((uplink.interface, bridge_name(uplink.physical_network)) for uplink in self._uplinks)
        return frozenset(name for pair in pairs for name in pair)

    async def bring_up(self) -> None:
        """Put every card into its bridge.

        Raises:
            RemoteError: a card does not exist, or the kernel or ovs-vswitchd refused a step.
        """
        for uplink in self._uplinks:
            await self._bring_up(uplink)

    async def restore(self) -> None:
        """Give every card back what it wore, and take the bridges away.

        Raises:
            RemoteError: the kernel or the database refused a step; nothing of the record is lost.
        """
        for uplink in self._uplinks:
            if record := self._record(uplink):
                await asyncio.to_thread(_give_back, record, bridge_name(uplink.physical_network))
            await self._switch.remove_bridge(bridge_name(uplink.physical_network))
            self._path(uplink).unlink(missing_ok=True)
            _log.info("uplink restored", interface=uplink.interface)

    async def _bring_up(self, uplink: Uplink) -> None:
        bridge = bridge_name(uplink.physical_network)
        card = await asyncio.to_thread(_look, uplink.interface)
        record = self._take_down(uplink, card)
        if not record.bare and not await asyncio.to_thread(_handed_over, record, bridge):
            await self._trial.begin(witnesses.gateways(record, bridge, uplink.interface))
        await self._switch.ensure_bridge(self._bridge(uplink, card, carries_node=not record.bare))
        port = self._switch.interface(bridge)
        assert port is not None
        await self._switch.opened(port.uuid, _OPEN_SECONDS)
        await asyncio.to_thread(prepare, uplink.interface, bridge, self._datapath)
        attached = await self._switch.ensure_port(bridge, PortSpec(name=uplink.interface, external_ids=labels.UPLINK))
        await self._switch.opened(attached, _OPEN_SECONDS)
        # Every change wakes the agent again, so what is done must not be done again.
        if not record.bare and not await asyncio.to_thread(_handed_over, record, bridge):
            await asyncio.to_thread(_hand_over, record, bridge)
            _log.info("the bridge speaks for the node", interface=uplink.interface, bridge=bridge)

    def _bridge(self, uplink: Uplink, card: Outfit, *, carries_node: bool) -> BridgeSpec:
        name = bridge_name(uplink.physical_network)
        if not carries_node:
            return BridgeSpec(name=name, datapath_type=self._datapath, external_ids=labels.OWNER)
        # The card's MAC, so that neighbours, switches and DHCP servers see no change.
        return BridgeSpec(
            name=name,
            datapath_type=self._datapath,
            external_ids=labels.OWNER,
            other_config={"hwaddr": card.mac},
            mtu=card.mtu,
        )

    # The record

    def _take_down(self, uplink: Uplink, card: Outfit) -> Outfit:
        """What the bridge has to wear: the record, and whatever the card has been given since; on disk before it is used."""
        kept = self._record(uplink)
        # After a boot the card has been dressed anew, and that is the truth; a bare card means that we are to dress.
        fresh = kept is None or (kept.boot != card.boot and not card.bare)
        record = card if kept is None or fresh else outfit.merged(kept, card)
        if record != kept and not record.bare:
            durable.write(self._path(uplink), msgspec.json.encode(record))
        return record

    def _record(self, uplink: Uplink) -> Outfit | None:
        try:
            return msgspec.json.decode(self._path(uplink).read_bytes(), type=Outfit)
        except FileNotFoundError:
            return None

    def _path(self, uplink: Uplink) -> Path:
        return self._state / f"uplink-{uplink.interface}.json"


def _look(name: str) -> Outfit:
    with Connection() as kernel:
        card = links.find(kernel, name)
        if card is None:
            problem = problems.Problem(code=NO_CARD, object=f"interface {name}", found="no such interface on this node")
            raise problems.RemoteError(problems=[problem])
        return outfit.observe(kernel, card)


def prepare(card: str, bridge: str, datapath: str) -> None:
    """Bring a card and the bridge that it is for up.

    Raises:
        RemoteError: there is no such card.
    """
    _look(card)
    with Connection() as kernel:
        for link in (links.find(kernel, card), links.find(kernel, bridge)):
            if link and not link.up:
                links.change(kernel, link.index, up=True)
    if datapath == "netdev":
        # The bridge's port only: what the datapath sends by the card has its checksums already.
        offload.disable_tx_checksum(bridge)


def _handed_over(record: Outfit, bridge: str) -> bool:
    """Whether the bridge wears the record and the card nothing."""
    with Connection() as kernel:
        wearer, card = links.find(kernel, bridge), links.find(kernel, record.name)
        if not (wearer and card):
            return False
        left = outfit.observe(kernel, card)
        return left.empty and left.ipv6_disabled == 1 and outfit.worn(kernel, record, wearer)


def _hand_over(record: Outfit, bridge: str) -> None:
    """Let the bridge wear the record and the card nothing."""
    try:
        with Connection() as kernel:
            wearer, card = links.find(kernel, bridge), links.find(kernel, record.name)
            assert wearer
            assert card
            outfit.put_on(kernel, record, wearer)
            outfit.take_off(kernel, card)
            outfit.set_ipv6_disabled(record.name, 1)
    except OSError as error:
        raise _refused(record.name, error) from error


def _give_back(record: Outfit, bridge: str) -> None:
    try:
        with Connection() as kernel:
            card, wearer = links.find(kernel, record.name), links.find(kernel, bridge)
            if card is None:
                raise OSError(0, "the interface is gone")
            outfit.set_ipv6_disabled(record.name, record.ipv6_disabled)
            outfit.put_on(kernel, msgspec.structs.replace(record, index=card.index), card)
            if wearer:
                outfit.take_off(kernel, wearer)
    except OSError as error:
        raise _refused(record.name, error) from error


def _refused(name: str, error: OSError) -> problems.RemoteError:
    problem = problems.Problem(code=REFUSED, object=f"interface {name}", found=error.strerror or str(error))
    return problems.RemoteError(problems=[problem])
