"""What the agent writes on the Open vSwitch interfaces it makes, so that it knows its own again.  Pure.

`iface-id` and `attached-mac` are for OVN; everything with `trunkline-` is ours.
"""

from __future__ import annotations

import msgspec

from trunkline.adapters.ovs import rows
from trunkline.agent import spec
from trunkline.kit import ids

OWNER = {"trunkline-owner": "agent"}
POD = {**OWNER, "trunkline-kind": "Pod"}
MANAGEMENT = {**OWNER, "trunkline-kind": "Node"}
UPLINK = {**OWNER, "trunkline-kind": "Uplink"}
MONITOR = {**OWNER, "trunkline-kind": "Monitor"}

SWITCH = "trunkline-switch"
"""Key of the network that a port is on, as the intent names it."""

LOOK_AGAIN = {"trunkline-look-again": "true"}
"""On a port whose network's way out ovn-controller may have overlooked (`localnets`)."""

CABLES = "trkp"
"""How the names of the host ends of pods' cables begin; `trk0` is the node's own."""


class PodLabels(msgspec.Struct, frozen=True, kw_only=True):
    """Which pod an interface belongs to, and once a container has it, which container.

    `switch` is the intent's network, `network` the name in the runtime's configuration list.
    """

    pod: str
    uid: str
    port: str
    mac: str
    switch: str = ""
    key: spec.AttachmentKey = spec.AttachmentKey("", "")
    network: str = ""
    namespace: str = ""

    @property
    def taken(self) -> bool:
        """Whether a container has the interface."""
        return bool(self.key.container)

    def external_ids(self) -> dict[str, str]:
        """As they are written."""
        pod = {
            **POD,
            "iface-id": self.port,
            "attached-mac": self.mac,
            "trunkline-source": f"Pod {self.pod}",
            "trunkline-uid": self.uid,
            SWITCH: self.switch,
        }
        container = {
            "trunkline-container": self.key.container,
            "trunkline-ifname": self.key.interface,
            "trunkline-netns": self.namespace,
            "trunkline-network": self.network,
        }
        return {**pod, **container} if self.taken else pod


def read(interface: rows.Interface) -> PodLabels:
    """The labels of an interface that carries `POD`."""
    found = interface.external_ids
    return PodLabels(
        key=spec.AttachmentKey(found.get("trunkline-container", ""), found.get("trunkline-ifname", "")),
        network=found.get("trunkline-network", ""),
        namespace=found.get("trunkline-netns", ""),
        pod=found.get("trunkline-source", "").removeprefix("Pod "),
        uid=found.get("trunkline-uid", ""),
        port=found.get("iface-id", ""),
        switch=found.get(SWITCH, ""),
        mac=found.get("attached-mac", ""),
    )


def of_key(key: spec.AttachmentKey) -> dict[str, str]:
    """The labels that name one interface of one container."""
    return {**POD, "trunkline-container": key.container, "trunkline-ifname": key.interface}


def host_name(uid: str) -> str:
    """The host end of a pod's cable; follows from the Pod, which is all there is when it is made."""
    return f"{CABLES}{ids.short_hash(f'pod/{uid}', 11)}"


def host_mac(name: str) -> str:
    """The host end's MAC; nothing on the wire ever sees it.  02 marks it as locally administered."""
    digest = ids.short_hash(name, 10)
    return "02:" + ":".join(digest[at : at + 2] for at in range(0, 10, 2))
