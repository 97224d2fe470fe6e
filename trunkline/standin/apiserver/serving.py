"""uvicorn, told what this server needs: client certificates, several sockets, and no hands on the process's signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from trunkline.kit import problems
from trunkline.standin.apiserver import settings as config
from trunkline.standin.apiserver import users

NO_SOCKET = problems.register("TRK-0201", "The API server cannot listen on an address.")
BAD_TLS = problems.register("TRK-0202", "The API server's certificate, key or client authority cannot be used.")

_GRACE_S = 1
"""How long a stop waits for requests under way; watches end by themselves before that."""


class CertificateProtocol(H11Protocol):
    """HTTP/1.1 that knows the user of its connection; TLS has verified the certificate before the first byte."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        user = users.from_certificate(connection.getpeercert()) if connection else None
        self.app_state = {**self.app_state, "user": user}


class Server(uvicorn.Server):
    """A uvicorn that leaves signals to the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal handler."""
        yield


def server(app: Any, tls: config.Tls) -> Server:
    """A server for `app`; run it with `serve(sockets=...)`, end it by setting `should_exit`."""
    context = _context(tls)
    return Server(
        uvicorn.Config(
            app,
            http=CertificateProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=90,
            timeout_graceful_shutdown=_GRACE_S,
            ssl_context_factory=lambda *_: context,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


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
