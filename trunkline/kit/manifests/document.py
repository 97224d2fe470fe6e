"""A document and where each of its parts stands, so that every later complaint can point at a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Path = tuple[str | int, ...]
"""The way from a document's root to one of its parts: mapping keys and list indexes."""


class Place(msgspec.Struct, frozen=True):
    """A position in a named text; line and column count from 1, as editors do."""

    name: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}"


class Document(msgspec.Struct, frozen=True):
    """One YAML document: its value as JSON would hold it, the text's name, and the place of every path in it."""

    value: Any
    name: str
    places: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Where `path` stands: a mapping entry at its key, a list item at its beginning.

        A path that is not in the document (a field that is missing) answers the place of its nearest ancestor.
        """
        while path not in self.places and path:
            path = path[:-1]
        return self.places[path]

    @property
    def title(self) -> str:
        """The document's own name for itself, "IPPool pool-ap", or "" when it is not a Kubernetes object."""
        if not isinstance(self.value, dict) or not isinstance(self.value.get("kind"), str):
            return ""
        metadata = self.value.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        path = [metadata[key] for key in ("namespace", "name") if isinstance(metadata.get(key), str)]
        return f"{self.value['kind']} {'/'.join(path)}".rstrip()


def dotted(path: Path) -> str:
    """The path as people write it: "spec.ipRanges[0].vlan"; a key with a dot or slash stands in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int) or any(mark in part for mark in "./"):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
