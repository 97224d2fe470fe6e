"""Objects that come into being with another one: a project's infra, a gateway's NAT sections, a tree's default domain."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.dialects.nsx import catalogue, paths


def below(target: paths.Target) -> Iterator[str]:
    """The paths of what comes into being directly under an object."""
    for resource in catalogue.children(target.resource.type).values():
        at = f"{target.path}/{resource.collection}"
        names = [at] if resource.singleton else [f"{at}/{identifier}" for identifier in resource.born]
        yield from (path for path in names if (found := paths.resolve(path)) and found.kind == "object")
