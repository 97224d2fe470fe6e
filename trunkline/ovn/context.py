"""The intent as the compiler looks at it: every object by key, and who is affected when one of them changes.

A row follows from its own object and from few others: a port needs its network, a route needs a leg of its router
towards the next hop.  The context knows these ties, so that one changed object costs only the rows tied to it.
It holds no rows and judges nothing; `checks` judges.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator

from trunkline.intent import model
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.ovn import identity
from trunkline.ovn.identity import ObjectKey

DEFAULT_OWNER = "cluster"


class Context:
    """An index over intent objects; `owner` marks every row that follows from them."""

    def __init__(self, objects: Iterable[model.Object] = (), owner: str = DEFAULT_OWNER) -> None:
        self.owner = owner
        self._objects: dict[ObjectKey, model.Object] = {}
        # By kind, because a network may have ten thousand ports and two subnets.
        self._dependants: dict[ObjectKey, dict[str, set[ObjectKey]]] = defaultdict(lambda: defaultdict(set))
        self._legs: dict[tuple[str, IPNetwork], set[ObjectKey]] = defaultdict(set)
        self._lengths: dict[str, set[int]] = defaultdict(set)
        for item in objects:
            self.put(item)

    def put(self, item: model.Object) -> set[ObjectKey]:
        """Add or replace an object; answers the objects whose rows may differ now, itself included."""
        key = identity.key_of(item)
        affected = self.remove(key)
        self._objects[key] = item
        for needed in _needs(item):
            self._dependants[needed][key.kind].add(key)
        for place in _connected(item):
            self._legs[place].add(key)
            self._lengths[place[0]].add(place[1].prefixlen)
        return affected | self._affected(key)

    def remove(self, key: ObjectKey) -> set[ObjectKey]:
        """Forget an object; answers the objects whose rows may differ now, itself included."""
        affected = self._affected(key)
        item = self._objects.pop(key, None)
        for needed in _needs(item) if item else ():
            self._dependants[needed][key.kind].discard(key)
        for place in _connected(item) if item else ():
            self._legs[place].discard(key)
        return affected

    def get(self, key: ObjectKey) -> model.Object | None:
        """The object of that key."""
        return self._objects.get(key)

    def network(self, network: str) -> model.Network | None:
        """The network of that id."""
        found = self._objects.get(_network(network))
        return found if isinstance(found, model.Network) else None

    def router(self, router: str) -> model.Router | None:
        """The router of that id."""
        found = self._objects.get(_router(router))
        return found if isinstance(found, model.Router) else None

    def subnets(self, network: str) -> list[model.Subnet]:
        """The subnets of a network, by id."""
        found = [self._objects[key] for key in sorted(self._of_kind(_network(network), model.Subnet))]
        return [item for item in found if isinstance(item, model.Subnet)]

    def legs_towards(self, router: str, address: IPAddress) -> Iterator[model.RouterPort]:
        """The legs of a router whose prefixes hold the address; costs the same however many legs there are."""
        for length in self._lengths[router]:
            if length <= address.max_prefixlen:
                prefix = ipaddress.ip_network((address, length), strict=False)
                for key in self._legs.get((router, prefix), ()):
                    leg = self._objects[key]
                    assert isinstance(leg, model.RouterPort)
                    yield leg

    def objects(self) -> tuple[model.Object, ...]:
        """Every object, in the order in which they were added."""
        return tuple(self._objects.values())

    def keys(self) -> set[ObjectKey]:
        """The key of every object."""
        return set(self._objects)

    def _affected(self, key: ObjectKey) -> set[ObjectKey]:
        affected, ahead = {key}, [key]
        while ahead:
            for dependant in self._followers(ahead.pop()) - affected:
                affected.add(dependant)
                ahead.append(dependant)
        return affected

    def _followers(self, key: ObjectKey) -> set[ObjectKey]:
        """Who looks at this object: those that name it, ports of a subnet's network, routes of a leg's router."""
        item = self._objects.get(key)
        followers = set().union(*self._dependants[key].values()) if key in self._dependants else set()
        if isinstance(item, model.Subnet):
            followers |= self._of_kind(_network(item.network), model.Port)
        if isinstance(item, model.RouterPort):
            followers |= self._of_kind(_router(item.router), model.Route)
        return followers

    def _of_kind(self, key: ObjectKey, kind: type[model.Object]) -> set[ObjectKey]:
        return self._dependants[key][kind.__name__] if key in self._dependants else set()


def _network(network: str) -> ObjectKey:
    return ObjectKey(model.Network.__name__, network)


def _router(router: str) -> ObjectKey:
    return ObjectKey(model.Router.__name__, router)


def _needs(item: model.Object) -> tuple[ObjectKey, ...]:
    """The objects that this one names."""
    match item:
        case model.Port() | model.Subnet():
            return (_network(item.network),)
        case model.RouterPort():
            return (_network(item.network), _router(item.router))
        case model.Route():
            return (_router(item.router),)
    return ()


def _connected(item: model.Object) -> tuple[tuple[str, IPNetwork], ...]:
    """The prefixes that a leg connects its router to."""
    if not isinstance(item, model.RouterPort):
        return ()
    return tuple((item.router, address.network) for address in item.addresses)
