"""What a story needs to know of the network besides the walk: who is who, and who is where."""

from __future__ import annotations

from typing import Protocol

import msgspec

from trunkline.dialects.nsx.traceflow.observed import PROVIDER


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A segment or gateway, as observations name it; `vni` only of a segment in tunnels, `vlan` of one that is not.

    `path` is where it lies among the policy objects, and so who may see it.
    """

    type: str
    name: str
    id: str = ""
    sub_type: str = ""
    vni: int = 0
    vlan: int = 0
    path: str = PROVIDER


class Lport(msgspec.Struct, frozen=True):
    """A port, as observations name it; `tag` is that of the containers behind it, 0 for the machine itself.

    `interface` is the `iface-id` of the machine's interface, "" for a port that is no machine's.
    """

    name: str
    id: str = ""
    interface: str = ""
    tag: int = 0
    path: str = PROVIDER


class Scene(Protocol):
    """The network at the moment of a trace."""

    def component(self, datapath: str) -> Component:
        """What stands behind a logical switch or router, given the UUID of its northbound row."""

    def lport(self, port: str) -> Lport:
        """What stands behind a logical port."""

    def profile(self, group: str) -> str:
        """The segment security profile (policy path) that stands behind a port group, "" if none."""

    def place(self, port: str) -> str:
        """The hypervisor that has a port, "" if none."""

    def guarded(self, port: str) -> bool:
        """Whether a port may send only from known addresses."""
