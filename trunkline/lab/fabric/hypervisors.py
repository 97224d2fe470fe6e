"""A hypervisor: Open vSwitch, ovn-controller, and Trunkline's agent, which makes of the two a chassis of the fabric."""

from __future__ import annotations

from trunkline.agent import settings as agent_settings
from trunkline.lab import central, credentials, daemons, node, openvswitch, processes, topology, tunnels
from trunkline.lab.fabric import access, manager
from trunkline.lab.pki import Authority
from trunkline.lab.state import Lab
from trunkline.lab.topology import MANAGER, Topology

_READY = "--timeout=60"  # seconds; chosen: many times what a loaded machine was seen to need


async def start(lab: Lab, drawn: Topology, name: str, authority: Authority) -> None:
    """Start a hypervisor's programs, as far as they do not run, and return when machines may be plugged in.

    Raises:
        RemoteError: one of them does not start, or does not get ready in time.
    """
    await openvswitch.start(lab, name)
    config = _agent_settings(lab, drawn, name, authority)
    await processes.ensure(lab, daemons.program(lab, name, "agent", config, "agent"))
    await node.start_controller(lab, name)
    # The agent says where the databases are when everything else is in shape.
    told = f'external_ids:ovn-remote="{config.ovn_remote}"'
    await openvswitch.vsctl(lab, name, _READY, "wait-until", "open_vswitch", ".", told)


def _agent_settings(lab: Lab, drawn: Topology, name: str, authority: Authority) -> agent_settings.Settings:
    chassis = credentials.chassis(authority, name)
    home = lab.home(name)
    hypervisor = drawn.hypervisors[name]
    return agent_settings.Settings(
        node=name,
        role="hypervisor",
        ovs=f"unix:{home}/db.sock",
        ovn_remote=central.chassis_remote(drawn, MANAGER),
        tallies=central.chassis_remote(drawn, MANAGER),
        encap_ip=str(topology.management_address(hypervisor)),
        tls=agent_settings.Tls(
            private_key=str(chassis.key), certificate=str(chassis.certificate), ca=str(authority.certificate)
        ),
        uplinks=tunnels.uplinks(hypervisor),
        teaming=tuple(
            agent_settings.Teaming(physical_network=network, interfaces=(teaming.active, *teaming.standby))
            for network, teaming in hypervisor.teaming.items()
        ),
        manager=agent_settings.Manager(url=manager.url(drawn), ca=str(access.authority_file(lab))),
        state_dir=f"{home}/agent",
    )
