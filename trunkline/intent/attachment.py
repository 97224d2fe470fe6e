"""What a node must know to attach one pod: written by the controller on the Pod, read by the node's agent.

It travels as the JSON value of the Pod annotation `trunkline.io/network`.  The controller writes it after the address
claim is durable and the port is on its way to OVN; it writes a `problem` instead while the pod cannot be attached, and
replaces that as soon as it can.
"""

from __future__ import annotations

import msgspec

from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork, dec_hook, enc_hook
from trunkline.kit.ids import NetworkId, PortId
from trunkline.kit.problems import Problem

ANNOTATION = "trunkline.io/network"


class AttachmentRoute(msgspec.Struct, frozen=True):
    """A route inside the pod."""

    prefix: IPNetwork
    via: IPAddress


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A pod's interface as the controller decided it; `uid` is the Pod's, so that a stale note is never used."""

    uid: str
    port: PortId = PortId("")
    network: NetworkId = NetworkId("")
    mac: str = ""
    mtu: int = 1500
    addresses: tuple[IPInterface, ...] = ()
    gateways: tuple[IPAddress, ...] = ()
    routes: tuple[AttachmentRoute, ...] = ()
    problem: Problem | None = None

    def encode(self) -> str:
        """The annotation's value."""
        return msgspec.json.encode(self, enc_hook=enc_hook).decode()


def decode(text: str) -> Attachment:
    """Read an annotation's value.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is not an attachment.
    """
    return msgspec.json.decode(text, type=Attachment, dec_hook=dec_hook)
