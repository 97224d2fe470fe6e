"""What an interface wears: MAC, MTU, addresses, routes, rules.  Taken down as it is, put on another interface, given back.

Serves the one moment in which a node's network card goes into a bridge and the bridge speaks for the node.  Everything
is replayed from the kernel's own bytes, and every step may be repeated.  The order makes before it breaks: the
new wearer has an address before the old one loses it, and a route is replaced, never removed and added.
"""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec

from trunkline.adapters.netlink import addresses, links, routes, rules
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit.addresses import IPAddress, IPInterface

_REPEATED = frozenset({errno.EEXIST, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL})
"""What a step answers that has been done before."""


class Outfit(msgspec.Struct, frozen=True, kw_only=True):
    """What one interface wore.  Addresses, routes and rules are the kernel's messages.

    `boot` is the kernel's boot id: indexes of interfaces mean nothing after the next boot.
    """

    boot: str
    name: str
    index: int
    mac: str
    mtu: int
    addresses: tuple[bytes, ...] = ()
    routes: tuple[bytes, ...] = ()
    rules: tuple[bytes, ...] = ()
    ipv6_disabled: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.addresses or self.routes or self.rules)

    @property
    def bare(self) -> bool:
        """Whether nobody would miss it: link-local addresses, which every interface has, do not count."""
        own = (addresses.parse(raw).value for raw in self.addresses)
        return not (self.routes or self.rules or any(not address.is_link_local for address in own))


def boot_id() -> str:
    """The identity of the running boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def observe(kernel: Connection, link: links.Link) -> Outfit:
    """What the interface wears now; routes that the kernel derives from addresses are left out."""
    return Outfit(
        boot=boot_id(),
        name=link.name,
        index=link.index,
        mac=link.mac,
        mtu=link.mtu,
        addresses=tuple(address.raw for address in addresses.listed(kernel, link.index)),
        routes=tuple(route.raw for route in routes.listed(kernel, link.index) if not route.made_by_kernel),
        rules=tuple(rules.listed(kernel, link.name)),
        ipv6_disabled=_ipv6_disabled(link.name),
    )


def merged(kept: Outfit, seen: Outfit) -> Outfit:
    """What was taken down before, and what the interface has been given since."""
    values = _values(kept)
    known = {_route_key(raw) for raw in kept.routes}
    return msgspec.structs.replace(
        kept,
        addresses=kept.addresses + tuple(raw for raw in seen.addresses if addresses.parse(raw).value not in values),
        routes=kept.routes + tuple(raw for raw in seen.routes if _route_key(raw) not in known),
        rules=kept.rules + tuple(raw for raw in seen.rules if raw not in kept.rules),
    )


def worn(kernel: Connection, outfit: Outfit, wearer: links.Link) -> bool:
    """Whether `wearer` has all of it already."""
    seen = observe(kernel, wearer)
    return (
        _values(outfit) <= _values(seen)
        and {_route_key(raw) for raw in outfit.routes} <= {_route_key(raw) for raw in seen.routes}
        and {rules.moved_request(raw, outfit.name, wearer.name) for raw in outfit.rules}
        <= {rules.moved_request(raw, wearer.name, wearer.name) for raw in seen.rules}
    )


def put_on(kernel: Connection, outfit: Outfit, wearer: links.Link) -> None:
    """Let `wearer` have the addresses, routes and rules; whoever has the routes loses them at that moment.

    Raises:
        OSError: the kernel refused something for another reason than its being there already.
    """
    ours = [addresses.parse(raw) for raw in outfit.addresses]
    kernel.batch(
        [
            *(addresses.moved_request(address, wearer.index, wearer.name, detect_duplicates=False) for address in ours),
            # Once more as it was: skipping duplicate detection is for the move only, not a trait of the address.
            *(
                addresses.moved_request(address, wearer.index, wearer.name)
                for address in ours
                if address.value.version == 6
            ),
            *(routes.moved_request(routes.parse(raw), outfit.index, wearer.index) for raw in _reachable_first(outfit)),
            *(rules.moved_request(raw, outfit.name, wearer.name) for raw in outfit.rules),
        ],
        tolerate=_REPEATED,
    )


def take_off(kernel: Connection, wearer: links.Link) -> None:
    """Leave the interface without addresses, and so without the routes that follow from them."""
    seen = observe(kernel, wearer)
    kernel.batch(
        [
            *(rules.remove_request(raw) for raw in seen.rules),
            *(routes.remove_request(routes.parse(raw)) for raw in seen.routes),
            *(addresses.remove_request(addresses.parse(raw)) for raw in reversed(seen.addresses)),
        ],
        tolerate=_REPEATED,
    )


def gateways(outfit: Outfit) -> frozenset[IPAddress]:
    """The next hops of its default routes."""
    found = (routes.parse(raw) for raw in outfit.routes)
    return frozenset(route.gateway for route in found if route.gateway and not route.prefix.prefixlen)


def set_ipv6_disabled(name: str, value: int) -> None:
    """Keep IPv6 off an interface (1), or let it work there (0)."""
    links.set_sysctl(f"ipv6/conf/{name}/disable_ipv6", value)


def _ipv6_disabled(name: str) -> int:
    path = Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
    return int(path.read_text()) if path.exists() else 1


def _values(outfit: Outfit) -> set[IPInterface]:
    return {addresses.parse(raw).value for raw in outfit.addresses}


def _route_key(raw: bytes) -> tuple[object, ...]:
    route = routes.parse(raw)
    return route.prefix, route.gateway, route.table


def _reachable_first(outfit: Outfit) -> list[bytes]:
    """Routes without a gateway first: a gateway may be reached by one of them."""
    return sorted(outfit.routes, key=lambda raw: routes.parse(raw).gateway is not None)
