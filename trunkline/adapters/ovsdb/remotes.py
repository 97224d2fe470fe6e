"""Where a database is served: `unix:PATH`, `tcp:HOST:PORT`, `ssl:HOST:PORT`, or several of them with commas between.

OVSDB certificates name chassis and databases, not DNS names, so a peer is trusted when the CA signed it; host names are
not compared (as ovs-vsctl and ovn-controller do).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

import msgspec

from trunkline.kit import problems

REMOTE = problems.register("TRK-0106", "An OVSDB remote is not written as unix:, tcp: or ssl:.")

ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)


class Tls(msgspec.Struct, frozen=True):
    """Paths of PEM files: our key and certificate, and the authority that signs the servers."""

    private_key: str
    certificate: str
    ca_certificate: str


def split(remote: str) -> list[str]:
    """The single remotes of a comma-separated list.

    Raises:
        IntentError: one of them is not `unix:PATH`, `tcp:HOST:PORT` or `ssl:HOST:PORT`.
    """
    remotes = [part.strip() for part in remote.split(",")]
    wrong = [part for part in remotes if not _is_valid(part)]
    if wrong:
        raise problems.IntentError(
            problems=[
                problems.Problem(
                    code=REMOTE,
                    object="OVSDB remote",
                    found=repr(part),
                    allowed="unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT",
                )
                for part in wrong
            ]
        )
    return remotes


async def connect(remote: str, factory: Callable[[], ProtocolT], tls: Tls | None) -> ProtocolT:
    """Open a connection to a single remote and answer its protocol object.

    Raises:
        OSError: nobody listens, or the peer's certificate is not trusted.
    """
    loop = asyncio.get_running_loop()
    scheme, _, rest = remote.partition(":")
    if scheme == "unix":
        return (await loop.create_unix_connection(factory, rest))[1]
    host, _, port = rest.rpartition(":")
    context = _context(tls) if scheme == "ssl" else None
    return (await loop.create_connection(factory, host.strip("[]"), int(port), ssl=context))[1]


def _is_valid(remote: str) -> bool:
    scheme, _, rest = remote.partition(":")
    if scheme == "unix":
        return bool(rest)
    host, _, port = rest.rpartition(":")
    return scheme in ("tcp", "ssl") and bool(host) and port.isascii() and port.isdigit()


def _context(tls: Tls | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if tls is not None:
        context.load_verify_locations(tls.ca_certificate)
        context.load_cert_chain(tls.certificate, tls.private_key)
    return context
