"""How this server is reached: several sockets, and TLS that knows clients by their certificates."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Any

from trunkline.adapters import serving
from trunkline.kit import problems
from trunkline.standin.apiserver import settings as config
from trunkline.standin.apiserver import users

NO_SOCKET = problems.register("TRK-0201", "The API server cannot listen on an address.")
BAD_TLS = problems.register("TRK-0202", "The API server's certificate, key or client authority cannot be used.")

_GRACE_S = 1
"""How long a stop waits for requests under way; watches end by themselves before that."""


def server(app: Any, tls: config.Tls) -> serving.Server:
    """A server for `app`; run it with `serve(sockets=...)`, end it by setting `should_exit`."""
    return serving.server(app, _context(tls), identify=_identify, grace=_GRACE_S)


def _identify(connection: serving.Connection) -> dict[str, Any]:
    """The user of a connection; TLS has verified the certificate before the first byte."""
    return {"user": users.from_certificate(connection.getpeercert()) if connection else None}


def _context(tls: config.Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client certificate is asked for and, when given, must be of the client authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        context.load_verify_locations(tls.client_ca)
    except (OSError, ssl.SSLError) as error:
        problem = problems.Problem(code=BAD_TLS, object=f"certificate {tls.certificate}", found=str(error))
        raise problems.IntentError(problems=[problem]) from error
    return context


def sockets(addresses: Sequence[str], inherited: Sequence[int]) -> list[socket.socket]:
    """Listening sockets: one bound per address, and the inherited ones.

    Raises:
        IntentError: an address is not of this machine, or taken.
    """
    found: list[socket.socket] = []
    try:
        for address in addresses:
            host, port = config.split(address)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            found.append(socket.create_server((host, port), family=family, backlog=256))
    except OSError as error:
        for opened in found:
            opened.close()
        problem = problems.Problem(
            code=NO_SOCKET, object="API server", field="listen", found=f"{address}: {error.strerror}"
        )
        raise problems.IntentError(problems=[problem]) from error
    return found + [socket.socket(fileno=number) for number in inherited]
