"""Settings files for the programs of a lab: a program's own settings struct, written as TOML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from trunkline.kit.addresses import enc_hook


def write(path: Path, settings: msgspec.Struct) -> Path:
    """Write the settings so that the program reads back the same struct; answers the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(toml(settings))
    return path


def toml(settings: msgspec.Struct) -> str:
    """The settings as TOML, one line per key; None is left out, for TOML has no word for it."""
    plain: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=enc_hook)
    return "".join(f"{key} = {_value(value)}\n" for key, value in plain.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_text(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    """A basic string; JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
