"""The stand-in API server as a program: opens the store, serves, cleans up, and ends when it is told to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import structlog

from trunkline.adapters import serving as https
from trunkline.adapters import store as documents
from trunkline.standin.apiserver import api, app, janitors, serving
from trunkline.standin.apiserver.settings import Settings

_log = structlog.get_logger(__name__)


async def run(settings: Settings, *, listen_fds: Sequence[int] = ()) -> None:
    """Serve until cancelled; then end watches, let requests under way finish, and close the store.

    `listen_fds` are listening sockets that the caller made (in another network namespace, for example); they become ours.
    Raises:
        IntentError: the settings name what is not there: an address, a certificate.
        RemoteError: the store cannot be reached, or another server has taken it over.
    """
    listening = serving.sockets(settings.listen, listen_fds)
    async with documents.Store(settings.store, role="apiserver", holder=settings.holder) as store:
        await store.lead()
        served = api.Api(store, service_cidr=settings.service_cidr)
        await served.prepare()
        server = serving.server(app.App(served), settings.tls)
        _log.info("serving", addresses=[each.getsockname() for each in listening])
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(served.hub.run())
                for janitor in served.janitors():
                    tasks.create_task(janitors.run(janitor, served.hub))
                await _serve(server, listening, served)
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            await served.hooks.close()


async def _serve(server: https.Server, listening: list[socket.socket], served: api.Api) -> None:
    """Serve until cancelled.  The server's own task is shielded: it has to end in order, watches first."""
    serve = asyncio.create_task(server.serve(sockets=listening))
    try:
        await asyncio.shield(serve)
    finally:
        served.hub.close()
        server.should_exit = True
        await serve
