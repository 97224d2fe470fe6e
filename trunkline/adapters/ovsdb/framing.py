"""Cut a JSON-RPC byte stream into messages.

OVSDB servers send JSON objects one after the other without a separator, so a message ends where its braces balance.
Strings may hold braces too, hence the care with quotes.  A snapshot of many megabytes is not walked brace by brace: where
a brace closes and another message could begin, or nothing has followed yet, the JSON decoder is asked whether that is the
end, which costs a fraction.  A message about which it was asked too early too often is walked.

Invariants: how the stream is cut into chunks never changes which messages come out; the cost is linear in the bytes.
"""

from __future__ import annotations

import re

import msgspec

from trunkline.adapters.ovsdb import errors

_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'  # the rest of a string after its opening quote
_END_OF_STRING = re.compile(_STRING, re.DOTALL)
_TO_BRACE = re.compile(rb'[^"{}]*+(?:"' + _STRING + rb'[^"{}]*+)*+[{}]', re.DOTALL)
_POSSIBLE_END = re.compile(rb"\}(?=\s*(?:\{|\Z))")
_STEP = dict(zip(b"{}", (1, -1), strict=True))
_LARGE = 4096  # bytes; chosen: what is left of a smaller message is walked about as fast
_QUESTIONS = 8  # about one message; chosen: chance makes one or two in a hundred megabytes
_value = msgspec.json.Decoder(msgspec.Raw)


class Framer:
    """Bytes in, complete messages out."""

    def __init__(self) -> None:
        self._walked: list[bytes] = []  # of the unfinished message
        self._held: list[bytes] = []  # what follows of it, and has not been walked
        self._depth = 0
        self._in_string = False
        self._carry = b""
        self._asked = 0
        self.pending = 0
        """Bytes held that do not yet form a message."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream and answer the messages that they complete, in order.

        Raises:
            ProtocolViolation: a closing brace without an opening one.
        """
        chunk, self._carry = _whole_escapes(self._carry + data)
        skips = self.pending >= _LARGE and self._asked < _QUESTIONS
        return self._skip(chunk) if skips else self._take(chunk)

    def _skip(self, chunk: bytes) -> list[bytes]:
        """Account for a chunk in the middle of a large message: nothing in it matters but its possible ends."""
        for end in _POSSIBLE_END.finditer(chunk):
            if self._asked == _QUESTIONS:
                return self._take(chunk)
            self._asked += 1
            message = b"".join([*self._walked, *self._held, chunk[: end.end()]])
            if _is_whole(message):
                self._walked, self._held, self._asked = [], [], 0
                self._depth, self._in_string, self.pending = 0, False, 0
                return [message, *self._take(chunk[end.end() :])]
        self._held.append(chunk)
        self.pending += len(chunk)
        return []

    def _take(self, chunk: bytes) -> list[bytes]:
        """Account for a chunk, and for all that was held before it."""
        held, self._held = self._held, []
        messages, rest = self._walk(b"".join([*held, chunk]) if held else chunk)
        self._asked = 0 if messages else self._asked
        self._walked.append(rest)
        self.pending = sum(map(len, self._walked))
        return messages

    def _walk(self, chunk: bytes) -> tuple[list[bytes], bytes]:
        """Account for a chunk brace by brace; the messages that end in it, and what is left over."""
        messages: list[bytes] = []
        start = position = 0
        if self._in_string:
            if (end := _END_OF_STRING.match(chunk)) is None:
                return messages, chunk
            position = end.end()
        while (brace := _TO_BRACE.match(chunk, position)) is not None:
            position = brace.end()
            self._depth += _STEP[chunk[position - 1]]
            if self._depth < 0:
                raise errors.ProtocolViolation("a closing brace without an opening one")
            if self._depth == 0:
                messages.append(b"".join([*self._walked, chunk[start:position]]))
                self._walked, start = [], position
        self._in_string = _without_escapes(chunk[position:]).count(b'"') % 2 == 1
        return messages, chunk[start:]


def _is_whole(text: bytes) -> bool:
    try:
        _value.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _whole_escapes(data: bytes) -> tuple[bytes, bytes]:
    """Split off a lone backslash at the end: the byte that it escapes has not arrived."""
    if data.endswith(b"\\") and (len(data) - len(data.rstrip(b"\\"))) % 2:
        return data[:-1], b"\\"
    return data, b""


def _without_escapes(text: bytes) -> bytes:
    """Text whose remaining quotes all begin or end a string."""
    return text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
