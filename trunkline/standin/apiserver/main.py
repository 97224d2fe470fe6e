"""The stand-in API server as a program: opens the store, serves, cleans up, and ends when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

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
        served = api.Api(store, service_cidr=settings.service_cidr, cluster_cidr=settings.cluster_cidr)
        await served.prepare()
        server = serving.server(app.App(served), settings.tls)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(served.hub.run())]
            background += [tasks.create_task(janitors.run(each, served.hub)) for each in served.janitors()]
            serve = asyncio.create_task(server.serve(sockets=listening))
            _log.info("serving", addresses=[each.getsockname() for each in listening])
            try:
                await asyncio.shield(serve)
            finally:
                served.hub.close()
                server.should_exit = True
                await serve
                for task in background:
                    task.cancel()
                await served.hooks.close()
