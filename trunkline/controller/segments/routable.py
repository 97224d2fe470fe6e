"""What pools want of the network below the node VMs: one child segment for each VLAN.  Pure.

A VLAN, not a subnet, is what a child segment stands for: a tag leads to one child only, and the subnets of one VLAN (a
cluster's IPv4 and IPv6, say) share its layer 2.  So pools of one VLAN and subnet share a child segment, as do all pools of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from trunkline.dialects.antrea.contention import AnyPool
from trunkline.dialects.antrea.ippools import IPPool
from trunkline.intent.model import NetworkKind
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.ids import NetworkId

UNTAGGED = 0


class Routable(msgspec.Struct, frozen=True):
    """One subnet of a pool, of whatever kind: frames of `pool` carry `vlan`."""

    pool: str
    vlan: int
    gateway: IPAddress
    prefix: IPNetwork

    @property
    def gateway_address(self) -> str:
        """The gateway as a segment's subnet has it: "172.16.19.254/24"."""
        return f"{self.gateway}/{self.prefix.prefixlen}"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A child segment that there should be; `pools` and `gateways` ("172.16.19.254/24") sorted, each once.

    Without pools it is kept only because addresses on it are still in use.
    """

    vlan: int
    pools: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()


def of_pool(pool: AnyPool) -> Iterator[Routable]:
    """The subnets of a pool, as far as they are sound."""
    for each in pool.listed:
        yield Routable(_name(pool), each.vlan, each.gateway, each.prefix)


def _name(pool: AnyPool) -> str:
    """As tags have it; pools of both kinds may have one name."""
    return pool.name if isinstance(pool, IPPool) else f"externalippool/{pool.name}"


def vlans(pool: AnyPool) -> frozenset[int]:
    """The VLANs that a pool's frames carry; 0 for untagged."""
    return frozenset(each.vlan for each in pool.listed)


def gathered(subnets: Iterable[Routable], in_use: Iterable[NetworkId] = ()) -> dict[int, Wanted]:
    """The child segments that there should be, by VLAN: of the pools, and of networks whose addresses are in use."""
    pools: dict[int, set[str]] = {vlan: set() for vlan in _vlans_of(in_use)}
    gateways: dict[int, set[str]] = {vlan: set() for vlan in pools}
    for each in subnets:
        pools.setdefault(each.vlan, set()).add(each.pool)
        gateways.setdefault(each.vlan, set()).add(each.gateway_address)
    return {
        vlan: Wanted(vlan=vlan, pools=tuple(sorted(pools[vlan])), gateways=tuple(sorted(gateways[vlan])))
        for vlan in sorted(pools)
        if vlan != UNTAGGED
    }


def _vlans_of(networks: Iterable[NetworkId]) -> Iterator[int]:
    for name in networks:
        kind, *parts = name.split("/")
        if kind == NetworkKind.VLAN.value:
            yield int(parts[1])
