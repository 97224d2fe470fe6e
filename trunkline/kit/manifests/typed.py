"""A document as a typed struct, with every mistake reported at its own line and column.

msgspec stops at the first mistake.  So structs, lists and mappings are walked here, field by field, and msgspec converts
only the leaves: two wrong fields are two problems.  When the walk is clean the whole value is converted once more, which
also runs the structs' own `__post_init__`.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from trunkline.kit import problems
from trunkline.kit.addresses import dec_hook
from trunkline.kit.manifests.document import Document, Path, dotted
from trunkline.kit.problems import IntentError, Problem

UNKNOWN_FIELD = problems.register("TRK-0015", "A document has a field that is not known.")
MISSING_FIELD = problems.register("TRK-0016", "A document lacks a required field.")
WRONG_VALUE = problems.register("TRK-0017", "A document has a value of the wrong type or outside its bounds.")

T = TypeVar("T")
_Finding = tuple[str, Path, str, str, str]  # code, path, found, allowed, hint
_EXPECTED = re.compile(r"^Expected (?P<allowed>.*?)(?:, got (?P<found>.*))?$", re.S)
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_KINDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


def convert(document: Document, kind: type[T]) -> T:
    """The document's value as a `kind`.

    Unknown fields are mistakes where the struct says `forbid_unknown_fields`.

    Raises:
        IntentError: with one problem for every unknown, missing or wrong field.
    """
    found = [_problem(document, *finding) for finding in _check(document.value, kind, ())]
    if found:
        raise IntentError(problems=found)
    return msgspec.convert(document.value, kind, dec_hook=dec_hook)


def _check(value: Any, kind: Any, path: Path) -> Iterator[_Finding]:
    kind = _wanted(kind, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if _is_struct(kind) and isinstance(value, dict):
        before = _Seen()
        yield from before.through(_check_struct(value, kind, path))
        if before.clean:
            yield from _check_leaf(value, kind, path)
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _check(item, arguments[1], (*path, key))
    elif isinstance(value, list) and (origin is list or (origin is tuple and arguments[1:] == (...,))):
        for index, item in enumerate(value):
            yield from _check(item, arguments[0], (*path, index))
    else:
        yield from _check_leaf(value, kind, path)


class _Seen:
    """Whether anything was found inside a struct: only a struct of sound fields is worth its own `__post_init__`."""

    clean = True

    def through(self, findings: Iterator[_Finding]) -> Iterator[_Finding]:
        for finding in findings:
            self.clean = False
            yield finding


def _wanted(kind: Any, value: Any) -> Any:
    """The one alternative of an optional type, unless the value is null."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType) and value is not None:
        alternatives = [each for each in typing.get_args(kind) if each is not type(None)]
        if len(alternatives) == 1:
            return alternatives[0]
    return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.tag is None


def _check_struct(value: dict[str, Any], kind: Any, path: Path) -> Iterator[_Finding]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, item in value.items():
        if key in fields:
            yield from _check(item, fields[key].type, (*path, key))
        elif kind.__struct_config__.forbid_unknown_fields:
            known = "known are " + ", ".join(sorted(fields))
            hint = problems.did_you_mean(key, [name for name in fields if name not in value])
            yield UNKNOWN_FIELD, (*path, key), f"the unknown field {key!r}", known, hint
    for name, field in fields.items():
        if field.required and name not in value:
            yield MISSING_FIELD, (*path, name), "nothing", "this field is required", ""


def _check_leaf(value: Any, kind: Any, path: Path) -> Iterator[_Finding]:
    try:
        msgspec.convert(value, kind, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        yield _refused(str(error), value, path)


def _refused(text: str, value: Any, path: Path) -> _Finding:
    """msgspec's sentence ("Expected `int`, got `str` - at `$.a[0]`") as a finding, with the value itself."""
    if at := _AT.search(text):
        text = text[: at.start()]
        for step in re.findall(r"[^.\[\]]+", at["path"]):
            value, path = _down(value, path, step)
    expected = _EXPECTED.match(text)
    allowed = f"expected {expected['allowed']}" if expected else text[:1].lower() + text[1:]
    return WRONG_VALUE, path, _shown(value), allowed.replace("`", ""), ""


def _down(value: Any, path: Path, step: str) -> tuple[Any, Path]:
    """One step along msgspec's path; it writes "..." for a mapping's value without saying which."""
    if isinstance(value, list):
        return value[int(step)], (*path, int(step))
    if isinstance(value, dict) and step in value:
        return value[step], (*path, step)
    return value, path


def _shown(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, dict | list):
        return _KINDS[type(value)]
    return f"{_KINDS.get(type(value), 'the value')} {value!r}"


def _problem(document: Document, code: str, path: Path, found: str, allowed: str, hint: str) -> Problem:
    place = str(document.place(path))
    return Problem(code=code, object=place, field=dotted(path), found=found, allowed=allowed, hint=hint)
