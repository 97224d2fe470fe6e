"""A dictionary that also answers "everything whose key starts with ..." at the cost of the matches."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class PrefixIndex(Generic[ValueT]):
    """Values by key, keys in sorted order (by code point)."""

    def __init__(self, values: Mapping[str, ValueT]) -> None:
        self._values = dict(values)
        self._keys = sorted(self._values)

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: str) -> ValueT | None:
        """The value under `key`, or None."""
        return self._values.get(key)

    def put(self, key: str, value: ValueT) -> None:
        """Set the value under `key`."""
        if key not in self._values:
            bisect.insort(self._keys, key)
        self._values[key] = value

    def remove(self, key: str) -> None:
        """Forget `key`; it may be absent."""
        if self._values.pop(key, None) is not None:
            del self._keys[bisect.bisect_left(self._keys, key)]

    def starting_with(self, prefix: str) -> Iterator[ValueT]:
        """The values whose keys start with `prefix`, sorted by key."""
        for position in range(bisect.bisect_left(self._keys, prefix), len(self._keys)):
            key = self._keys[position]
            if not key.startswith(prefix):
                return
            yield self._values[key]
