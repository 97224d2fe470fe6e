"""What a lab kubelet has to be told."""

from __future__ import annotations

import msgspec

from trunkline.kit.addresses import IPAddress


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kubelet, one node.  The program runs in the node's network namespace.

    `state_dir` outlives the program and belongs to this kubelet alone; pods' logs are in `state_dir/logs`.
    `netns_prefix` begins the name of every pod's namespace: `<prefix>-<namespace>-<pod>-<8 characters of the UID>`.
    """

    node: str
    kubeconfig: str
    internal_ip: IPAddress
    state_dir: str
    netns_prefix: str = "pod"
    cni_conf_dir: str = "/etc/cni/net.d"
    cni_bin_dir: str = "/opt/cni/bin"
    labels: dict[str, str] = {}
    pods: int = 1100
