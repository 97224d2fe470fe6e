"""One connection: moves bytes between the transport and `protocol.Session`, and answers to whoever waits.

Invariant: replies and updates are taken in in the order in which the server sent them; a caller's `taken` runs in that
order too, before the next message is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from trunkline.adapters.ovsdb import errors, protocol, schema
from trunkline.adapters.ovsdb.replica import Replica

_SNAPSHOT_BYTES = 256 * 1024  # chosen: smaller messages decode in less time than a collection takes


class LinkLost(Exception):
    """The connection ended while a call was waiting for its answer."""


class NotSent(LinkLost):
    """The connection had ended before the call could be sent."""


class Link(asyncio.Protocol):
    """One connection.  `replicas` are fed by name; `retire` is called once, as soon as nothing more can be sent."""

    def __init__(self, probe: float, replicas: Mapping[str, Replica], retire: Callable[[Link], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = protocol.Session(self._loop.time(), probe)
        self._replicas = replicas
        self._retire = retire
        self._own_replicas: dict[str, Replica] = {}
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, tuple[asyncio.Future[Any], Callable[[Any], None] | None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self.peer = ""
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Done, with the reason, when the connection has ended."""

    async def call(self, method: str, params: Sequence[Any], taken: Callable[[Any], None] | None = None) -> Any:
        """Send a request and answer its result.  `taken` gets the result first, in the order of the stream.

        Raises:
            RemoteError: the server answered with an error.
            NotSent, LinkLost: the connection ended first.
        """
        if self._transport is None or self._transport.is_closing():
            raise NotSent(self._reason)
        request_id = self._session.request(method, params)
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[request_id] = (answer, taken)
        self._flush()
        return await answer

    async def monitor(self, database: str, name: str, replica: Replica, known: schema.DatabaseSchema) -> None:
        """Start (or resume) a replica; returns when it is up to date."""
        request = replica.monitor_request(known)
        if name not in self._replicas:
            self._own_replicas[name] = replica
        # All at once: the server begins each as soon as it has sent the one before.
        await asyncio.gather(
            self.call("monitor_cond_since", [database, name, request.tables, request.since], replica.take_answer),
            *(self.call("monitor_cond_change", [name, name, wider]) for wider in request.widened),
        )
        replica.loaded()

    def drop(self, reason: str) -> None:
        """End the connection."""
        self._reason = self._reason or reason
        self._retire(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer = str(transport.get_extra_info("peername") or "")
        self._tick()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        with _collector_paused() if self._session.pending > _SNAPSHOT_BYTES else contextlib.nullcontext():
            try:
                events = self._session.receive(data, self._loop.time())
            except errors.ProtocolViolation as error:
                self.drop(str(error))
                return
            for event in events:
                self._handle(event)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._timer is not None:
            self._timer.cancel()
        reason = self._reason = self._reason or str(error or "the server closed the connection")
        self._retire(self)
        for answer, _ in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkLost(reason))
        self._waiting.clear()
        self.lost.set_result(reason)

    def _handle(self, event: protocol.Event) -> None:
        if isinstance(event, protocol.Reply):
            self._answer(event)
        elif event.method == "update3":
            name, transaction, updates = event.params
            replica = self._own_replicas.get(name) or self._replicas.get(name)
            if replica is not None:
                replica.take_update(transaction, updates)

    def _answer(self, reply: protocol.Reply) -> None:
        answer, taken = self._waiting.pop(reply.id)
        if reply.error is not None:
            if not answer.done():
                answer.set_exception(errors.from_wire(reply.error, None))
            return
        if taken is not None:
            taken(reply.result)
        if not answer.done():
            answer.set_result(reply.result)

    def _flush(self) -> None:
        data = self._session.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _tick(self) -> None:
        if not self._session.tick(self._loop.time()):
            self.drop("the server fell silent")
            return
        self._flush()
        self._timer = self._loop.call_at(self._session.deadline(), self._tick)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking a snapshot again and again while it is being built."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
