"""The cluster as the controller sees it: decoded objects by key, each kept in step with an informer.

Only what decodes differently counts as a change, so a node's heartbeat or a pod's probe costs nothing further down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from trunkline.adapters.kube import informer
from trunkline.dialects.antrea import external_ippools, ippools
from trunkline.dialects.antrea.contention import AnyPool
from trunkline.dialects.kubernetes import objects

T = TypeVar("T")


class Collection(Generic[T]):
    """Decoded objects of one kind by the informer's key, and the raw ones beside them."""

    def __init__(self, decode: Callable[[Any], T]) -> None:
        self._decode = decode
        self._objects: dict[str, T] = {}
        self._raw: dict[str, Any] = {}

    def take(self, changes: Iterable[informer.Change]) -> set[str]:
        """Take in changes; the keys whose decoded object differs now."""
        changed = set()
        for key, _, raw in changes:
            before = self._objects.get(key)
            if raw is None:
                self._objects.pop(key, None)
                self._raw.pop(key, None)
            else:
                self._objects[key] = self._decode(raw)
                self._raw[key] = raw
            if self._objects.get(key) != before:
                changed.add(key)
        return changed

    def get(self, key: str) -> T | None:
        """The object under the key, decoded."""
        return self._objects.get(key)

    def raw(self, key: str) -> Any | None:
        """The object under the key as the API server sent it; read only."""
        return self._raw.get(key)

    def keys(self) -> set[str]:
        """All keys."""
        return set(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def by_key(self) -> Mapping[str, T]:
        """All objects by key; a live view, not to be changed."""
        return self._objects


class World:
    """Everything the controller decides by."""

    def __init__(self, physical_network: str) -> None:
        self.pods: Collection[objects.Pod] = Collection(objects.pod)
        self.namespaces: Collection[objects.Namespace] = Collection(objects.namespace)
        self.nodes: Collection[objects.Node] = Collection(objects.node)
        self.stateful_sets: Collection[objects.StatefulSet] = Collection(objects.stateful_set)
        self.pools: Collection[ippools.IPPool] = Collection(
            lambda raw: ippools.decode(raw, physical_network=physical_network)
        )
        self.external_pools: Collection[external_ippools.ExternalIPPool] = Collection(external_ippools.decode)

    def all_pools(self) -> list[AnyPool]:
        """The pools of both kinds."""
        return [*self.pools, *self.external_pools]

    def raw_pool(self, pool: AnyPool) -> Any | None:
        """The object that a pool is, as the API server sent it; read only."""
        kind = self.pools if isinstance(pool, ippools.IPPool) else self.external_pools
        return kind.raw(pool.name)
