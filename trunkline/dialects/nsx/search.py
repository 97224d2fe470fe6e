"""The search language as its known clients use it.

    resource_type:Tier0 AND display_name:my gateway* AND path:\\/infra* AND (id:a OR id:b)

AND and OR are words in capitals; everything else up to the next one is one clause, blanks included, because clients neither
quote nor escape them.  The first unescaped colon ends the field, a backslash makes the next character literal, an unescaped
asterisk stands for any text.  Fields reach into objects and arrays by dots; text is compared without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from trunkline.dialects.nsx import errors, inside
from trunkline.dialects.nsx.view import Body

Predicate = Callable[[Body], bool]

_TOKEN = re.compile(
    r"\s+(?P<word>AND|OR)\s+|(?P<open>\()|(?P<close>\))|(?P<text>(?:\\.|[^\\()])+?)(?=\s+(?:AND|OR)\s|[()]|$)", re.S
)


class Search:
    """A parsed query.

    `kind` is the resource type that every hit must have, "" when the query does not say: it lets the caller skip the rest.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), ("end", "")]
        self._at = 0
        self.matches: Predicate = self._any() if text.strip() else _everything
        if self._peek() != "end":
            raise self._wrong("unbalanced parenthesis")
        self.kind = _kind(self._tokens)

    def _any(self) -> Predicate:
        parts = [self._all()]
        while self._peek() == "OR":
            self._next()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda body: any(part(body) for part in parts)

    def _all(self) -> Predicate:
        parts = [self._clause()]
        while self._peek() == "AND":
            self._next()
            parts.append(self._clause())
        return parts[0] if len(parts) == 1 else lambda body: all(part(body) for part in parts)

    def _clause(self) -> Predicate:
        kind, text = self._next()
        if kind == "open":
            inner = self._any()
            if self._next()[0] != "close":
                raise self._wrong("unbalanced parenthesis")
            return inner
        if kind != "text":
            raise self._wrong(f"a clause is missing before {text or 'the end'!r}")
        field, colon, value = _split(text.strip())
        if not colon:
            raise self._wrong(f"{text.strip()!r} is no field:value")
        if value or self._peek() != "open":
            return _compare(field, value)
        return self._grouped(field)

    def _grouped(self, field: str) -> Predicate:
        """`field:(a OR b)`"""
        self._next()
        values, words = [], set()
        while (item := self._next())[0] != "close":
            if item[0] == "text":
                values.append(_compare(field, item[1].strip()))
            elif item[0] in ("AND", "OR"):
                words.add(item[0])
            else:
                raise self._wrong("unbalanced parenthesis")
        if len(words) > 1:
            raise self._wrong("AND and OR in one group of values")
        every = all if words == {"AND"} else any
        return lambda body: every(value(body) for value in values)

    def _peek(self) -> str:
        return self._tokens[self._at][0]

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _wrong(self, why: str) -> errors.Refused:
        return errors.wrong("search", "query", self._text, why)


def _everything(body: Body) -> bool:
    return True


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        at = match.end()
        if match["word"]:
            yield match["word"], match["word"]
        elif match["open"] or match["close"]:
            yield ("open" if match["open"] else "close"), match[0]
        elif match["text"].strip():
            yield "text", match["text"]


def _split(clause: str) -> tuple[str, str, str]:
    match = re.match(r"((?:\\.|[^\\:])+)(:)(.*)", clause, re.S)
    return (match[1].strip(), match[2], match[3].strip()) if match else (clause, "", "")


def _compare(field: str, value: str) -> Predicate:
    pattern = re.compile(_expression(value), re.I | re.S)
    steps = field.split(".")
    return lambda body: any(pattern.fullmatch(found) for found in _texts(body, steps))


def _expression(value: str) -> str:
    pieces = re.findall(r"\\.|\*|[^\\*]+|\\$", value.removeprefix('"').removesuffix('"'), re.S)
    return "".join(".*" if piece == "*" else re.escape(piece[-1] if piece[0] == "\\" else piece) for piece in pieces)


def _texts(body: Any, steps: list[str]) -> Iterator[str]:
    for value in inside.values(body, steps):
        if isinstance(value, bool):
            yield str(value).lower()
        elif value is not None and not isinstance(value, dict):
            yield str(value)


def _kind(tokens: list[tuple[str, str]]) -> str:
    if any(token in ("OR", "open") for token, _ in tokens[:2]) or ("OR", "OR") in tokens:
        return ""
    for token, text in tokens:
        field, _, value = _split(text.strip())
        if token == "text" and field == "resource_type" and re.fullmatch(r"\w+", value):
            return value
    return ""
