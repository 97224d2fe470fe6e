"""The agent's settings file, `agent.toml`."""

from __future__ import annotations

from typing import Literal

import msgspec


class Uplink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network card that goes into the bridge of a physical network."""

    interface: str
    physical_network: str = "trunk"


class Teaming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cards without addresses by which a physical network leaves: by the first of them that is up."""

    physical_network: str
    interfaces: tuple[str, ...]


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files with which ovn-controller shows who it is to the southbound database, and checks who answers."""

    private_key: str
    certificate: str
    ca: str


class Manager(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy manager ("https://192.0.2.10:8443") and the authority that it is known by.

    Without a certificate and key of its own the hypervisor shows those of `tls`.
    """

    url: str
    ca: str
    certificate: str = ""
    key: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the agent is told.

    In the role "hypervisor" there is no Kubernetes, and nobody is served: the agent keeps the machine's Open vSwitch as OVN
    needs it, and that is all.
    `node` is the Kubernetes Node's name and the OVN chassis name.  `attach_timeout` is in seconds and bounds one CNI ADD.
    `waiting_namespace` is where the far ends of pods' cables lie; of each agent its own, as soon as two share a machine.
    `tallies` is the OVSDB remote of the database in which the policy manager reads what passed each port and which
    addresses were announced behind it (empty: none).
    `manager` is who traces packets through a hypervisor (none: nobody does).
    `uplink_trial` is how long, in seconds, the node may be cut off by the move of its network card before the move is undone.
    `metrics` is an address to serve metrics on ("127.0.0.1:9479"; empty: none).
    """

    node: str
    role: Literal["node", "hypervisor"] = "node"
    kubeconfig: str = ""
    ovs: str = "unix:/run/openvswitch/db.sock"
    ovn_remote: str
    encap_type: str = "geneve"
    encap_ip: str
    tls: Tls | None = None
    uplinks: tuple[Uplink, ...] = ()
    teaming: tuple[Teaming, ...] = ()
    integration_bridge: str = "br-int"
    datapath_type: Literal["auto", "netdev", "system"] = "auto"
    cni_socket: str = "/run/trunkline/cni.sock"
    cni_bin_dir: str = "/opt/cni/bin"
    cni_conf_dir: str = "/etc/cni/net.d"
    state_dir: str = "/var/lib/trunkline"
    waiting_namespace: str = "/run/netns/trunkline-waiting"
    attach_timeout: float = 20.0
    uplink_trial: float = 30.0
    metrics: str = ""
    tallies: str = ""
    manager: Manager | None = None
