"""Settings files are read back as they were meant."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from trunkline.lab import settings


class Inner(msgspec.Struct):
    text: str
    number: int


class Everything(msgspec.Struct):
    text: str
    flag: bool
    seconds: float
    inner: Inner
    many: tuple[Inner, ...]
    labels: dict[str, str]
    nothing: str | None = None


def test_a_settings_struct_survives_toml() -> None:
    inner = Inner('quotes " and \\ and ü and \x7f\n', 3)
    wanted = Everything("a", True, 2.5, inner, (inner, inner), {"trunkline.io/x": "y"})

    read: Any = msgspec.convert(tomllib.loads(settings.toml(wanted)), Everything)

    assert read == wanted
