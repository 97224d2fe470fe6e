"""Who can say that the node is still reachable after its network card has moved: whoever answered it before.

A gateway answers ARP or neighbour discovery; an endpoint (API server, southbound database, policy manager) accepts a
connection or refuses it, which is an answer, too.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from trunkline.adapters.netlink import links, neighbours, outfit
from trunkline.adapters.netlink.connection import Connection

_ASK_SECONDS = 1.5
"""How long one witness may take; chosen: the kernel asks a neighbour three times, a second apart, and two may be lost."""


class Gateway(msgspec.Struct, frozen=True, tag=True):
    """A next hop of a default route; `interfaces` are those that may carry the node's addresses, the likeliest first."""

    address: str
    interfaces: tuple[str, ...]

    def __str__(self) -> str:
        return f"gateway {self.address}"


class Endpoint(msgspec.Struct, frozen=True, tag=True):
    """A TCP port that the node has business with."""

    what: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.what} at {self.host} port {self.port}"


Witness = Gateway | Endpoint


def endpoint(what: str, where: str) -> Endpoint | None:
    """The endpoint in a URL or a single OVSDB remote; None for one that needs no network."""
    parts = urlsplit(where if "://" in where else where.strip().replace(":", "://", 1))
    if parts.scheme == "unix" or not parts.hostname:
        return None
    return Endpoint(what, parts.hostname, parts.port or 443)


def gateways(worn: outfit.Outfit, *interfaces: str) -> frozenset[Gateway]:
    """The gateways of an interface's default routes, to be asked on whichever of `interfaces` has the addresses."""
    return frozenset(Gateway(str(address), interfaces) for address in outfit.gateways(worn))


async def silent(witnesses: Iterable[Witness]) -> frozenset[Witness]:
    """Those that do not answer now."""
    asked = list(witnesses)
    answers = await asyncio.gather(*(_answers(witness) for witness in asked))
    return frozenset(witness for witness, answer in zip(asked, answers, strict=True) if not answer)


async def _answers(witness: Witness) -> bool:
    match witness:
        case Gateway():
            return await asyncio.to_thread(_neighbour_answers, witness)
        case Endpoint():
            return await _accepts(witness)


def _neighbour_answers(gateway: Gateway) -> bool:
    try:
        with Connection() as kernel:
            found = [link for name in gateway.interfaces if (link := links.find(kernel, name))]
            wearer = next((link for link in found if not outfit.observe(kernel, link).bare), None)
            address = ipaddress.ip_address(gateway.address)
            return wearer is not None and neighbours.answers(kernel, wearer.index, address, _ASK_SECONDS)
    except OSError:
        return False


async def _accepts(endpoint: Endpoint) -> bool:
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
