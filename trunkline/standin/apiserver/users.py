"""Who is asking, and whether they may.

Identity comes from the client certificate alone: common name = user, organisations = groups.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.standin.apiserver import statuses

MASTERS = "system:masters"
NODES = "system:nodes"
AGENTS = "trunkline:agents"
"""Nodes' Trunkline agents."""


class User(msgspec.Struct, frozen=True):
    """An authenticated user."""

    name: str
    groups: tuple[str, ...] = ()


CLUSTER = User("system:apiserver", (MASTERS,))
"""The server itself, when it cleans up."""


def from_certificate(certificate: dict[str, Any] | None) -> User | None:
    """The user of a verified peer certificate, as `ssl.SSLSocket.getpeercert` shapes it; None without one."""
    subject = [pair for names in (certificate or {}).get("subject", ()) for pair in names]
    name = next((value for key, value in subject if key == "commonName"), None)
    if not name:
        return None
    return User(name, tuple(value for key, value in subject if key == "organizationName"))


_Kind = tuple[str, str]
"""Group and plural."""

_READS = frozenset({"get", "list", "watch"})


class _Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the members of a group may do; `reads` None: read everything."""

    reads: frozenset[_Kind] | None = None
    writes: dict[_Kind, frozenset[str]] = {}
    statuses: frozenset[_Kind] = frozenset()

    def allow(self, verb: str, kind: _Kind, subresource: str) -> bool:
        """Whether the request is among them."""
        if verb in _READS and (self.reads is None or (kind in self.reads and not subresource)):
            return True
        if subresource:
            return subresource == "status" and kind in self.statuses
        return verb in self.writes.get(kind, ())


_WRITES = frozenset({"create", "update", "patch"})

_LIMITED = {
    NODES: _Rights(
        writes={
            ("", "nodes"): _WRITES,
            ("", "pods"): frozenset({"delete"}),
            ("", "events"): _WRITES,
            ("events.k8s.io", "events"): _WRITES,
            ("coordination.k8s.io", "leases"): _WRITES | {"delete"},
        },
        statuses=frozenset({("", "nodes"), ("", "pods")}),
    ),
    AGENTS: _Rights(reads=frozenset({("", "nodes"), ("", "pods")})),
}
"""Groups whose members may do this and nothing else."""


def authorize(user: User, verb: str, group: str, plural: str, *, subresource: str = "", name: str = "") -> None:
    """Let the request pass or refuse it.

    Every authenticated user may do everything, except members of the limited groups, who may do what one of these may.
    Raises:
        StatusError: 403, worded as role-based access control words it.
    """
    rights = [rights for limited, rights in _LIMITED.items() if limited in user.groups]
    if not rights or MASTERS in user.groups:
        return
    if any(each.allow(verb, (group, plural), subresource) for each in rights):
        return
    about = f"{plural}/{subresource}" if subresource else plural
    why = f'User "{user.name}" cannot {verb} resource "{about}" in API group "{group}"'
    raise statuses.forbidden(plural, group, name, why)
