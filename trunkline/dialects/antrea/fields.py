"""Reading fields of an object that a person wrote, gathering every mistake with its path.

Each reader answers None when there is no usable value, after noting why; the caller goes on with the rest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.problems import Problem

WRONG_TYPE = problems.register("TRK-0310", "A field has the wrong type or is missing.")
UNKNOWN_FIELD = problems.register("TRK-0311", "A field is not known.")
OUT_OF_BOUNDS = problems.register("TRK-0312", "A number is outside its bounds.")
BAD_ADDRESS = problems.register("TRK-0313", "A text is not an address or prefix.")

Raw = Mapping[str, Any]


class Findings:
    """What was found wrong (`problems`) and odd (`warnings`) in one object."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def wrong(self, code: str, field: str, found: str, allowed: str = "", hint: str = "") -> None:
        """Note a mistake."""
        self.problems.append(self._problem(code, field, found, allowed, hint))

    def odd(self, code: str, field: str, found: str, allowed: str = "", hint: str = "") -> None:
        """Note something that works, but perhaps not as intended."""
        self.warnings.append(self._problem(code, field, found, allowed, hint))

    def _problem(self, code: str, field: str, found: str, allowed: str, hint: str) -> Problem:
        return Problem(code=code, object=self.subject, field=field, found=found, allowed=allowed, hint=hint)


def mapping(raw: Any, field: str, findings: Findings) -> Raw | None:
    """The value as a mapping."""
    if isinstance(raw, Mapping):
        return raw
    findings.wrong(WRONG_TYPE, field, shown(raw), "a mapping is wanted")
    return None


def known(raw: Raw, field: str, names: Collection[str], findings: Findings, elsewhere: Mapping[str, str]) -> None:
    """Note every key that is not one of `names`; `elsewhere` says where well-known strays belong."""
    for key in raw:
        if key not in names:
            hint = elsewhere.get(key) or problems.did_you_mean(key, names)
            allowed = "known are " + ", ".join(sorted(names))
            findings.wrong(UNKNOWN_FIELD, f"{field}.{key}", f"the unknown field {key!r}", allowed, hint)


def integer(raw: Raw, field: str, name: str, bounds: tuple[int, int], findings: Findings) -> int | None:
    """The integer under `name`, which must be there and within `bounds` (both inclusive)."""
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        findings.wrong(WRONG_TYPE, f"{field}.{name}", shown(value), f"an integer {bounds[0]}-{bounds[1]} is wanted")
    elif not bounds[0] <= value <= bounds[1]:
        findings.wrong(
            OUT_OF_BOUNDS, f"{field}.{name}", f"invalid {name} {value}", f"{bounds[0]}-{bounds[1]} is allowed"
        )
    else:
        return value
    return None


def address(raw: Raw, field: str, name: str, what: str, findings: Findings) -> IPAddress | None:
    """The address under `name`, which must be there; `what` names it in the message."""
    value = raw.get(name)
    try:
        if isinstance(value, str):
            return ipaddress.ip_address(value)
    except ValueError:
        findings.wrong(BAD_ADDRESS, f"{field}.{name}", f"invalid {what} {value!r}", "an IP address is wanted")
        return None
    findings.wrong(WRONG_TYPE, f"{field}.{name}", shown(value), "an IP address in quotes is wanted")
    return None


def network(raw: Raw, field: str, name: str, findings: Findings) -> IPNetwork | None:
    """The prefix under `name`, host bits dropped."""
    value = raw.get(name)
    try:
        if isinstance(value, str) and "/" in value:
            return ipaddress.ip_network(value, strict=False)
    except ValueError:
        pass
    found = f"invalid cidr {value!r}" if isinstance(value, str) else shown(value)
    findings.wrong(BAD_ADDRESS, f"{field}.{name}", found, "a prefix such as 172.16.19.0/24 is wanted")
    return None


def shown(value: Any) -> str:
    """A value as messages show it."""
    kinds = {type(None): "nothing", dict: "a mapping", list: "a list"}
    return kinds.get(type(value)) or f"{value!r}"
