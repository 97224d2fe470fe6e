"""The agent's ear for `trunkline-cni`: a Unix socket that only root may open.

Calls for different containers run side by side; calls for one container run one after the other.  A DEL does not wait
behind an ADD of the same container: the ADD is given up, because the runtime has given it up too.  Framing: see
`trunkline/cni/plugin.py`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Protocol

import structlog

from trunkline.agent import spec
from trunkline.agent.phases import Phases

REQUEST_LIMIT = 1 << 20
"""Bytes; chosen: a configuration with a long GC list stays far below."""

_REQUEST_SECONDS = 5.0
"""chosen: the program sends its request in one go; whoever takes longer is not that program."""

_log = structlog.get_logger(__name__)


class Handler(Protocol):
    """What the server calls; the answer goes to standard output."""

    async def handle(self, request: spec.Request, phases: Phases) -> bytes:
        """Carry the request out.

        Raises:
            Failure: with the specification's code.
        """


class Server:
    """Listens on `path`, from `start` to `stop`."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._queues: dict[spec.AttachmentKey, _Queue] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket file left by an earlier agent is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(fresh))
        fresh.chmod(0o600)  # before it listens, and before it has its name
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, backlog=512)
        fresh.replace(self._path)

    async def stop(self) -> None:
        """Stop listening; the calls under way are cut off, and the runtime tries them again."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                data = await _read(reader)
            code, answer = await self.answer(data)
            writer.write(b"%d %d\n" % (code, len(answer)) + answer)
            await writer.drain()
        except (OSError, TimeoutError) as error:
            _log.warning("a CNI call was cut off", error=str(error) or type(error).__name__)
        finally:
            writer.close()

    async def answer(self, data: bytes) -> tuple[int, bytes]:
        """The exit code and output for one framed request; never raises but for cancellation."""
        variables, _, configuration = data.partition(b"\0\0")
        try:
            if len(data) > REQUEST_LIMIT:
                raise spec.Failure(spec.INVALID_CONFIG, f"the request is longer than {REQUEST_LIMIT} bytes")
            request = spec.read_request(_environment(variables), configuration)
            return 0, await self._in_turn(request)
        except spec.Failure as failure:
            _log.warning("CNI call failed", code=failure.code, message=failure.message, details=failure.details)
            return 1, spec.error(spec.spoken_version(configuration), failure)
        except Exception as error:
            _log.exception("CNI call failed for a reason of our own")
            bug = spec.Failure(spec.BUG, "Trunkline's agent has a bug", f"{type(error).__name__}: {error}")
            return 1, spec.error(spec.spoken_version(configuration), bug)

    async def _in_turn(self, request: spec.Request) -> bytes:
        queue = self._queues.setdefault(request.key, _Queue())
        queue.length += 1
        try:
            if request.command == "DEL":
                queue.give_up_add()
            async with queue.lock:
                return await self._timed(request, queue)
        finally:
            queue.length -= 1
            if not queue.length:
                self._queues.pop(request.key, None)

    async def _timed(self, request: spec.Request, queue: _Queue) -> bytes:
        phases = Phases(request.command)
        work = asyncio.create_task(self._handler.handle(request, phases))
        queue.running = work if request.command == "ADD" else None
        try:
            return await work
        except asyncio.CancelledError:
            if queue.given_up:
                raise spec.Failure(spec.TRY_AGAIN_LATER, "the container was deleted while it was being added") from None
            work.cancel()
            raise
        finally:
            queue.running, queue.given_up = None, False
            _log.info("CNI call", command=request.command, container=request.key.container, **phases.finish())


class _Queue:
    """Calls for one interface of one container."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0
        self.running: asyncio.Task[bytes] | None = None
        self.given_up = False

    def give_up_add(self) -> None:
        if self.running and not self.given_up:  # once: what it takes away again must not be cut off by the next DEL
            self.given_up = True
            self.running.cancel()


def _environment(variables: bytes) -> dict[str, str]:
    pairs = (entry.partition(b"=") for entry in variables.split(b"\0") if entry)
    return {os.fsdecode(key): os.fsdecode(value) for key, _equals, value in pairs}


async def _read(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while len(data) <= REQUEST_LIMIT and (part := await reader.read(1 << 16)):
        data += part
    return data
