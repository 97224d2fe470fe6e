"""The Kubernetes side of a lab: the stand-in API server, Trunkline's controller, and each node's agent and kubelet.

Each program gets a settings file in its host's directory and nothing else; what it needs to know of the lab is there.
"""

from __future__ import annotations

from pathlib import Path

from trunkline.agent import settings as agent_settings
from trunkline.controller import settings as controller_settings
from trunkline.controller.segments.settings import PolicyApi
from trunkline.dialects.kubernetes import overlay
from trunkline.lab import central, credentials, daemons, namespaces, processes, topology, tunnels
from trunkline.lab.fabric import access, manager
from trunkline.lab.pki import Authority, Pair
from trunkline.lab.processes import Unit
from trunkline.lab.state import Lab
from trunkline.lab.topology import CONTROL_PLANE, Node, Topology
from trunkline.standin.apiserver import settings as apiserver_settings
from trunkline.standin.kubelet import settings as kubelet_settings

API_PORT = 6443
VLAN_MTU = 1500


async def start_api_server(lab: Lab, drawn: Topology, authority: Authority) -> None:
    """Start the API server; on this machine it listens on a port of 127.0.0.1, too."""
    if processes.running(lab, CONTROL_PLANE, "apiserver") is not None:
        return  # the port is its
    assert drawn.control_plane is not None
    address = topology.management_address(drawn.control_plane)
    assert address is not None
    pair = credentials.server(authority, address, drawn.cluster.service_address)
    config = apiserver_settings.Settings(
        store=central.northbound_remote(lab, CONTROL_PLANE),
        tls=apiserver_settings.Tls(
            certificate=str(pair.certificate), key=str(pair.key), client_ca=str(authority.certificate)
        ),
        listen=(f"{address}:{API_PORT}",),
        holder=f"{lab.name}/{CONTROL_PLANE}",
        service_cidr=str(drawn.cluster.services),
    )
    with daemons.listen(lab, "api_port") as listener:
        unit = daemons.program(
            lab, CONTROL_PLANE, "apiserver", config, "standin", "apiserver", f"--listen-fd={listener.fileno()}"
        )
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        credentials.write_kubeconfig(lab.kubeconfig, authority, credentials.admin(authority), url, context=lab.name)
        await processes.ensure(lab, unit, fds=(listener.fileno(),))


async def start_workloads(lab: Lab, drawn: Topology, authority: Authority) -> None:
    """Start the scheduler and the workload controllers."""
    pair = credentials.workloads(authority)
    kubeconfig = _kubeconfig(lab, drawn, authority, CONTROL_PLANE, pair, "workloads")
    words = ("standin", "controllers", f"--kubeconfig={kubeconfig}", f"--cluster-cidr={drawn.cluster.pods}")
    await processes.ensure(lab, Unit(host=CONTROL_PLANE, name="workloads", argv=(*daemons.TRUNKLINE, *words)))


async def start_controller(lab: Lab, drawn: Topology, authority: Authority) -> None:
    """Start Trunkline's controller."""
    remote = central.northbound_remote(lab, CONTROL_PLANE)
    config = controller_settings.Settings(
        kubeconfig=str(
            _kubeconfig(lab, drawn, authority, CONTROL_PLANE, credentials.controller(authority), "controller")
        ),
        store=remote,
        northbound=remote,
        cluster_cidr=drawn.cluster.pods,
        service_cidr=drawn.cluster.services,
        physical_network=drawn.cluster.physical_network,
        overlay_mtu=overlay_mtu(drawn),
        holder=f"{lab.name}/{CONTROL_PLANE}",
        policy_api=_policy_api(lab, drawn),
    )
    await processes.ensure(lab, daemons.program(lab, CONTROL_PLANE, "controller", config, "controller"))


def overlay_mtu(drawn: Topology) -> int:
    """The largest packet of a pod that fits between the nodes in Geneve, bytes; no larger than on a VLAN."""
    between = min((_management_mtu(drawn, node) for node in drawn.nodes.values()), default=VLAN_MTU)
    return min(VLAN_MTU, between - overlay.GENEVE_OVERHEAD)


def _management_mtu(drawn: Topology, node: Node) -> int:
    if node.vif is not None:
        return node.vif.mtu
    return min(drawn.vlans[link.vlan].mtu for link in node.links.values() if link.vlan and link.address)


def _policy_api(lab: Lab, drawn: Topology) -> PolicyApi | None:
    """The fabric below the nodes, if the pools' VLANs are to be made there."""
    wanted = drawn.cluster.policy_api
    if wanted is None:
        return None
    assert drawn.fabric is not None, "reading has asked for it"
    return PolicyApi(
        url=f"https://{topology.management_address(drawn.fabric)}:{manager.PORT}",
        ca=str(access.authority_file(lab)),
        user=access.USER,
        password_file=str(access.password_file(lab)),
        cluster=drawn.name,
        backing=wanted.backing,
        transport_zone=wanted.transport_zone,
        tier1=wanted.tier_1,
    )


async def start_agent(lab: Lab, drawn: Topology, authority: Authority, name: str, node: Node) -> None:
    """Start a node's agent."""
    home = lab.home(name)
    chassis = credentials.chassis(authority, name)
    pods = agent_settings.Uplink(interface=node.uplink, physical_network=drawn.cluster.physical_network)
    config = agent_settings.Settings(
        node=name,
        kubeconfig=str(_kubeconfig(lab, drawn, authority, name, credentials.agent(authority, name), "agent")),
        ovs=f"unix:{home}/db.sock",
        ovn_remote=central.chassis_remote(drawn, CONTROL_PLANE),
        encap_ip=str(topology.management_address(node)),
        tls=agent_settings.Tls(
            private_key=str(chassis.key), certificate=str(chassis.certificate), ca=str(authority.certificate)
        ),
        uplinks=tunnels.uplinks(node, pods),
        cni_socket=f"{home}/cni.sock",
        cni_bin_dir=f"{home}/cni/bin",
        cni_conf_dir=f"{home}/cni/net.d",
        state_dir=f"{home}/agent",
        waiting_namespace=str(namespaces.path(f"{lab.pod_prefix}-{name}-waiting")),
    )
    await processes.ensure(lab, daemons.program(lab, name, "agent", config, "agent"))


async def start_kubelet(lab: Lab, drawn: Topology, authority: Authority, name: str, node: Node) -> None:
    """Start a node's kubelet."""
    home = lab.home(name)
    address = topology.management_address(node)
    assert address is not None
    config = kubelet_settings.Settings(
        node=name,
        kubeconfig=str(_kubeconfig(lab, drawn, authority, name, credentials.kubelet(authority, name), "kubelet")),
        internal_ip=address,
        state_dir=f"{home}/kubelet",
        netns_prefix=lab.pod_prefix,
        cni_conf_dir=f"{home}/cni/net.d",
        cni_bin_dir=f"{home}/cni/bin",
    )
    await processes.ensure(lab, daemons.program(lab, name, "kubelet", config, "standin", "kubelet"))


def _kubeconfig(lab: Lab, drawn: Topology, authority: Authority, host: str, pair: Pair, user: str) -> Path:
    assert drawn.control_plane is not None
    url = f"https://{topology.management_address(drawn.control_plane)}:{API_PORT}"
    return credentials.write_kubeconfig(lab.home(host) / f"{user}.kubeconfig", authority, pair, url, context=user)
