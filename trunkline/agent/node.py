"""The node's Open vSwitch as OVN needs it: the integration bridge, the physical networks' bridges, who the node is.

With the userspace datapath the kernel's own stack is kept from the frames of cards and pods, or each would be dealt with twice.

`bring_up` runs from whatever is there to what should be there and may be repeated at any time.  Its order matters once:
the guard holds before ovn-controller learns where its database is, and a bridge exists before it is mapped.
"""

from __future__ import annotations

from trunkline.adapters.netlink import seclusion
from trunkline.adapters.ovs.switch import BridgeSpec, Switch
from trunkline.agent import labels
from trunkline.agent.guard import Guard
from trunkline.agent.management import Management
from trunkline.agent.settings import Settings
from trunkline.agent.teams import Teams
from trunkline.agent.trial import Trial
from trunkline.agent.uplinks import Uplinks, bridge_name
from trunkline.kit import problems

NOT_SECLUDED = problems.register("TRK-0523", "The kernel could not be kept from frames that are for the datapath")

_GUARD_SECONDS = 30.0
"""How long to wait for ovs-vswitchd to say what its datapath can do; chosen: it takes well under a second."""


class Node:
    """Brings one node into shape and keeps it there."""

    def __init__(
        self,
        switch: Switch,
        settings: Settings,
        guard: Guard | None,
        uplinks: Uplinks,
        trial: Trial,
        teams: Teams,
        management: Management,
        datapath: str,
    ) -> None:
        """`guard` is None where the kernel's datapath is used, which needs neither a guard nor seclusion."""
        self._switch = switch
        self._settings = settings
        self._guard = guard
        self._uplinks = uplinks
        self._trial = trial
        self._teams = teams
        self._management = management
        self._datapath = datapath
        self._secluded = False

    async def bring_up(self) -> None:
        """Change what differs.

        Raises:
            RemoteError: the database or the kernel refused, and trying again may help; or a card was given back.
            TimeoutError: ovs-vswitchd does not answer.
        """
        await self._trial.settle()  # of an agent before us
        await self._switch.initialise()
        await self._switch.ensure_bridge(self._integration_bridge())
        await self._switch.set_external_ids(self._identity())
        if tls := self._settings.tls:
            await self._switch.set_tls(tls.private_key, tls.certificate, tls.ca)
        if guard := self._guard:
            await self._switch.ensure_datapath(self._datapath)
            await self._switch.replica.wait_for(lambda: guard.holds, _GUARD_SECONDS)
        await self._uplinks.bring_up()
        await self._teams.bring_up()
        if self._guard:
            await self._seclude()
        await self._trial.settle()
        await self._switch.set_external_ids({**self._mappings(), "ovn-remote": self._settings.ovn_remote})
        await self._management.bring_up()

    async def _seclude(self) -> None:
        """Only now: until the bridge speaks for the node, the kernel needs what comes in by the card."""
        if self._secluded:
            return
        try:
            await seclusion.seclude([f"{labels.CABLES}*", *(uplink.interface for uplink in self._settings.uplinks)])
        except OSError as error:
            problem = problems.Problem(
                code=NOT_SECLUDED, object=f"node {self._settings.node}", found=error.strerror or str(error)
            )
            raise problems.RemoteError(problems=[problem]) from error
        self._secluded = True

    def _integration_bridge(self) -> BridgeSpec:
        return BridgeSpec(
            name=self._settings.integration_bridge,
            datapath_type=self._datapath,
            fail_mode="secure",
            other_config={"disable-in-band": "true"},
            external_ids=labels.OWNER,
        )

    def _identity(self) -> dict[str, str]:
        return {
            "system-id": self._settings.node,
            "hostname": self._settings.node,
            "ovn-bridge": self._settings.integration_bridge,
            "ovn-encap-type": self._settings.encap_type,
            "ovn-encap-ip": self._settings.encap_ip,
            "ovn-monitor-all": "true",
        }

    def _mappings(self) -> dict[str, str]:
        single = [uplink.physical_network for uplink in self._settings.uplinks]
        networks = dict.fromkeys([*single, *self._teams.networks()])
        return {"ovn-bridge-mappings": ",".join(f"{network}:{bridge_name(network)}" for network in networks)}
