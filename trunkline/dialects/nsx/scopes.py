"""Projects are walls: which part of the tree a path belongs to, and who may refer to whom."""

from __future__ import annotations

import re

_PROJECT = re.compile(r"/orgs/[^/]+/projects/[^/]+(?=/|$)")


def scope(path: str) -> str:
    """The project that owns what lies at the path ("/orgs/default/projects/blue"), or "" for the provider."""
    match = _PROJECT.match(path)
    return match[0] if match else ""


def may_refer(path: str, to: str, *, shared: bool) -> bool:
    """Whether the object at `path` may name the one at `to`; `shared`: that type is lent to projects by the provider.

    A project object itself lies outside its own walls: it is the provider's description of the project.
    """
    if scope(path) == path or scope(path) == scope(to):
        return True
    return shared and not scope(to)
