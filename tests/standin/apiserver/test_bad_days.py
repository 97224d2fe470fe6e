"""The database dies, the server dies, another server takes over: nothing acknowledged is lost, nothing is written twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests import store_server
from tests.store_server import StoreServer
from trunkline.kit import problems
from trunkline.standin.apiserver import main, serving, settings

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def own_database() -> Iterator[StoreServer]:
    with store_server.running("apiserver") as server:
        yield server


@contextlib.asynccontextmanager
async def program(database: StoreServer, authority: Any, holder: str = "first") -> AsyncIterator[httpx2.AsyncClient]:
    """The program on a socket that it inherits, and an administrator's client."""
    (listener,) = serving.sockets(["127.0.0.1:0"], [])
    port = listener.getsockname()[1]
    certificate, key = authority.issue("kube-apiserver")
    tls = settings.Tls(certificate=str(certificate), key=str(key), client_ca=str(authority.path))
    config = settings.Settings(store=database.remote, tls=tls, holder=holder)
    task = asyncio.create_task(main.run(config, listen_fds=[listener.detach()]))
    context = serving.ssl.create_default_context(cafile=str(authority.path))
    context.load_cert_chain(*authority.issue("admin", "system:masters"))
    async with httpx2.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=context, timeout=20) as http:
        async with asyncio.timeout(10):
            while not task.done():
                with contextlib.suppress(httpx2.TransportError):
                    await http.get("/readyz")
                    break
        yield http
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_writes_go_on_after_the_database_was_killed(own_database: StoreServer, authority: Any) -> None:
    async with program(own_database, authority) as http:
        made = await http.post(MAPS, json={"metadata": {"name": "before"}})
        own_database.kill()
        assert (await http.get(f"{MAPS}/before")).json() == made.json(), "reads are from memory"
        waiting = asyncio.create_task(http.post(MAPS, json={"metadata": {"name": "after"}}))
        await asyncio.sleep(0.2)  # the write is under way, without a database
        own_database.start()
        answer = await waiting
        while answer.status_code == 503:
            answer = await http.post(MAPS, json={"metadata": {"name": "after"}})

        assert answer.status_code in (201, 409)
        assert (await http.get(f"{MAPS}/before")).json() == made.json()
        assert (await http.get(f"{MAPS}/after")).status_code == 200


async def test_a_server_that_starts_again_shows_the_same(own_database: StoreServer, authority: Any) -> None:
    async with program(own_database, authority) as http:
        made = (await http.post(MAPS, json={"metadata": {"name": "kept"}})).json()
    async with program(own_database, authority) as http:
        found = (await http.get(f"{MAPS}/kept")).json()
        async with http.stream("GET", MAPS, params={"watch": "1", "resourceVersion": "1"}) as response:
            line = await anext(response.aiter_lines())

    assert found == made
    assert '"code":410' in line


async def test_an_older_server_writes_nothing_once_another_took_over(own_database: StoreServer, authority: Any) -> None:
    async with program(own_database, authority) as older, program(own_database, authority, "second") as newer:
        with contextlib.suppress(httpx2.ConnectError):  # it may have found out by itself, and be gone
            refused = await older.post(MAPS, json={"metadata": {"name": "late"}})
            assert (refused.status_code, refused.json()["reason"]) == (503, "ServiceUnavailable")
        taken = await newer.post(MAPS, json={"metadata": {"name": "fresh"}})

        assert taken.status_code == 201
        assert (await newer.get(f"{MAPS}/late")).status_code == 404


def test_an_address_that_is_taken_is_named() -> None:
    with contextlib.closing(serving.sockets(["127.0.0.1:0"], [])[0]) as listener:
        taken = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(problems.IntentError, match=taken):
            serving.sockets([taken], [])


@pytest.mark.parametrize("change", [{"listen": ("nowhere",)}, {"service_cidr": "10.0.0.0/99"}])
def test_settings_that_cannot_be_are_refused(change: Any) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6"):
        settings.Settings(store="unix:db", tls=settings.Tls(certificate="c", key="k", client_ca="a"), **change)
