"""Stores on a real server, and a wire between them that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trunkline.adapters import store as stores


class Wire:
    """A proxy in front of a server's Unix socket: it can be cut, made to swallow one direction, or to hold requests back."""

    def __init__(self, path: Path, target: Path) -> None:
        self.remote = f"unix:{path}"
        self.requests_pass = True
        self.answers_pass = True
        self.free = asyncio.Event()
        """Cleared, requests wait on the way."""
        self.free.set()
        self._path, self._target = path, target
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self.requests_pass = self.answers_pass = True
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    def cut(self) -> None:
        """Break every connection and accept no new one."""
        assert self._server is not None
        self._server.close()
        self._path.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._target))
        self._writers += [writer, server_writer]
        await asyncio.gather(
            self._pump_requests(reader, server_writer),
            self._pump_answers(server_reader, writer),
        )

    async def _pump_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self.free.wait()
                if self.requests_pass:
                    writer.write(data)
        writer.close()

    async def _pump_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self.answers_pass:
                    writer.write(data)
        writer.close()


@pytest.fixture
async def store(store_server) -> AsyncIterator[stores.Store]:
    async with stores.Store(store_server.remote, connect_timeout=10) as opened:
        yield opened


@pytest.fixture
async def other(store_server) -> AsyncIterator[stores.Store]:
    """Another store on the same database, as another process would have."""
    async with stores.Store(store_server.remote, connect_timeout=10) as opened:
        yield opened


@pytest.fixture
async def wire(store_server, home: Path) -> AsyncIterator[Wire]:
    opened = Wire(home / "wire.sock", store_server.socket)
    await opened.open()
    yield opened
    opened.cut()
