"""A policy manager on a real ovsdb-server: in process for semantics, behind TLS for certificates and real clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from tests import store_server
from tests.store_server import StoreServer
from trunkline.adapters import store
from trunkline.dialects.nsx.realized import Nobody
from trunkline.policy import app, main
from trunkline.policy.audit import Audit
from trunkline.policy.identity.accounts import Accounts
from trunkline.policy.identity.gate import Gate
from trunkline.policy.manager import Manager
from trunkline.policy.settings import Settings

BASE = "/policy/api/v1"


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The remote of a running ovsdb-server; one for all tests, emptied by `opened`."""
    with store_server.running("policy") as server:
        yield server.remote


@pytest.fixture
def own_database() -> Iterator[StoreServer]:
    """An ovsdb-server of the test's own."""
    with store_server.running("policy") as server:
        yield server


@contextlib.asynccontextmanager
async def opened(remote: str, *, empty: bool = True) -> AsyncIterator[store.Store]:
    """The store, without documents and claims."""
    async with store.Store(remote, role="policy", holder="tests") as opened_store:
        if empty:
            gone: list[store.Change] = [store.Delete(document.path) for document in opened_store.list("")]
            gone += [store.Release(claim.key, claim.owner) for claim in opened_store.claims("")]
            if gone:
                await opened_store.commit(*gone)
        yield opened_store


class Clock:
    """Monotonic seconds that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Speaks to the application in process as one user, and checks nothing by itself."""

    def __init__(self, application: Any, auth: tuple[str, str] | None, headers: dict[str, str] | None = None) -> None:
        self.application, self.auth = application, auth
        transport = httpx2.ASGITransport(app=application, client=("192.0.2.1", 1), raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url="https://manager", headers=headers)

    def with_headers(self, **headers: str) -> Client:
        return Client(self.application, self.auth, {name.replace("_", "-"): value for name, value in headers.items()})

    def as_user(self, name: str, password: str) -> Client:
        return Client(self.application, (name, password))

    def nobody(self, **headers: str) -> Client:
        return Client(self.application, None, {name.replace("_", "-"): value for name, value in headers.items()})

    def with_certificate(self, der: bytes) -> Client:
        async def presented(scope: Any, receive: Any, send: Any) -> None:
            await self.application({**scope, "state": {"certificate": der}}, receive, send)

        return Client(presented, None)

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx2.Response:
        options: dict[str, Any] = {"params": query} if query else {}
        if self.auth:
            options["auth"] = self.auth
        if body is not None:
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            options |= {"content": content, "headers": {"content-type": "application/json"}}
        url = path if path.startswith(("/api", "/policy")) else BASE + path
        return await self.http.request(method, url, **options)

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.call("GET", path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def put(self, path: str, /, **body: Any) -> Any:
        response = await self.call("PUT", path, body)
        assert response.status_code == 200, response.text
        return response.json()

    async def patch(self, path: str, /, **body: Any) -> None:
        response = await self.call("PATCH", path, body)
        assert (response.status_code, response.content) == (200, b""), response.text

    async def delete(self, path: str, **query: Any) -> None:
        response = await self.call("DELETE", path, **query)
        assert (response.status_code, response.content) == (200, b""), response.text

    async def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, int, str]:
        """Status, error code and message of a request that must fail."""
        response = await self.call(method, path, body, **query)
        assert response.status_code >= 400, response.text
        assert response.headers["content-type"] == "application/json"
        error = response.json()
        assert error["related_errors"][0]["error_message"] == error["error_message"]
        return response.status_code, error["error_code"], error["error_message"]


class Opened:
    """One open manager and a client of its administrator."""

    def __init__(self, manager: Manager, application: Any, password: str, clock: Clock, home: Path) -> None:
        self.manager, self.clock, self.home, self.password = manager, clock, home, password
        self.trusted: list[str] = []
        self.admin = Client(application, ("admin", password))

    def audit(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in (self.home / "audit.log").read_bytes().splitlines()]


@contextlib.asynccontextmanager
async def open_manager(
    remote: str, home: Path, *, realiser: Any = None, empty: bool = True, **settings: Any
) -> AsyncIterator[Opened]:
    """A manager as `main.run` makes it, without the socket."""
    async with opened(remote, empty=empty) as documents:
        clock = Clock()
        accounts = Accounts(documents)
        await main.first_user(accounts, str(home / "password"))
        configured = Settings(store=remote, state_dir=str(home), **settings)
        gate = Gate(
            accounts,
            session_timeout=configured.session_timeout,
            lockout=configured.lockout,
            tokens=main.tokens_of(configured.tokens) if configured.tokens else None,
            clock=clock,
        )
        log = Audit(home / "audit.log")
        manager = Manager(documents, configured, gate, log, realiser or Nobody())
        await manager.prepare()
        follow = asyncio.create_task(manager.repository.follow())
        trusted: list[str] = []
        application = app.application(manager, trusted.append)
        try:
            made = Opened(manager, application, (home / "password").read_text().strip(), clock, home)
            made.trusted = trusted
            yield made
        finally:
            follow.cancel()
            log.close()


@pytest.fixture(scope="session")
def manager_with() -> Any:
    """Opens a manager with settings and a realiser of the test's choice."""
    return open_manager


@pytest.fixture
async def policy(database: str, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_manager(database, tmp_path) as made:
        yield made


@pytest.fixture
def reopen(
    policy: Opened, database: str, tmp_path: Path
) -> Callable[[], contextlib.AbstractAsyncContextManager[Opened]]:
    """Opens the manager of `policy` a second time on what the first has stored."""

    def again(**options: Any) -> contextlib.AbstractAsyncContextManager[Opened]:
        home = tmp_path / "again"
        home.mkdir()
        (home / "password").write_text(policy.password)
        return open_manager(database, home, empty=False, **options)

    return again


@pytest.fixture
def admin(policy: Opened) -> Client:
    return policy.admin


class Served(msgspec.Struct):
    """A manager behind TLS."""

    url: str
    authority: str
    password: str
    home: Path


@pytest.fixture
async def served(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """The program itself, on a port of the loopback address."""
    async with opened(database):
        pass
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings = Settings(
        store=database,
        state_dir=str(tmp_path / "state"),
        listen=f"127.0.0.1:{port}",
        admin_password_file=str(tmp_path / "password"),
    )
    task = asyncio.create_task(main.run(settings, sockets=[listening]))
    authority = tmp_path / "state" / "ca.pem"
    for _ in range(500):
        if task.done() or (authority.exists() and await _answers(port)):
            break
        await asyncio.sleep(0.01)  # no event tells that a server listens
    password = (tmp_path / "password").read_text().strip()
    yield Served(f"https://127.0.0.1:{port}", str(authority), password, tmp_path)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
