"""Pods, namespaces, nodes and stateful sets, read from the JSON of the Kubernetes API.

The API server has validated them, so reading never fails; absent fields are empty.  Only what networking needs is kept.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.intent.model import Source
from trunkline.ipam.leases import PodOwner, StatefulSetOwner
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.ids import PortId

Raw = Mapping[str, Any]
_TERMINAL = ("Succeeded", "Failed")
_ORDINAL = re.compile(r"(?P<set>.+)-(?P<index>\d+)")


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod, whether it runs yet or not."""

    uid: str
    namespace: str
    name: str
    node: str = ""
    phase: str = ""
    host_network: bool = False
    deleting: bool = False
    annotations: Mapping[str, str] = {}
    stateful_set: StatefulSetOwner | None = None

    def __str__(self) -> str:
        return f"Pod {self.namespace}/{self.name}"

    @property
    def terminal(self) -> bool:
        """Whether it has come to its end and will never use its address again."""
        return self.phase in _TERMINAL

    @property
    def owner(self) -> PodOwner:
        """The pod as an address lease names it."""
        return PodOwner(self.namespace, self.name, self.uid)

    @property
    def port(self) -> PortId:
        """The id of its logical port, also OVS' `iface-id`; unlike the name, it is never used twice."""
        return PortId(f"{self.namespace}/{self.name}/{self.uid[:8]}")

    @property
    def source(self) -> Source:
        """The pod as intent objects name it."""
        return Source("Pod", self.namespace, self.name, self.uid)


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace."""

    name: str
    annotations: Mapping[str, str] = {}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node; `internal_ips` as its kubelet reports them, `pod_cidrs` as the cluster assigned them."""

    name: str
    uid: str = ""
    pod_cidrs: tuple[IPNetwork, ...] = ()
    internal_ips: tuple[IPAddress, ...] = ()

    @property
    def source(self) -> Source:
        """The node as intent objects name it."""
        return Source("Node", "", self.name, self.uid)


class StatefulSet(msgspec.Struct, frozen=True, kw_only=True):
    """A stateful set; `annotations` are those of its pod template, the only ones that reach its pods."""

    uid: str
    namespace: str
    name: str
    replicas: int = 1
    first_ordinal: int = 0
    annotations: Mapping[str, str] = {}

    @property
    def first_place(self) -> StatefulSetOwner:
        """Its first ordinal, as an address lease names it."""
        return StatefulSetOwner(self.namespace, self.name, self.first_ordinal, self.uid)


def pod(raw: Raw) -> Pod:
    """The pod in this object."""
    metadata, spec = _part(raw, "metadata"), _part(raw, "spec")
    return Pod(
        uid=metadata.get("uid", ""),
        namespace=metadata.get("namespace", "default"),
        name=metadata.get("name", ""),
        node=spec.get("nodeName") or "",
        phase=_part(raw, "status").get("phase") or "",
        host_network=bool(spec.get("hostNetwork")),
        deleting=bool(metadata.get("deletionTimestamp")),
        annotations=_part(metadata, "annotations"),
        stateful_set=_place(metadata),
    )


def namespace(raw: Raw) -> Namespace:
    """The namespace in this object."""
    metadata = _part(raw, "metadata")
    return Namespace(name=metadata.get("name", ""), annotations=_part(metadata, "annotations"))


def node(raw: Raw) -> Node:
    """The node in this object; addresses that are not addresses are left out."""
    metadata, spec = _part(raw, "metadata"), _part(raw, "spec")
    cidrs = spec.get("podCIDRs") or [cidr for cidr in [spec.get("podCIDR")] if cidr]
    addresses = _part(raw, "status").get("addresses") or []
    return Node(
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        pod_cidrs=tuple(ipaddress.ip_network(cidr, strict=False) for cidr in cidrs),
        internal_ips=tuple(
            ipaddress.ip_address(each["address"]) for each in addresses if each.get("type") == "InternalIP"
        ),
    )


def stateful_set(raw: Raw) -> StatefulSet:
    """The stateful set in this object."""
    metadata, spec = _part(raw, "metadata"), _part(raw, "spec")
    replicas = spec.get("replicas")
    return StatefulSet(
        uid=metadata.get("uid", ""),
        namespace=metadata.get("namespace", "default"),
        name=metadata.get("name", ""),
        replicas=1 if replicas is None else replicas,
        first_ordinal=_part(spec, "ordinals").get("start", 0),
        annotations=_part(_part(_part(spec, "template"), "metadata"), "annotations"),
    )


def _part(raw: Raw, name: str) -> Raw:
    """The mapping under `name`; absent and null are empty."""
    return raw.get(name) or {}


def _place(metadata: Raw) -> StatefulSetOwner | None:
    """The pod's place in the stateful set that controls it: the ordinal is the end of the pod's name.

    Other projects have kinds of this name, which nobody here follows: their pods are as any others.
    """
    for owner in metadata.get("ownerReferences") or ():
        ordinal = _ORDINAL.fullmatch(metadata.get("name", ""))
        if (
            owner.get("controller")
            and owner.get("kind") == "StatefulSet"
            and owner.get("apiVersion", "").partition("/")[0] == "apps"
            and ordinal
            and ordinal["set"] == owner["name"]
        ):
            namespace = metadata.get("namespace", "default")
            return StatefulSetOwner(namespace, owner["name"], int(ordinal["index"]), owner.get("uid", ""))
    return None
