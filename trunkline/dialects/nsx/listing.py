"""Collections in pages.

A cursor is the sort key and path of the last object shown: pages stay right while objects come and go between them.  It is
absent on the last page, because clients loop as long as there is one.  `result_count` is on every page, because some
dereference it unasked.
"""

from __future__ import annotations

import base64
import binascii
import operator
from collections.abc import Callable, Iterable, Mapping

import msgspec

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body, Entry

PAGE = 1000
"""Default and largest page (NSX API guide)."""

_KEEP = ("id", "path", "resource_type", "_revision")


Key = Callable[[Entry], tuple[str, str]]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """How a list is wanted."""

    cursor: str = ""
    page_size: int = PAGE
    sort_by: str = "display_name"
    ascending: bool = True
    fields: tuple[str, ...] = ()


def query(parameters: Mapping[str, str], where: str) -> Query:
    """Read the list parameters of a request; unknown ones are ignored.

    Raises:
        Refused: the page size is no number within 0 to 1000 (0 means the default), or a switch is neither true nor false.
    """
    size = parameters.get("page_size", str(PAGE))
    if not is_number(size) or not 0 <= int(size) <= PAGE:
        raise errors.wrong(where, "page_size", size, f"0 to {PAGE}")
    for name in ("sort_ascending", "include_mark_for_delete_objects"):
        if (switch := parameters.get(name, "true")).lower() not in ("true", "false"):
            raise errors.wrong(where, name, switch, "true or false is wanted")
    return Query(
        cursor=parameters.get("cursor", ""),
        page_size=int(size) or PAGE,
        sort_by=parameters.get("sort_by") or "display_name",
        ascending=parameters.get("sort_ascending", "true").lower() != "false",
        fields=tuple(name for name in parameters.get("included_fields", "").split(",") if name),
    )


def is_number(text: str) -> bool:
    """Whether a text is a number that cursors and sizes may be."""
    return text.isascii() and text.isdecimal() and len(text) < 16


def page(entries: Iterable[Entry], wanted: Query, where: str) -> tuple[list[Entry], Body]:
    """One page of entries, and the envelope around it (`results` is left to the caller).

    Raises:
        Refused: the cursor is none of ours.
    """
    key = sort_key(wanted.sort_by)
    ordered = sorted(entries, key=key, reverse=not wanted.ascending)
    start = _start(ordered, key, wanted, where) if wanted.cursor else 0
    shown = ordered[start : start + wanted.page_size]
    envelope: Body = {"result_count": len(ordered), "sort_by": wanted.sort_by, "sort_ascending": wanted.ascending}
    if start + wanted.page_size < len(ordered):
        envelope["cursor"] = _cursor(key(shown[-1]))
    return shown, envelope


def sort_key(field: str) -> Key:
    """What entries are sorted by: the text of a field and the path; numbers sort as numbers, absent fields first."""
    if field == "display_name":
        return operator.attrgetter("order")

    def key(entry: Entry) -> tuple[str, str]:
        value = entry.body.get(field, "")
        return (f"{value:020d}" if isinstance(value, int) else str(value)), entry.path

    return key


def included(body: Body, fields: tuple[str, ...]) -> Body:
    """The object with only the wanted fields and those that identify it; all of it when none are named."""
    if not fields:
        return body
    return {name: value for name, value in body.items() if name in fields or name in _KEEP}


def _start(ordered: list[Entry], key: Key, wanted: Query, where: str) -> int:
    last = _decode(wanted.cursor, where)
    for index, entry in enumerate(ordered):
        if (key(entry) > last) if wanted.ascending else (key(entry) < last):
            return index
    return len(ordered)


def _cursor(last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def _decode(cursor: str, where: str) -> tuple[str, str]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=tuple[str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise errors.wrong(where, "cursor", cursor, "a cursor of an earlier page is wanted") from error
