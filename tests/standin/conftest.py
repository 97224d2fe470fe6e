"""A stand-in API server of its own for each test module: real database, real program, real certificates."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.store_server import StoreServer
from trunkline.adapters.kube import Kube, errors
from trunkline.lab import credentials, pki

OVSDB_SERVER = shutil.which("ovsdb-server") or "/usr/sbin/ovsdb-server"
LOOPBACK = IPv4Address("127.0.0.1")


class ApiServer:
    """A running API server and whoever may talk to it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.authority = pki.Authority(home / "pki")
        self.store = StoreServer(home)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        server = credentials.server(self.authority, LOOPBACK, LOOPBACK)
        tls = (
            f'certificate = "{server.certificate}"\nkey = "{server.key}"\nclient_ca = "{self.authority.certificate}"\n'
        )
        config = self.home / "apiserver.toml"
        config.write_text(f'store = "{self.store.remote}"\n[tls]\n{tls}')
        program = [sys.executable, "-m", "trunkline.cli.main", "standin", "apiserver"]
        descriptor = listener.fileno()
        self._start([*program, f"--config={config}", f"--listen-fd={descriptor}"], pass_fds=[descriptor])
        listener.close()

    def kubeconfig(self, who: pki.Pair | None = None) -> Path:
        """A kubeconfig for a certificate, the administrator's unless given."""
        pair = who or credentials.admin(self.authority)
        path = self.home / f"{pair.certificate.stem}.kubeconfig"
        return credentials.write_kubeconfig(path, self.authority, pair, self.url, context="lab")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)
        self.store.kill()

    def _start(self, argv: list[str], **options: Any) -> None:
        with (self.home / "apiserver.log").open("ab") as log:
            self._processes.append(subprocess.Popen(argv, stdout=log, stderr=log, **options))


@pytest.fixture(scope="module")
def apiserver() -> Iterator[ApiServer]:
    with support.short_home("standin") as home:
        server = ApiServer(home)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
async def kube(apiserver: ApiServer) -> AsyncIterator[Kube]:
    async with Kube.connect(apiserver.kubeconfig(), field_manager="tests") as client:
        yield client


Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]


@pytest.fixture
def eventually() -> Eventually:
    """Asks a question, plain or asynchronous, until its answer is true; a "not found" is no answer yet."""

    async def ask(question: Callable[[], Any], seconds: float = 15.0) -> Any:
        answer = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        answer = question()
                        if inspect.isawaitable(answer):
                            answer = await answer
                        if answer:
                            return answer
                    except errors.NotFound:
                        pass
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"never came true; the last answer was {answer!r}") from None

    return ask


@pytest.fixture
async def namespace(kube: Kube, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    from trunkline.adapters.kube import resources
    from trunkline.kit import ids

    name = f"t-{ids.short_hash(request.node.nodeid)}"
    async with asyncio.timeout(20):
        while True:
            try:
                await kube.create(resources.NAMESPACES, {"metadata": {"name": name}})
                return name
            except errors.Unreachable:  # the server is still starting
                await asyncio.sleep(0.05)
