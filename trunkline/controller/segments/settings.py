"""Settings of the table `[policy_api]`: the manager below the node VMs, and what to make there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from trunkline.kit import problems

INVALID = problems.register("TRK-0730", "The settings for the policy API contradict themselves.")

_CLUSTER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SEGMENT = re.compile(r"(?P<root>(?:/orgs/[^/]+/projects/[^/]+)?/infra)(?:/tier-1s/[^/]+)?/segments/[^/]+")
_PROJECT = re.compile(r"(?:/orgs/[^/]+/projects/[^/]+)?")
_WANTED = {
    "basic": ("user", "password_file"),
    "session": ("user", "password_file"),
    "certificate": ("certificate", "key"),
    "bearer": ("token_file",),
}


class PolicyApi(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the policy manager is, how to be let in, and how the cluster's child segments are made."""

    url: str
    """Address of the manager ("https://192.0.2.10:8443"), without a path."""

    ca: str = ""
    """File with the certificate authority to trust (PEM); the system's if empty."""

    auth: Literal["basic", "session", "certificate", "bearer"] = "basic"
    """How to be let in; the fields below that it needs must be set."""

    user: str = ""
    password_file: str = ""
    certificate: str = ""
    key: str = ""
    token_file: str = ""

    cluster: str
    """Name of this cluster: begins the ids of what it makes and stands in their tags.  Two clusters must not share one."""

    parents: tuple[str, ...] = ()
    """Policy paths of the segments that the node VMs are attached to; every child segment is bound to each of them.

    Empty: they are found by the nodes' addresses (`locate`), and follow as nodes come and go.
    """

    project: str = ""
    """The project whose segments they are ("/orgs/default/projects/blue"), where `parents` does not tell; empty: none."""

    backing: Literal["overlay", "vlan"] = "overlay"
    """Child segments are overlay segments, or VLAN segments with the pool's VLAN on the uplinks, too."""

    transport_zone: str = ""
    """Policy path of the transport zone of child segments; empty for the manager's default (overlay only)."""

    tier1: str = ""
    """Policy path of a Tier-1 gateway that takes the pools' gateway addresses (overlay only); empty: the gateway is elsewhere."""

    reobserve_seconds: float = 30.0
    """How often the manager is asked whether everything still stands, for nothing tells us."""

    @property
    def root(self) -> str:
        """The tree that the segments are in: "/infra", or a project's."""
        if not self.parents:
            return f"{self.project}/infra"
        found = _SEGMENT.fullmatch(self.parents[0])
        assert found is not None, "checked() has said so"
        return found["root"]

    def checked(self) -> PolicyApi:
        """Itself.

        Raises:
            IntentError: fields are missing, malformed or contradict each other; all of them are named.
        """
        if found := tuple(_findings(self)):
            raise problems.IntentError(problems=found)
        return self


def _findings(settings: PolicyApi) -> Iterator[problems.Problem]:
    def wrong(field: str, found: str, allowed: str) -> problems.Problem:
        return problems.Problem(
            code=INVALID, object="controller settings", field=f"policy_api.{field}", found=found, allowed=allowed
        )

    if not settings.url.startswith("https://"):
        yield wrong("url", repr(settings.url), "https:// is wanted")
    if not _CLUSTER.fullmatch(settings.cluster):
        yield wrong("cluster", repr(settings.cluster), "1 to 63 letters, digits and - . _ are wanted")
    for field in _WANTED[settings.auth]:
        if not getattr(settings, field):
            yield wrong(field, "nothing", f"auth {settings.auth!r} needs it")
    roots = {found["root"] if (found := _SEGMENT.fullmatch(path)) else "" for path in settings.parents}
    if len(roots) > 1 or "" in roots:
        yield wrong(
            "parents", repr(settings.parents), 'paths of segments of one tree ("/infra/segments/nodes") are wanted'
        )
    if not _PROJECT.fullmatch(settings.project):
        yield wrong("project", repr(settings.project), 'a path of a project ("/orgs/default/projects/blue") is wanted')
    elif settings.project and roots - {"", f"{settings.project}/infra"}:
        yield wrong("project", repr(settings.project), "parents are in another tree")
    if settings.backing == "vlan" and not settings.transport_zone:
        yield wrong("transport_zone", "nothing", "VLAN segments need one")
    if settings.backing == "vlan" and settings.tier1:
        yield wrong("tier1", repr(settings.tier1), "VLAN segments have no gateway")
    if settings.reobserve_seconds < 1:
        yield wrong("reobserve_seconds", str(settings.reobserve_seconds), "at least 1")
