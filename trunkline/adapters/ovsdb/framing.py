"""Cut a JSON-RPC byte stream into messages.

OVSDB servers send JSON objects one after the other without a separator, so a message ends where its braces balance.
Strings may hold braces too, hence the care with quotes.  The cost is linear in the bytes received and mostly paid in C: a
chunk in which messages end is walked brace by brace; one in the middle of a large snapshot is only counted.

Invariant: how the stream is cut into chunks never changes which messages come out.
"""

from __future__ import annotations

import re
from itertools import accumulate

from trunkline.adapters.ovsdb import errors

_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'  # the rest of a string after its opening quote
_END_OF_STRING = re.compile(_STRING, re.DOTALL)
_TO_BRACE = re.compile(rb'[^"{}]*+(?:"' + _STRING + rb'[^"{}]*+)*+[{}]', re.DOTALL)
_OPEN, _CLOSE = b"{}"
_IRRELEVANT = bytes(set(range(256)) - set(b'"{}'))
_STEP = {_OPEN: 1, _CLOSE: -1}
_LARGE = 4096  # bytes; chosen: shorter chunks are walked about as fast as they are counted


class Framer:
    """Bytes in, complete messages out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._depth = 0
        self._in_string = False
        self._carry = b""
        self.pending = 0
        """Bytes held that do not yet form a message."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream and answer the messages that they complete, in order.

        Raises:
            ProtocolViolation: a closing brace without an opening one.
        """
        chunk, self._carry = _whole_escapes(self._carry + data)
        if len(chunk) >= _LARGE and self._count(chunk):
            messages: list[bytes] = []
            rest = chunk
        else:
            messages, rest = self._walk(chunk)
        self.pending = len(rest) + (0 if messages else self.pending)
        self._parts.append(rest)
        return messages

    def _count(self, chunk: bytes) -> bool:
        """Account for a chunk in which no message ends; False, with nothing changed, if one does."""
        # Neighbouring quotes leave and re-enter the same side, so dropping the pair changes nothing that follows.
        segments = _without_escapes(chunk).translate(None, _IRRELEVANT).replace(b'""', b"").split(b'"')
        outside = b"".join(segments[1 if self._in_string else 0 :: 2])
        depths = list(accumulate(map(_STEP.__getitem__, outside), initial=self._depth))
        if outside and min(depths[1:]) <= 0:
            return False
        self._depth = depths[-1]
        self._in_string ^= len(segments) % 2 == 0
        return True

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
                messages.append(b"".join([*self._parts, chunk[start:position]]))
                self._parts, start = [], position
        self._in_string = _without_escapes(chunk[position:]).count(b'"') % 2 == 1
        return messages, chunk[start:]


def _whole_escapes(data: bytes) -> tuple[bytes, bytes]:
    """Split off a lone backslash at the end: the byte that it escapes has not arrived."""
    if data.endswith(b"\\") and (len(data) - len(data.rstrip(b"\\"))) % 2:
        return data[:-1], b"\\"
    return data, b""


def _without_escapes(text: bytes) -> bytes:
    """Text whose remaining quotes all begin or end a string."""
    return text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
