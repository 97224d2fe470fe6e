"""Settings of `trunkline controller` (TOML)."""

from __future__ import annotations

import socket

import msgspec

from trunkline.controller.segments.settings import PolicyApi
from trunkline.dialects.kubernetes import overlay
from trunkline.kit.addresses import IPNetwork


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the controller's neighbours are, and the cluster's own address plan."""

    kubeconfig: str
    """Path of the kubeconfig to reach the Kubernetes API with."""

    store: str
    """OVSDB remote of the `Trunkline` database ("unix:/run/trunkline/db.sock")."""

    northbound: str
    """OVSDB remote of `OVN_Northbound`."""

    cluster_cidr: IPNetwork
    """What nodes' pod CIDRs are cut from; routed inside the overlay, never masqueraded inside it."""

    service_cidr: IPNetwork
    """Service addresses; pools may not overlap them."""

    physical_network: str = "trunk"
    """The physical network that VLANs of pools are on; nodes map it to a bridge."""

    pod_mtu: int = 1500
    """MTU of pods' interfaces on VLANs, bytes."""

    overlay_mtu: int = 1500 - overlay.GENEVE_OVERHEAD
    """MTU of pods' interfaces on the overlay, bytes; what the network between the nodes carries, less Geneve's share."""

    webhook_listen: str = "127.0.0.1:9443"
    """Address and port of the admission and conversion webhooks (HTTPS)."""

    webhook_url: str = "https://127.0.0.1:9443"
    """The same as the Kubernetes API server reaches it."""

    holder: str = socket.gethostname()
    """Who leads, as others see it when they are fenced off."""

    policy_api: PolicyApi | None = None
    """The policy manager below the node VMs, if VLANs of pools are to become child segments there."""
