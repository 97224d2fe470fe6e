"""Cards that stand in for each other: each physical network with a teaming policy leaves by the first of its cards that is up.

All cards are in one bridge, and a patch joins it with the bridge of each physical network, which is all that OVN knows.  For
every policy the bridge has a group that picks the first live card for what goes out.  What comes in counts only at the card by
which the network leaves at that moment: the switch outside floods to all of our cards, and each frame must arrive once.
Several policies may share the cards, each with an order of its own.  Open vSwitch follows the carriers by itself.
"""

from __future__ import annotations

import asyncio

import structlog

from trunkline.adapters.ovs import program
from trunkline.adapters.ovs.switch import BridgeSpec, PortSpec, Switch
from trunkline.agent import labels, uplinks
from trunkline.agent.settings import Settings, Teaming
from trunkline.kit import ids

BRIDGE = "br-uplinks"

_NAME = 15
"""Longest port name that OpenFlow tells whole (OFP_MAX_PORT_NAME_LEN without its NUL)."""
_OPEN_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Teams:
    """The teaming policies of the settings."""

    def __init__(self, switch: Switch, settings: Settings, *, datapath: str) -> None:
        self._switch = switch
        self._ovs = settings.ovs
        self._policies = settings.teaming
        self._datapath = datapath

    def interfaces(self) -> frozenset[str]:
        """Names of the cards."""
        return frozenset(cards(self._policies))

    def networks(self) -> list[str]:
        """The physical networks that have a policy."""
        return [policy.physical_network for policy in self._policies]

    async def bring_up(self) -> None:
        """Put the cards into their bridge, join the others with it, and see that its flows are there.

        Raises:
            RemoteError: a card does not exist, or the kernel or ovs-vswitchd refused a step.
        """
        if not self._policies:
            return
        await self._ensure_bridge(BRIDGE, fail_mode="secure")
        for card in cards(self._policies):
            await asyncio.to_thread(uplinks.prepare, card, BRIDGE, self._datapath)
            await self._ensure_port(BRIDGE, PortSpec(name=card, external_ids=labels.UPLINK))
        for network in self.networks():
            outer, inner = _patch(network)
            await self._ensure_bridge(uplinks.bridge_name(network))
            await self._ensure_port(BRIDGE, _end(outer, inner))
            await self._ensure_port(uplinks.bridge_name(network), _end(inner, outer))
        await self._ensure_flows()

    async def _ensure_bridge(self, name: str, fail_mode: str | None = None) -> None:
        spec = BridgeSpec(name=name, datapath_type=self._datapath, fail_mode=fail_mode, external_ids=labels.OWNER)
        await self._switch.ensure_bridge(spec)
        port = self._switch.interface(name)
        assert port is not None
        await self._switch.opened(port.uuid, _OPEN_SECONDS)

    async def _ensure_port(self, bridge: str, spec: PortSpec) -> None:
        await self._switch.opened(await self._switch.ensure_port(bridge, spec), _OPEN_SECONDS)

    async def _ensure_flows(self) -> None:
        flows = flow_lines(self._policies)
        cookie = int(ids.short_hash("\n".join([*group_lines(self._policies), *flows]), 15), 16)
        if await program.count(self._ovs, BRIDGE, cookie) == len(flows):
            return
        added = (f"flow add cookie={cookie:#x},{flow}" for flow in flows)
        groups = (f"group add {group}" for group in group_lines(self._policies))
        await program.replace(self._ovs, BRIDGE, ["flow delete", "group delete", *groups, *added])
        _log.info("teaming set", policies={each.physical_network: each.interfaces for each in self._policies})


def cards(policies: tuple[Teaming, ...]) -> list[str]:
    """Every card of the policies, each once."""
    return list(dict.fromkeys(card for policy in policies for card in policy.interfaces))


def group_lines(policies: tuple[Teaming, ...]) -> list[str]:
    """The groups: for each policy one by which it leaves, and one for each card that stands in for others."""
    lines = []
    for number, policy in enumerate(policies):
        leaving = [_bucket(card, f"output:{card}") for card in policy.interfaces]
        lines.append(_group(_leaving(number), leaving))
        for place, card in enumerate(policy.interfaces[1:], 1):
            better = [_bucket(each, "drop") for each in policy.interfaces[:place]]
            arriving = _bucket(card, f"output:{_patch(policy.physical_network)[0]}")
            lines.append(_group(_arriving(number, place), [*better, arriving]))
    return lines


def flow_lines(policies: tuple[Teaming, ...]) -> list[str]:
    """The flows: from each network to the group by which it leaves, from each card to the networks that listen to it."""
    lines = [
        f"in_port={_patch(policy.physical_network)[0]},actions=group:{_leaving(number)}"
        for number, policy in enumerate(policies)
    ]
    for card in cards(policies):
        takers = [
            f"output:{_patch(policy.physical_network)[0]}" if place == 0 else f"group:{_arriving(number, place)}"
            for number, policy in enumerate(policies)
            for place, each in enumerate(policy.interfaces)
            if each == card
        ]
        lines.append(f"in_port={card},actions={','.join(takers)}")
    return lines


def _leaving(policy: int) -> int:
    return policy * 256 + 1


def _arriving(policy: int, place: int) -> int:
    return policy * 256 + 1 + place


def _group(number: int, buckets: list[str]) -> str:
    return f"group_id={number},type=fast_failover,{','.join(buckets)}"


def _bucket(card: str, action: str) -> str:
    return f"bucket=watch_port:{card},actions={action}"


def _patch(network: str) -> tuple[str, str]:
    """The two ends of a network's patch: in the bridge of the cards, and in the network's own."""
    return ids.fitted(f"{network}-team", _NAME), ids.fitted(f"{network}-cards", _NAME)


def _end(name: str, peer: str) -> PortSpec:
    return PortSpec(name=name, type="patch", options={"peer": peer}, external_ids=labels.UPLINK)
