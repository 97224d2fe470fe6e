"""The intent as the compiler looks at it: every object by key, and who is affected when one of them changes.

A row follows from its own object and from few others: a port needs its network, a route needs a leg of its router
towards the next hop.  The context knows these ties, so that one changed object costs only the rows tied to it.
It holds no rows and judges nothing; `checks` judges.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from trunkline.intent import model
from trunkline.kit.addresses import IPAddress, IPInterface
from trunkline.kit.problems import Problem
from trunkline.ovn import identity, names
from trunkline.ovn.identity import ObjectKey

DEFAULT_OWNER = "cluster"

_O = TypeVar("_O", bound=model.Object)

_USERS = (model.Port, model.RouterPort)
"""What uses a network."""

_BITS = {4: 32, 6: 128}


class _Place(NamedTuple):
    """A prefix to which a router is connected, in numbers: thousands of routes look theirs up."""

    router: str
    version: int
    length: int
    number: int


class Context:
    """An index over intent objects; `owner` marks every row that follows from them."""

    def __init__(self, objects: Iterable[model.Object] = (), owner: str = DEFAULT_OWNER) -> None:
        self.owner = owner
        self._objects: dict[ObjectKey, model.Object] = {}
        # By kind, because a network may have ten thousand ports and two subnets.
        self._dependants: dict[ObjectKey, dict[str, set[ObjectKey]]] = defaultdict(lambda: defaultdict(set))
        self._tagged: dict[tuple[str, int], set[ObjectKey]] = defaultdict(set)
        self._numbered: dict[tuple[str, int], set[ObjectKey]] = defaultdict(set)
        self._connected: dict[_Place, set[ObjectKey]] = defaultdict(set)
        self._lengths: dict[tuple[str, int], set[int]] = defaultdict(set)
        self._hops: dict[tuple[str, int], list[tuple[int, ObjectKey]]] = defaultdict(list)
        self._sourced: dict[str, set[ObjectKey]] = defaultdict(set)
        self.judgements: dict[ObjectKey, tuple[Problem, ...]] = {}
        """What `checks` has found; forgotten as soon as something that it may have looked at changes."""
        for item in objects:
            self.put(item)

    def put(self, item: model.Object) -> set[ObjectKey]:
        """Add or replace an object; answers the objects whose rows may differ now, itself included."""
        key = identity.key_of(item)
        affected = self.remove(key)
        self._objects[key] = item
        for needed in _needs(item):
            self._dependants[needed][key.kind].add(key)
        for tag in _tags(item):
            self._tagged[tag].add(key)
        for number in _numbers(item):
            self._numbered[number].add(key)
        for place in _places(item):
            self._connected[place].add(key)
            self._lengths[place.router, place.version].add(place.length)
        for router, hop in _hops(item):
            bisect.insort(self._hops[router, hop.version], (int(hop), key))
        for router in _sources(item):
            self._sourced[router].add(key)
        return self._forget(affected | self._affected(key))

    def remove(self, key: ObjectKey) -> set[ObjectKey]:
        """Forget an object; answers the objects whose rows may differ now, itself included."""
        affected = self._affected(key)
        item = self._objects.pop(key, None)
        for needed in _needs(item) if item else ():
            self._dependants[needed][key.kind].discard(key)
        for tag in _tags(item) if item else ():
            self._tagged[tag].discard(key)
        for number in _numbers(item) if item else ():
            self._numbered[number].discard(key)
        for place in _places(item) if item else ():
            self._connected[place].discard(key)
        for router, hop in _hops(item) if item else ():
            hops = self._hops[router, hop.version]
            del hops[bisect.bisect_left(hops, (int(hop), key))]
        for router in _sources(item) if item else ():
            self._sourced[router].discard(key)
        return self._forget(affected)

    def _forget(self, affected: set[ObjectKey]) -> set[ObjectKey]:
        for key in affected:
            self.judgements.pop(key, None)
        return affected

    def get(self, key: ObjectKey) -> model.Object | None:
        """The object of that key."""
        return self._objects.get(key)

    def find(self, kind: type[_O], object_id: str) -> _O | None:
        """The object of that kind and id."""
        found = self._objects.get(_key(kind, object_id))
        return found if isinstance(found, kind) else None

    def subnets(self, network: str) -> list[model.Subnet]:
        """The subnets of a network, by id."""
        found = [self._objects[key] for key in sorted(self._of_kind(_key(model.Network, network), model.Subnet))]
        return [item for item in found if isinstance(item, model.Subnet)]

    def same_tag(self, port: model.Port) -> list[str]:
        """The ids of other ports that stand for the same tag of the same parent, sorted."""
        return sorted({key.id for tag in _tags(port) for key in self._tagged.get(tag, ())} - {port.id})

    def same_number(self, port: model.Port) -> list[str]:
        """The ids of other ports that would ask for the same tunnel key on their network, sorted."""
        return sorted({key.id for number in _numbers(port) for key in self._numbered.get(number, ())} - {port.id})

    def is_used(self, network: str) -> bool:
        """Whether a port or a router's leg is on a network."""
        return any(self._of_kind(_key(model.Network, network), kind) for kind in _USERS)

    def routes_by_source(self, router: str) -> bool:
        """Whether a router has routes for some source prefixes only."""
        return bool(self._sourced.get(router))

    def connections_towards(self, router: str, address: IPAddress) -> Iterator[model.RouterPort | model.RouterLink]:
        """The legs and links of a router whose prefixes hold the address, longest prefix first.

        Costs the same however many there are.
        """
        for length in sorted(self._lengths.get((router, address.version), ()), reverse=True):
            host_bits = address.max_prefixlen - length
            place = _Place(router, address.version, length, int(address) >> host_bits << host_bits)
            for key in sorted(self._connected.get(place, ())):
                connection = self._objects[key]
                assert isinstance(connection, model.RouterPort | model.RouterLink)
                yield connection

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
        """Who looks at this object: those that name it, and those that judge themselves by what is there beside them."""
        followers = set().union(*self._dependants[key].values()) if key in self._dependants else set()
        match self._objects.get(key):
            case model.Subnet(network=network):
                followers |= self._of_kind(_key(model.Network, network), model.Port)
            case model.RouterPort() | model.RouterLink() as connection:
                followers |= {route for place in _places(connection) for route in self._routes_into(place)}
                followers |= self._network_of_only(key)
            case model.Port() as port:
                followers |= {_key(model.Port, other) for other in (*self.same_tag(port), *self.same_number(port))}
                followers |= self._network_of_only(key)
            case model.Route(router=router) if self._sourced.get(router) == {key}:
                followers |= self._of_kind(_key(model.Router, router), model.RouterPort)
                followers |= self._of_kind(_key(model.Router, router), model.RouterLink)
        return followers

    def _network_of_only(self, key: ObjectKey) -> set[ObjectKey]:
        """The network of a port or leg that is alone there: whether it is used depends on that one."""
        item = self._objects[key]
        if not isinstance(item, _USERS):
            return set()
        network = _key(model.Network, item.network)
        users = sum(len(self._of_kind(network, kind)) for kind in _USERS)
        return {network} if users == 1 else set()

    def _routes_into(self, place: _Place) -> list[ObjectKey]:
        """The routes of a router whose next hops are in a prefix; costs no more for those that are not."""
        hops = self._hops.get((place.router, place.version), [])
        size = 1 << (_BITS[place.version] - place.length)
        first, end = (bisect.bisect_left(hops, (number,)) for number in (place.number, place.number + size))
        return [route for _, route in hops[first:end]]

    def _of_kind(self, key: ObjectKey, kind: type[model.Object]) -> set[ObjectKey]:
        return self._dependants[key][kind.__name__] if key in self._dependants else set()


def _key(kind: type[_O], object_id: str) -> ObjectKey:
    return ObjectKey(kind.__name__, object_id)


def _needs(item: model.Object) -> tuple[ObjectKey, ...]:
    """The objects that this one names."""
    match item:
        case model.Subnet():
            return (_key(model.Network, item.network),)
        case model.Port():
            parent = (_key(model.Port, item.parent),) if item.parent else ()
            filters = (_key(model.Filter, item.filter),) if item.filter else ()
            return (_key(model.Network, item.network), *parent, *filters)
        case model.Qos():
            return (_key(model.Port, item.port),)
        case model.RouterPort():
            return (_key(model.Network, item.network), _key(model.Router, item.router))
        case model.RouterLink():
            return tuple(_key(model.Router, end.router) for end in item.ends)
        case model.Route():
            return (_key(model.Router, item.router),)
        case model.Nat():
            return (_key(model.RouterPort, item.gateway),)
    return ()


def _tags(item: model.Object) -> tuple[tuple[str, int], ...]:
    """The parent and the tag of a nested port."""
    return ((item.parent, item.tag),) if isinstance(item, model.Port) and item.parent else ()


def _numbers(item: model.Object) -> tuple[tuple[str, int], ...]:
    """The network and the tunnel key of a port that learns."""
    if not isinstance(item, model.Port) or item.guard is not model.Guard.NONE:
        return ()
    return ((item.network, names.tunnel_key(item.id)),)


def _hops(item: model.Object) -> tuple[tuple[str, IPAddress], ...]:
    """The router and the next hop of a route."""
    return ((item.router, item.next_hop),) if isinstance(item, model.Route) and item.next_hop else ()


def _sources(item: model.Object) -> tuple[str, ...]:
    """The router of a route for one source prefix."""
    return (item.router,) if isinstance(item, model.Route) and item.source_prefix else ()


def _places(item: model.Object) -> tuple[_Place, ...]:
    """The prefixes that a leg or a link connects routers to."""
    match item:
        case model.RouterPort():
            return tuple(_place(item.router, address) for address in item.addresses)
        case model.RouterLink():
            return tuple(_place(end.router, address) for end in item.ends for address in end.addresses)
    return ()


def _place(router: str, address: IPInterface) -> _Place:
    prefix = address.network
    return _Place(router, prefix.version, prefix.prefixlen, int(prefix.network_address))
