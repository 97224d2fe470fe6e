"""Collections in pages.

A cursor is the sort key and path of the last object shown: pages stay right while objects come and go between them.  It is
absent on the last page, because clients loop as long as there is one.  `result_count` is on every page, because some
dereference it unasked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

import msgspec

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body, Entry

PAGE = 1000
"""Default and largest page (NSX API guide)."""

_KEEP = ("id", "path", "resource_type", "_revision")


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
        Refused: the page size is no number within 0 to 1000 (0 means the default).
    """
    size = parameters.get("page_size") or str(PAGE)
    if not size.isdecimal() or not 0 <= int(size) <= PAGE:
        raise errors.wrong(where, "page_size", size, f"0 to {PAGE}")
    return Query(
        cursor=parameters.get("cursor", ""),
        page_size=int(size) or PAGE,
        sort_by=parameters.get("sort_by") or "display_name",
        ascending=parameters.get("sort_ascending", "true").lower() != "false",
        fields=tuple(name for name in parameters.get("included_fields", "").split(",") if name),
    )


def page(entries: Iterable[Entry], wanted: Query, where: str) -> tuple[list[Entry], Body]:
    """One page of entries, and the envelope around it (`results` is left to the caller).

    Raises:
        Refused: the cursor is none of ours.
    """
    keyed = sorted(
        ((sort_key(entry, wanted.sort_by), entry.path, entry) for entry in entries), key=lambda item: item[:2]
    )
    if not wanted.ascending:
        keyed.reverse()
    start = _start(keyed, wanted, where) if wanted.cursor else 0
    shown = keyed[start : start + wanted.page_size]
    envelope: Body = {"result_count": len(keyed), "sort_by": wanted.sort_by, "sort_ascending": wanted.ascending}
    if start + wanted.page_size < len(keyed):
        envelope["cursor"] = _cursor(shown[-1][:2])
    return [entry for _, _, entry in shown], envelope


def sort_key(entry: Entry, field: str) -> str:
    """The text that an entry is sorted by; numbers sort as numbers, absent fields first."""
    if field == "display_name":
        return entry.name
    value = entry.body.get(field, "")
    return f"{value:020d}" if isinstance(value, int) else str(value)


def included(body: Body, fields: tuple[str, ...]) -> Body:
    """The object with only the wanted fields and those that identify it; all of it when none are named."""
    if not fields:
        return body
    return {name: value for name, value in body.items() if name in fields or name in _KEEP}


def _start(keyed: list[tuple[str, str, Entry]], wanted: Query, where: str) -> int:
    last = _decode(wanted.cursor, where)
    for index, (key, path, _) in enumerate(keyed):
        if ((key, path) > last) if wanted.ascending else ((key, path) < last):
            return index
    return len(keyed)


def _cursor(last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def _decode(cursor: str, where: str) -> tuple[str, str]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=tuple[str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise errors.wrong(where, "cursor", cursor, "a cursor of an earlier page is wanted") from error
