"""The node's own interface in a pod network: dressed in the node's namespace, with packets let through and disguised.

Everything is brought from what is there to what should be, and may be repeated; what is already so causes no event.
"""

from __future__ import annotations

import errno

import msgspec

from trunkline.adapters.netlink import addresses, links, nftables, offload, routes
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork

_REPEATED = frozenset({errno.EEXIST})


class Suit(msgspec.Struct, frozen=True, kw_only=True):
    """What the interface should be."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[IPInterface, ...]
    routes: tuple[tuple[IPNetwork, IPAddress | None], ...]
    checksum_offload: bool


def dress(suit: Suit) -> None:
    """Give the interface MAC, MTU, addresses and routes; take other addresses away.

    Raises:
        OSError: there is no such interface, or the kernel refused.
    """
    with Connection() as kernel:
        link = links.find(kernel, suit.name)
        if link is None:
            raise OSError(errno.ENODEV, f"interface {suit.name} does not exist")
        if (link.mac, link.mtu, link.up) != (suit.mac, suit.mtu, True):
            links.change(kernel, link.index, up=True, mac=suit.mac, mtu=suit.mtu)
        held = [address for address in addresses.listed(kernel, link.index) if not address.value.is_link_local]
        known = {(route.prefix, route.gateway) for route in routes.listed(kernel, link.index)}
        missing = [address for address in suit.addresses if address not in {found.value for found in held}]
        kernel.batch(
            [
                *(addresses.remove_request(found) for found in held if found.value not in suit.addresses),
                *(addresses.add_request(link.index, address) for address in missing),
                *(routes.add_request(link.index, *route) for route in suit.routes if route not in known),
            ],
            tolerate=_REPEATED,
        )
    if not suit.checksum_offload:
        offload.disable_tx_checksum(suit.name)


def let_through(versions: set[int]) -> None:
    """Let the kernel forward packets of these IP versions."""
    if 4 in versions:
        links.set_sysctl("ipv4/ip_forward", 1)
    if 6 in versions:
        links.set_sysctl("ipv6/conf/all/forwarding", 1)


async def disguise(name: str, inside: tuple[IPNetwork, ...], cluster: tuple[IPNetwork, ...]) -> None:
    """Let packets from `inside` that leave for somewhere outside `cluster` by another interface carry the node's address.

    Raises:
        OSError: nft is missing or refused the rules.
    """
    await nftables.load(ruleset(name, inside, cluster))


def ruleset(name: str, inside: tuple[IPNetwork, ...], cluster: tuple[IPNetwork, ...]) -> str:
    """The whole table, replaced in one transaction."""
    lines = [_rule(name, prefix, [other for other in cluster if other.version == prefix.version]) for prefix in inside]
    rules = "\n".join(f"    {line}" for line in lines)
    return f"""\
{nftables.removed("inet", nftables.TABLE)}table inet {nftables.TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
{rules}
  }}
}}
"""


def _rule(name: str, prefix: IPNetwork, cluster: list[IPNetwork]) -> str:
    family = "ip" if prefix.version == 4 else "ip6"
    others = f"{family} daddr != {{ {', '.join(map(str, cluster))} }} " if cluster else ""
    return f'{family} saddr {prefix} oifname != "{name}" {others}masquerade'
