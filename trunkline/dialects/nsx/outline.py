"""The tree below an `infra` as one hierarchical body, which may be sent back as it is.

Objects of other types than the wanted ones appear only where they lead to wanted ones, as references that change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from trunkline.dialects.nsx import catalogue, errors
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Body, Entry

Wanted = Callable[[str], bool]

_PART = re.compile(r"(?:\w|\.\*)+")


def by_filter(text: str) -> Wanted:
    """Types that a `filter` names: `Type-Segment|Tier.*`.

    Only alternatives and `.*` are understood: an expression of a client's must not be able to keep the manager busy.

    Raises:
        Refused: it is something else.
    """
    pattern = re.sub(r"^\^?\(?|\)?\$?$", "", text.removeprefix("Type-"))
    parts = pattern.split("|") if pattern else [".*"]
    if not text.startswith("Type-") or not all(_PART.fullmatch(part) for part in parts):
        raise errors.wrong(
            "/infra", "filter", text, "Type-, then names of types with | between them and .* for any text"
        )
    compiled = [re.compile(part) for part in dict.fromkeys(re.sub(r"(\.\*)+", ".*", part) for part in parts)]
    return lambda kind: any(each.fullmatch(kind) for each in compiled)


def by_names(text: str) -> Wanted:
    """Types that a `type_filter` lists: `Segment;Tier1`."""
    names = frozenset(text.split(";"))
    return lambda kind: kind in names


def body(tree: Tree, root: Entry, wanted: Wanted, base: str, show: Callable[[Entry], Any]) -> Body:
    """The object at `root` with everything wanted at and below the path `base`, as `show` shows each object."""
    children = [*_children(tree, root, wanted, base, show)]
    return {**root.body, "children": children}


def _children(tree: Tree, above: Entry, wanted: Wanted, base: str, show: Callable[[Entry], Any]) -> Iterator[Body]:
    for resource in catalogue.children(above.kind).values():
        for entry in sorted(tree.entries(f"{above.path}/{resource.collection}"), key=lambda each: each.path):
            if _related(entry.path, base) and (wrapper := _wrapped(tree, resource, entry, wanted, base, show)):
                yield wrapper


def _wrapped(
    tree: Tree, resource: Resource, entry: Entry, wanted: Wanted, base: str, show: Callable[[Entry], Any]
) -> Body | None:
    inner = [*_children(tree, entry, wanted, base, show)] if catalogue.children(entry.kind) else []
    identifier = entry.path.rpartition("/")[2]
    if wanted(entry.kind) and f"{entry.path}/".startswith(f"{base}/"):
        shown = {**entry.body, "children": inner} if inner else show(entry)
        return {"resource_type": f"Child{resource.type}", "id": identifier, resource.type: shown}
    if not inner:
        return None
    reference = {"resource_type": "ChildResourceReference", "id": identifier, "target_type": resource.type}
    return {**reference, "children": inner}


def _related(path: str, base: str) -> bool:
    """Whether one path leads to the other."""
    return f"{path}/".startswith(f"{base}/") or f"{base}/".startswith(f"{path}/")
