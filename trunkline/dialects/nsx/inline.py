"""Objects that clients send inside their parent: the rules of a security policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Resource
from trunkline.dialects.nsx.view import Body


def children(parent: str, resource: Resource, sent: Any) -> Iterator[tuple[str, Body]]:
    """Path and body of each object in a property of the parent's body.

    Raises:
        Refused: the property is no array of objects with ids, or two have the same.
    """
    if not isinstance(sent, list):
        raise errors.wrong(parent, resource.inline, type(sent).__name__, "an array is wanted")
    seen = set()
    for index, body in enumerate(sent):
        identifier = body.get("id") if isinstance(body, dict) else None
        if not isinstance(identifier, str) or not identifier or identifier in seen:
            where = f"{resource.inline}[{index}].id"
            raise errors.wrong(parent, where, identifier, "an object with an id of its own is wanted")
        seen.add(identifier)
        yield f"{parent}/{resource.collection}/{identifier}", body
