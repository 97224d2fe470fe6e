"""Cut a JSON-RPC byte stream into messages.

OVSDB servers send JSON objects one after the other without a separator, so a message ends where its braces balance.
The cost is linear in the bytes received and mostly paid in C: a chunk in which no message ends (all but the last of a
large snapshot) is reduced to its braces with `bytes.replace` and `bytes.translate`; only a chunk in which one ends is
walked token by token.

Invariant: how the stream is cut into chunks never changes which messages come out.
"""

from __future__ import annotations

import re
from itertools import accumulate

from trunkline.adapters.ovsdb import errors

_TOKEN = re.compile(rb'\\.|["{}]', re.DOTALL)
_IRRELEVANT = bytes(set(range(256)) - set(b'"{}'))
_STEP = {ord("{"): 1, ord("}"): -1}


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
        chunk = self._carry + data
        # A lone backslash at the end escapes a byte that has not arrived: keep the pair together.
        odd = (len(chunk) - len(chunk.rstrip(b"\\"))) % 2
        chunk, self._carry = (chunk[:-1], b"\\") if odd else (chunk, b"")
        if self._skim(chunk):
            self._parts.append(chunk)
            self.pending += len(chunk)
            return []
        return self._walk(chunk)

    def _skim(self, chunk: bytes) -> bool:
        """Account for a chunk in which no message ends; False, with nothing changed, if one does."""
        plain = chunk.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in chunk else chunk
        # Neighbouring quotes leave and re-enter the same side, so dropping the pair changes nothing that follows.
        segments = plain.translate(None, _IRRELEVANT).replace(b'""', b"").split(b'"')
        outside = b"".join(segments[1 if self._in_string else 0 :: 2])
        depths = list(accumulate(map(_STEP.__getitem__, outside), initial=self._depth))[1:]
        if depths and min(depths) <= 0:
            return False
        self._depth = depths[-1] if depths else self._depth
        self._in_string ^= len(segments) % 2 == 0
        return True

    def _walk(self, chunk: bytes) -> list[bytes]:
        """Account for a chunk token by token, and cut the messages that end in it."""
        messages = []
        start = 0
        for match in _TOKEN.finditer(chunk):
            token = match.group()
            if token == b'"':
                self._in_string = not self._in_string
            elif not self._in_string and len(token) == 1:
                self._depth += _STEP[token[0]]
                if self._depth < 0:
                    raise errors.ProtocolViolation("a closing brace without an opening one")
                if self._depth == 0:
                    messages.append(b"".join([*self._parts, chunk[start : match.end()]]))
                    self._parts, start, self.pending = [], match.end(), 0
        self._parts.append(chunk[start:])
        self.pending += len(chunk) - start
        return messages
