"""Settings files: TOML text into one frozen struct per program, unknown keys refused with a suggestion."""

from __future__ import annotations

import re
import tomllib
from typing import TypeVar

import msgspec

from trunkline.kit import problems
from trunkline.kit.addresses import dec_hook

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)

UNREADABLE = problems.register("TRK-0001", "A settings file is not valid TOML.")
INVALID = problems.register("TRK-0002", "A settings file does not have the expected shape.")
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<field>[^`]+)`")


def decode(text: str, kind: type[SettingsT], *, name: str) -> SettingsT:
    """Settings of type `kind` from TOML `text`; `name` is the file's name, for the message.

    Raises:
        IntentError: the text is not TOML, or a key is unknown, missing or of the wrong type.
    """
    try:
        return msgspec.convert(tomllib.loads(text), kind, dec_hook=dec_hook)
    except tomllib.TOMLDecodeError as error:
        problem = problems.Problem(code=UNREADABLE, object=name, found=str(error), allowed="TOML is wanted")
    except msgspec.ValidationError as error:
        hint = ""
        if unknown := _UNKNOWN_FIELD.search(str(error)):
            hint = problems.did_you_mean(unknown["field"], [field.name for field in msgspec.structs.fields(kind)])
        problem = problems.Problem(code=INVALID, object=name, found=str(error), hint=hint)
    raise problems.IntentError(problems=[problem])
