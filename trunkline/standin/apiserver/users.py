"""Who is asking, and whether they may.

Identity comes from the client certificate alone: common name = user, organisations = groups.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.standin.apiserver import statuses

MASTERS = "system:masters"
NODES = "system:nodes"


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


_NODE_READS = frozenset({"get", "list", "watch"})
_NODE_WRITES: dict[tuple[str, str], frozenset[str]] = {
    ("", "nodes"): frozenset({"create", "update", "patch"}),
    ("", "pods"): frozenset({"delete"}),
    ("", "events"): frozenset({"create", "update", "patch"}),
    ("events.k8s.io", "events"): frozenset({"create", "update", "patch"}),
    ("coordination.k8s.io", "leases"): frozenset({"create", "update", "patch", "delete"}),
}
"""What a node may write besides the status of nodes and pods."""


def authorize(user: User, verb: str, group: str, plural: str, *, subresource: str = "", name: str = "") -> None:
    """Let the request pass or refuse it.

    Every authenticated user may do everything, except nodes: they read, and write what a kubelet writes.
    Raises:
        StatusError: 403, worded as role-based access control words it.
    """
    if NODES not in user.groups or MASTERS in user.groups:
        return
    if verb in _NODE_READS or (subresource == "status" and (group, plural) in {("", "nodes"), ("", "pods")}):
        return
    if not subresource and verb in _NODE_WRITES.get((group, plural), ()):
        return
    about = f"{plural}/{subresource}" if subresource else plural
    why = f'User "{user.name}" cannot {verb} resource "{about}" in API group "{group}"'
    raise statuses.forbidden(plural, group, name, why)
