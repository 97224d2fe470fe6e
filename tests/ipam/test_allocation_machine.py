"""Any history of pods and stateful sets, against a model that is a plain dict and walks every address.

The model knows nothing of runs, spans or indexes: for each address it holds who uses it and whom it is kept for.
"""

import ipaddress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from trunkline import ipam
from trunkline.ipam import leases

PREFIX = ipaddress.ip_network("10.0.0.0/28")
GATEWAY = PREFIX[4]
NETWORK = "vlan/trunk/19/10.0.0.0-28"


def made(name, *ranges):
    listed = tuple(ipam.Range(PREFIX[first], PREFIX[last]) for first, last in ranges)
    subnet = ipam.PoolSubnet(network=NETWORK, prefix=PREFIX, gateway=GATEWAY, ranges=listed)
    return ipam.Pool(name=name, family=4, subnets=(subnet,))


# The two overlap on .7, both list reserved addresses, and the first lists its ranges out of order.
POOLS = {pool.name: pool for pool in (made("low", (3, 7), (0, 2)), made("high", (7, 9), (14, 15)))}
LISTED = {"low": [3, 5, 6, 7, 1, 2], "high": [7, 8, 9, 14]}
ORDERS = st.sampled_from([("low",), ("high",), ("low", "high"), ("high", "low")])
SETS = st.sampled_from(["db", "cache"])


class Allocation(RuleBasedStateMachine):
    """Rules are what a cluster does; each compares the answer with the model's and then lets it happen in both."""

    pods = Bundle("pods")

    def __init__(self):
        super().__init__()
        self.book = ipam.Book()
        self.model = {}  # number -> [pool, pod uid or None, (set, ordinal) or None]
        self.names = {}  # uid -> the pod's name
        self.born = 0

    def ask(self, uid, order, place=None, wanted=None):
        return ipam.allocate(
            self.book,
            [POOLS[name] for name in order],
            ipam.Request(
                pod=ipam.PodOwner("shop", self.names[uid], uid),
                pools=order,
                addresses=() if wanted is None else (PREFIX[wanted],),
                stateful_set=place and ipam.StatefulSetOwner("shop", *place),
            ),
        )

    def birth(self, name=None):
        self.born += 1
        uid = f"uid-{self.born}"
        self.names[uid] = name or f"pod-{self.born}"
        return uid

    def settle(self, answer, uid, order, number, place=None):
        """The answer must be `number`, or a refusal when that is None."""
        if number is None:
            assert isinstance(answer, ipam.Refusal)
            return
        assert [str(lease.address) for lease in answer.leases] == [str(PREFIX[number])]
        self.book.apply(answer.changes)
        pool = next(name for name in order if number in LISTED[name])
        if place is not None:
            self.model = {at: held for at, held in self.model.items() if held[2] != place}
        self.model[number] = [pool, uid, place]

    def lowest(self, order):
        return next((number for name in order for number in LISTED[name] if number not in self.model), None)

    @rule(target=pods, order=ORDERS)
    def a_pod_starts(self, order):
        uid, expected = self.birth(), self.lowest(order)
        answer = self.ask(uid, order)
        self.settle(answer, uid, order, expected)
        if expected is None:
            listed = sum(len(LISTED[name]) for name in order)
            assert (answer.free, answer.total) == (0, listed)
        return uid

    @rule(target=pods, order=ORDERS, wanted=st.integers(0, 15))
    def a_pod_wants_an_address(self, order, wanted):
        uid = self.birth()
        possible = any(wanted in LISTED[name] for name in order) and wanted not in self.model
        answer = self.ask(uid, order, wanted=wanted)
        self.settle(answer, uid, order, wanted if possible else None)
        if wanted in self.model and any(wanted in LISTED[name] for name in order) and not possible:
            assert answer.held is not None
        return uid

    @rule(target=pods, order=ORDERS, name=SETS, ordinal=st.integers(0, 2))
    def an_ordinal_starts(self, order, name, ordinal):
        """Its previous pod may still be entered: the API server has let the name go, the book has not heard."""
        place = (name, ordinal)
        uid = self.birth(f"{name}-{ordinal}")
        kept = [at for at, held in self.model.items() if held[2] == place and held[0] in order]
        expected = min(kept, default=self.lowest(order))
        answer = self.ask(uid, order, place=place)
        if kept:
            self.book.apply(answer.changes)
            assert [str(lease.address) for lease in answer.leases] == [str(PREFIX[expected])]
            pool = self.model[expected][0]
            self.model = {at: held for at, held in self.model.items() if held[2] != place}
            self.model[expected] = [pool, uid, place]
        else:
            self.settle(answer, uid, order, expected, place)
        return uid

    @rule(uid=pods, order=ORDERS)
    def a_pod_asks_again(self, uid, order):
        held = [at for at, held in self.model.items() if held[1] == uid]
        if held:
            answer = self.ask(uid, order)
            assert answer.changes == ()
            assert [lease.address for lease in answer.leases] == [PREFIX[at] for at in held]

    @rule(uid=consumes(pods))
    def a_pod_is_gone(self, uid):
        self.book.apply(ipam.pod_gone(self.book, uid))
        for at, held in list(self.model.items()):
            if held[1] == uid:
                held[1] = None
                if held[2] is None:
                    del self.model[at]

    @rule(name=SETS)
    def a_set_is_deleted(self, name):
        self.book.apply(ipam.stateful_set_gone(self.book, "shop", name))
        for at, held in list(self.model.items()):
            if held[2] and held[2][0] == name:
                held[2] = None
                if held[1] is None:
                    del self.model[at]

    @rule(name=SETS, order=ORDERS, replicas=st.integers(0, 5))
    def a_set_is_announced(self, name, order, replicas):
        takes = ipam.reserve(
            self.book, [POOLS[each] for each in order], ipam.StatefulSetOwner("shop", name, 0), replicas
        )
        numbers = [int(take.lease.address) - int(PREFIX[0]) for take in takes]
        self.book.apply(takes)
        if any(held[2] and held[2][0] == name for held in self.model.values()):
            assert numbers == []
        assert numbers == list(range(numbers[0], numbers[0] + replicas)) if numbers else True
        for ordinal, number in enumerate(numbers):
            assert number not in self.model
            self.model[number] = [takes[0].lease.pool, None, (name, ordinal)]

    @rule()
    def the_controller_restarts(self):
        self.book = ipam.Book(leases.decode(lease.encode()) for lease in self.book)

    @rule()
    def nothing_has_leaked(self):
        living = {held[1] for held in self.model.values()}
        assert ipam.orphans(self.book, living, set()) == ()

    @invariant()
    def the_book_says_what_the_model_says(self):
        said = {
            int(lease.address) - int(PREFIX[0]): [
                lease.pool,
                lease.pod.uid if lease.pod else None,
                (lease.stateful_set.name, lease.stateful_set.index) if lease.stateful_set else None,
            ]
            for lease in self.book
        }
        assert said == self.model

    @invariant()
    def nothing_outside_the_pools_is_out(self):
        assert {at for at, held in self.model.items() if at not in LISTED[held[0]]} == set()

    @invariant()
    def every_index_finds_what_a_walk_finds(self):
        for name in POOLS:
            assert set(self.book.of_pool(name)) == {lease for lease in self.book if lease.pool == name}
        for name in ("db", "cache"):
            kept = {lease for lease in self.book if lease.stateful_set and lease.stateful_set.name == name}
            assert set(self.book.of_stateful_set("shop", name)) == kept

    @invariant()
    def rebuilding_changes_nothing(self):
        assert ipam.Book(self.book) == self.book

    @invariant()
    def free_counts_are_true(self):
        for name, listed in LISTED.items():
            assert self.book.free(POOLS[name]) == len([number for number in listed if number not in self.model])


TestAllocation = Allocation.TestCase
TestAllocation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
