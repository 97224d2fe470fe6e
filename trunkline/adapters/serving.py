"""uvicorn as our HTTPS servers want it: ready-made sockets, client certificates, and no hands on the process's signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

Connection = ssl.SSLObject | ssl.SSLSocket | None
Identify = Callable[[Connection], dict[str, Any]]

_HEADERS = 64 * 1024
"""Bytes of request line and headers (chosen: many times what any known client sends)."""


class Server(uvicorn.Server):
    """A uvicorn that leaves signals to the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal handler."""
        yield


def server(app: Any, context: ssl.SSLContext, *, identify: Identify = lambda connection: {}, grace: int = 2) -> Server:
    """A server for an ASGI app; run it with `serve(sockets=...)`, end it by setting `should_exit`.

    Args:
        identify: what a connection's TLS session adds to `scope["state"]` of its requests; asked once, when the
            handshake is over.
        grace: seconds that a stop waits for requests under way.
    """
    return Server(
        uvicorn.Config(
            app,
            http=_protocol(identify),
            ws="none",
            lifespan="off",
            loop="asyncio",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=90,
            timeout_graceful_shutdown=grace,
            ssl_context_factory=lambda *_: context,
            h11_max_incomplete_event_size=_HEADERS,
        )
    )


def _protocol(identify: Identify) -> type[H11Protocol]:
    class Protocol(H11Protocol):
        """HTTP/1.1 that knows who is at the other end."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # asyncio does this only for sockets made with a protocol number, which `create_server` omits; without it
            # every answer on a kept-alive connection waits 40 ms for the client's delayed acknowledgement.
            if (wire := transport.get_extra_info("socket")) is not None and wire.family != socket.AF_UNIX:
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.app_state = {**self.app_state, **identify(transport.get_extra_info("ssl_object"))}

    return Protocol


def listening(address: str) -> socket.socket:
    """A socket that listens on "host:port" or "[v6]:port".

    Raises:
        OSError, ValueError: the address is not of this machine, taken, or malformed.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=256)
