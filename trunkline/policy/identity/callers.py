"""Callers and their roles.

Roles have NSX's names; `admin` and `operator` are accepted as shorter ones.  A grant holds below a policy path: a caller of
one project sees and changes nothing outside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from trunkline.dialects.nsx import errors

Deed = Literal["read", "act", "write", "administer", "serve"]
"""`act` is what operators may do besides reading: start a trace, refresh a state.  `serve` is what hypervisors do."""

Proof = Literal["password", "session", "certificate", "token"]

_ALIASES = {"admin": "enterprise_admin", "operator": "network_op"}
_DEEDS: dict[str, frozenset[Deed]] = {
    "enterprise_admin": frozenset({"read", "act", "write", "administer"}),
    "network_engineer": frozenset({"read", "act", "write"}),
    "project_admin": frozenset({"read", "act", "write"}),
    "network_op": frozenset({"read", "act"}),
    "auditor": frozenset({"read"}),
    "hypervisor": frozenset({"serve"}),
}
ROLES = tuple(_DEEDS)


class Grant(msgspec.Struct, frozen=True):
    """A role below a policy path; "/" is everything, platform calls included."""

    role: str
    path: str = "/"

    def covers(self, path: str) -> bool:
        """Whether the grant's path is the given one or above it."""
        return self.path == "/" or path == self.path or path.startswith(f"{self.path}/")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has proven who they are, and how; `protects`: what they make may only be changed by them."""

    name: str
    grants: tuple[Grant, ...]
    protects: bool = False
    address: str = ""
    proof: Proof = "password"

    def may(self, deed: Deed, path: str = "/") -> bool:
        """Whether a deed is allowed at a policy path ("/" for platform calls)."""
        return any(grant.covers(path) and deed in _DEEDS[grant.role] for grant in self.grants)

    def must(self, deed: Deed, path: str = "/") -> None:
        """Raises Refused (403) unless the deed is allowed."""
        if not self.may(deed, path):
            raise errors.forbidden(self.name, f"{deed} {path}")

    def must_see(self, path: str) -> None:
        """Raises Refused (403) unless the path may be read, or leads to something that may."""
        if not any(grant.path.startswith(f"{path}/") for grant in self.grants):
            self.must("read", path)

    @property
    def role(self) -> str:
        """The first role, for messages."""
        return self.grants[0].role if self.grants else "none"


def is_role(name: str) -> bool:
    """Whether there is a role of that name, or shorter name."""
    return _ALIASES.get(name, name) in _DEEDS


def role(name: str, where: str) -> str:
    """The role's NSX name.

    Raises:
        Refused: there is no such role.
    """
    name = _ALIASES.get(name, name)
    if name not in _DEEDS:
        raise errors.wrong(where, "role", name, f"one of {', '.join(ROLES)}")
    return name


def grants(roles: Iterable[str], where: str) -> tuple[Grant, ...]:
    """Grants of roles everywhere."""
    return tuple(Grant(role(name, where)) for name in roles)
