"""The hooks through which a kind's meaning enters the generic create and update path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from trunkline.standin.apiserver import causes, names
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.objects import Json


def _nothing(*_: Json) -> None:
    return None


def _no_causes(*_: Json) -> Iterable[Cause]:
    return ()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One kind's hooks.

    `default` fills what the client left out (on every write), `begin` sets up a new object, `carry` brings server-owned
    values from the old object to the new one; all three write in place.  `check` and `check_change` only answer causes.
    """

    name: names.NameRule = names.SUBDOMAIN
    default: Callable[[Json], None] = _nothing
    begin: Callable[[Json], None] = _nothing
    carry: Callable[[Json, Json], None] = _nothing
    check: Callable[[Json], Iterable[Cause]] = _no_causes
    check_change: Callable[[Json, Json], Iterable[Cause]] = _no_causes


ANYTHING = Rules()
"""Kinds that are stored as they come."""


def immutable(new: Any, old: Any, field: str) -> Iterable[Cause]:
    """The cause that refuses a change of `field`, if it changed."""
    return () if new == old else (causes.invalid(field, new, "field is immutable"),)


def within(value: Any, low: int, high: int, field: str) -> Iterable[Cause]:
    """The cause that refuses a number outside `low` to `high`."""
    if value is None or low <= value <= high:
        return ()
    return (causes.invalid(field, value, f"must be between {low} and {high}, inclusive"),)


def port_number(value: Any, field: str) -> Iterable[Cause]:
    """The cause that refuses what is no TCP, UDP or SCTP port number."""
    return within(value, 1, 65535, field) if isinstance(value, int) else ()


def not_negative(value: Any, field: str) -> Iterable[Cause]:
    """The cause that refuses a number below zero."""
    if value is None or value >= 0:
        return ()
    return (causes.invalid(field, value, "must be greater than or equal to 0"),)


def one_of(value: Any, allowed: Iterable[str], field: str) -> Iterable[Cause]:
    """The cause that refuses a word that is not in `allowed`; an absent value passes."""
    choices = tuple(allowed)
    return () if value in (None, *choices) else (causes.unsupported(field, value, choices),)
