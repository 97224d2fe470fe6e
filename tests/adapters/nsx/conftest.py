"""A manager of ours behind TLS, and a small server that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.policy import conftest as managers
from trunkline.adapters.nsx import Basic, Nsx, in_file, tls_context

database, served, Served = managers.database, managers.served, managers.Served


@pytest.fixture
async def nsx(served: Served) -> AsyncIterator[Nsx]:
    password = in_file(str(served.home / "password"))
    async with Nsx(served.url, tls_context(served.authority), Basic("admin", password)) as client:
        yield client


class Refuser:
    """Answers requests from a list, the last answer for ever; keeps what was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.url = ""

    def will(self, status: int, body: Any = None, **headers: str) -> Refuser:
        self.answers.append((status, body, {name.replace("_", "-"): value for name, value in headers.items()}))
        return self

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                headers: dict[str, str] = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                content = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append((" ".join(line.decode().split()[:2]), headers, content.decode()))
                status, body, more = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if status == 0:
                    return
                payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                lines = [f"{name}: {value}" for name, value in more.items()]
                head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(payload)}", *lines])
                writer.write(f"{head}\r\n\r\n".encode() + payload)
                await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def refuser() -> AsyncIterator[Refuser]:
    found = Refuser()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found


@pytest.fixture
async def refused(refuser: Refuser) -> AsyncIterator[Nsx]:
    """A client of the server that answers as it is told."""
    async with Nsx(refuser.url, tls_context(), Basic("blue", lambda: "s3cret")) as client:
        yield client
