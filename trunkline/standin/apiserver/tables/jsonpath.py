"""The JSONPath subset of printer columns, scale paths and selectable fields.

Field steps (`.a`, `['a.b']`), list steps (`[0]`, `[*]`) and equality filters (`[?(@.type=="Ready")]`), which is what the
CustomResourceDefinition documentation allows and what definitions use.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Step = Callable[[Any], Iterable[Any]]

_TOKEN = re.compile(
    r"""
      \.?\[\?\(\s*@(?P<filter>[^=!]+?)\s*(?P<op>==|!=)\s*(?P<literal>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\]
    | \.?\[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]
    | \.?\[(?P<index>-?\d+|\*)\]
    | \.(?P<field>(?:\\.|[^.\[\]\\])+)
    """,
    re.VERBOSE,
)


class PathError(ValueError):
    """The text is no path of this subset."""


@functools.lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of `path` (".status.conditions[0].type"; braces and a leading `$` are tolerated).

    Raises:
        PathError: naming the part that cannot be read.
    """
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps: list[Step] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise PathError(f"cannot read {text[position:]!r} in {path!r}")
        steps.append(_step(found))
        position = found.end()
    return tuple(steps)


def find(obj: Any, path: str) -> list[Any]:
    """Every value at `path`, in document order; nulls are left out."""
    values = [obj]
    for step in parse(path):
        values = [found for value in values for found in step(value)]
    return [value for value in values if value is not None]


def first(obj: Any, path: str) -> Any:
    """The first value at `path`, or None."""
    return next(iter(find(obj, path)), None)


def _step(found: re.Match[str]) -> Step:
    if found["filter"] is not None:
        return _filter(found["filter"], found["op"] == "==", _literal(found["literal"]))
    if found["index"] is not None:
        return functools.partial(_elements, found["index"])
    name = found["quoted"] if found["quoted"] is not None else re.sub(r"\\(.)", r"\1", found["field"])
    return functools.partial(_member, name)


def _member(name: str, value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and name in value:
        yield value[name]
    elif isinstance(value, dict) and name == "*":
        yield from value.values()


def _elements(index: str, value: Any) -> Iterator[Any]:
    if index == "*":
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    elif isinstance(value, list) and -len(value) <= int(index) < len(value):
        yield value[int(index)]


def _filter(path: str, equal: bool, literal: Any) -> Step:
    parse(path)

    def step(value: Any) -> Iterator[Any]:
        for item in value if isinstance(value, list) else ():
            if (first(item, path) == literal) is equal:
                yield item

    return step


def _literal(text: str) -> Any:
    if text[0] in "\"'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text
