"""One JSON-RPC connection to an OVSDB server as a state machine without I/O.

Bytes received go in with the time they came; events come out; bytes to send pile up until the shell takes them.  Answers
the server's probes, probes in turn, and says when the peer must be given up.

Invariants: request ids are never reused within a connection; a reply is handed out only for a request that is waiting;
any byte received counts as life.

Source: RFC 7047 section 4 (methods), ovsdb-server(7) (echo as inactivity probe).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.adapters.ovsdb import errors, framing

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Reply(msgspec.Struct, frozen=True):
    """The answer to request `id`: a result, or a JSON-RPC error that is not None."""

    id: int
    result: Any
    error: Any


class Notice(msgspec.Struct, frozen=True):
    """A message of the server's own accord, such as `update3`."""

    method: str
    params: Sequence[Any]


Event = Reply | Notice


class Session:
    """State of one connection.  Times are seconds of any monotonic clock; `probe` seconds of silence provoke an echo."""

    def __init__(self, now: float, probe: float) -> None:
        self._framer = framing.Framer()
        self._probe = probe
        self._heard = now
        self._echo_sent: float | None = None
        self._next_id = 1
        self._waiting: set[int] = set()
        self._outgoing: list[bytes] = []

    @property
    def pending(self) -> int:
        """Bytes received that do not yet form a message."""
        return self._framer.pending

    def request(self, method: str, params: Sequence[Any]) -> int:
        """Queue a request and answer its id."""
        request_id, self._next_id = self._next_id, self._next_id + 1
        self._waiting.add(request_id)
        self._send({"method": method, "params": params, "id": request_id})
        return request_id

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the peer; answer what they mean, in order.

        Raises:
            ProtocolViolation: they are not JSON-RPC; the connection is of no more use.
        """
        self._heard, self._echo_sent = now, None
        events = (self._interpret(message) for message in self._framer.feed(data))
        return [event for event in events if event is not None]

    def data_to_send(self) -> bytes:
        """Everything queued since the last call."""
        data, self._outgoing = b"".join(self._outgoing), []
        return data

    def deadline(self) -> float:
        """When `tick` wants to be called next."""
        return (self._heard if self._echo_sent is None else self._echo_sent) + self._probe

    def tick(self, now: float) -> bool:
        """Probe a silent peer; False when it stayed silent for a whole `probe` after that and must be given up."""
        if now < self.deadline():
            return True
        if self._echo_sent is not None:
            return False
        self._echo_sent = now
        self._send({"method": "echo", "params": [], "id": "probe"})
        return True

    def _send(self, message: dict[str, Any]) -> None:
        self._outgoing.append(_encode(message))

    def _interpret(self, message: bytes) -> Event | None:
        try:
            body = _decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.ProtocolViolation(f"a message is not JSON: {error}") from error
        match body:
            case {"method": "echo", "params": params, "id": request_id}:
                self._send({"result": params, "error": None, "id": request_id})
                return None
            case {"method": str(method), "params": list(params)}:
                return Notice(method, params)
            case {"id": int(request_id), **answer} if request_id in self._waiting:
                self._waiting.remove(request_id)
                return Reply(request_id, answer.get("result"), answer.get("error"))
            case {"id": "probe"}:
                return None
        raise errors.ProtocolViolation(f"a message is neither a call nor an awaited answer: {message[:80]!r}")
