"""The policy, case by case: what each pod gets, and what a refused one is told."""

import ipaddress

import pytest

from trunkline.ipam import (
    Book,
    Grant,
    Lease,
    PodOwner,
    Refusal,
    Release,
    Request,
    StatefulSetOwner,
    Take,
    allocate,
    capacity,
    leases,
    orphans,
    pod_gone,
    reserve,
    stateful_set_gone,
)
from trunkline.kit.problems import BugError


def give(book, pools, request):
    grant = allocate(book, pools, request)
    assert isinstance(grant, Grant), grant
    book.apply(grant.changes)
    return [str(lease.address) for lease in grant.leases]


def refuse(book, pools, request):
    before = Book(book)
    refusal = allocate(book, pools, request)
    assert isinstance(refusal, Refusal), refusal
    assert book == before
    return refusal


def test_pods_get_the_lowest_free_address_of_the_ranges_as_listed(a):
    book, pool = Book(), a.pool("172.16.19.20-172.16.19.21", "172.16.19.11")

    given = [give(book, [pool], a.request(f"web-{n}", pool)) for n in range(3)]

    assert given == [["172.16.19.20"], ["172.16.19.21"], ["172.16.19.11"]]


def test_the_next_pool_serves_when_one_is_full(a):
    small, large = a.pool("172.16.19.11", name="small"), a.pool("172.16.19.30-172.16.19.40", name="large")
    book = Book()

    given = [give(book, [small, large], a.request(f"web-{n}", small, large)) for n in range(2)]

    assert given == [["172.16.19.11"], ["172.16.19.30"]]


def test_a_released_address_is_free_at_once(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.12")
    give(book, [pool], a.request("web-0", pool))
    book.apply(pod_gone(book, "uid-web-0"))

    assert give(book, [pool], a.request("web-1", pool)) == ["172.16.19.11"]


def test_asking_again_changes_nothing_even_when_the_wish_has_changed(a):
    book, pool, other = Book(), a.pool("172.16.19.11-172.16.19.12"), a.pool("172.16.19.80", name="other")
    give(book, [pool], a.request("web-0", pool))

    again = allocate(book, [other], a.request("web-0", other, addresses=["172.16.19.80"]))

    assert [str(lease.address) for lease in again.leases] == ["172.16.19.11"]
    assert again.changes == ()


def test_an_exhausted_pool_says_so_with_its_counts(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.13", name="tiny")
    for n in range(3):
        give(book, [pool], a.request(f"web-{n}", pool))

    refusal = refuse(book, [pool], a.request("web-3", pool))

    assert (refusal.free, refusal.total) == (0, 3)
    assert str(refusal.problem) == (
        "Pod shop/web-3: pools: found IPPool tiny with 0 of 3 addresses free, "
        "failed to allocate IPv4 address: all pools exhausted; "
        "add a range to a pool, name a further pool, or delete pods that hold its addresses [TRK-0301]"
    )


def test_overlapping_pools_of_one_network_never_give_one_address_twice(a):
    one, other = a.pool("172.16.19.11-172.16.19.12", name="one"), a.pool("172.16.19.11-172.16.19.12", name="other")
    book = Book()

    assert give(book, [one], a.request("web-0", one)) == ["172.16.19.11"]
    assert give(book, [other], a.request("web-1", other)) == ["172.16.19.12"]


def test_a_wanted_address_is_given_from_whichever_pool_lists_it(a):
    one, other = a.pool("172.16.19.11-172.16.19.20", name="one"), a.pool("172.16.19.48-172.16.19.50", name="other")
    book = Book()

    assert give(book, [one, other], a.request("db", one, other, addresses=["172.16.19.48"])) == ["172.16.19.48"]
    assert book.of_pool("other")


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("172.16.19.99", "TRK-0302", "172.16.19.99, which does not belong to IPPool pool-ap"),
        ("10.9.9.9", "TRK-0302", "IPPool pool-ap has 172.16.19.0-172.16.19.20, 172.16.19.250-172.16.19.255"),
        ("fd00::1", "TRK-0302", "none of pool-ap is an IPv6 pool"),
        ("172.16.19.254", "TRK-0303", "the gateway of IPPool pool-ap"),
        ("172.16.19.0", "TRK-0303", "the network address"),
        ("172.16.19.255", "TRK-0303", "the broadcast address"),
        ("172.16.19.11", "TRK-0304", "already allocated to Pod shop/db-0"),
    ],
)
def test_a_wanted_address_that_cannot_be_had_is_refused_not_replaced(a, address, code, words):
    book, pool = Book(), a.pool("172.16.19.0-172.16.19.20", "172.16.19.250-172.16.19.255")
    give(book, [pool], a.request("db-0", pool, addresses=["172.16.19.11"]))

    refusal = refuse(book, [pool], a.request("db-1", pool, addresses=[address]))

    assert refusal.problem.code == code
    assert words in str(refusal.problem)
    assert refusal.problem.field == "addresses"


def test_a_recreated_pod_takes_over_what_its_namesake_left(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db", pool, uid="old", addresses=["172.16.19.11"]))

    assert give(book, [pool], a.request("db", pool, uid="new", addresses=["172.16.19.11"])) == ["172.16.19.11"]
    assert pod_gone(book, "old") == ()


def test_a_pod_of_two_families_gets_one_address_of_each_or_none(a):
    four = a.pool("172.16.19.11", name="four")
    six = a.pool("fd00::11", name="six", prefix="fd00::/64", gateway="fd00::1", network="vlan/trunk/19/fd00::-64")
    book = Book()

    assert give(book, [six, four], a.request("web-0", six, four)) == ["172.16.19.11", "fd00::11"]
    book.apply(pod_gone(book, "uid-web-0"))
    give(book, [six], a.request("thief", six))
    assert "IPv6" in str(refuse(book, [four, six], a.request("web-1", four, six)).problem)


def test_an_ordinal_comes_back_to_its_address(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db-0", pool, place=("db", 0)))
    give(book, [pool], a.request("db-1", pool, place=("db", 1)))
    book.apply(pod_gone(book, "uid-db-1") + pod_gone(book, "uid-db-0"))

    assert give(book, [pool], a.request("other", pool)) == ["172.16.19.13"]
    assert give(book, [pool], a.request("db-1", pool, uid="again", place=("db", 1))) == ["172.16.19.12"]


def test_an_ordinal_of_a_lost_node_takes_over_while_its_old_pod_is_still_entered(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db-0", pool, uid="lost", place=("db", 0)))

    assert give(book, [pool], a.request("db-0", pool, uid="new", place=("db", 0))) == ["172.16.19.11"]


def test_a_wanted_address_wins_over_the_kept_one_which_is_given_back(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db-0", pool, place=("db", 0)))
    book.apply(pod_gone(book, "uid-db-0"))

    assert give(book, [pool], a.request("db-0", pool, uid="2", place=("db", 0), addresses=["172.16.19.20"])) == [
        "172.16.19.20"
    ]
    assert book.free(pool) == 9


def test_a_kept_address_is_refused_to_others_by_its_owner_s_name(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db-0", pool, place=("db", 0)))
    book.apply(pod_gone(book, "uid-db-0"))

    refusal = refuse(book, [pool], a.request("thief", pool, addresses=["172.16.19.11"]))

    assert "already allocated to StatefulSet shop/db (ordinal 0)" in str(refusal.problem)


def test_deleting_a_set_frees_what_was_kept_but_not_what_runs(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db-0", pool, place=("db", 0)))
    give(book, [pool], a.request("db-1", pool, place=("db", 1)))
    book.apply(pod_gone(book, "uid-db-0"))

    book.apply(stateful_set_gone(book, "shop", "db"))

    assert [lease.holder for lease in book] == ["Pod shop/db-1"]
    assert isinstance(pod_gone(book, "uid-db-1")[0], Release)


def test_a_recreated_set_does_not_inherit_and_does_not_lose(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    give(book, [pool], a.request("db-0", pool, uid="1", place=("db", 0, "first")))
    book.apply(pod_gone(book, "1"))

    assert give(book, [pool], a.request("db-0", pool, uid="2", place=("db", 0, "second"))) == ["172.16.19.12"]
    book.apply(stateful_set_gone(book, "shop", "db", successor="second"))
    assert [str(lease.address) for lease in book] == ["172.16.19.12"]


def test_reservation_takes_consecutive_addresses_of_the_first_range_with_room(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.12", "172.16.19.20-172.16.19.29")
    give(book, [pool], a.request("x", pool, addresses=["172.16.19.21"]))

    takes = reserve(book, [pool], StatefulSetOwner("shop", "db", 0), 3)

    assert [(str(take.lease.address), take.lease.stateful_set.index) for take in takes] == [
        ("172.16.19.22", 0),
        ("172.16.19.23", 1),
        ("172.16.19.24", 2),
    ]
    book.apply(takes)
    assert reserve(book, [pool], StatefulSetOwner("shop", "db", 0), 5) == ()
    assert give(book, [pool], a.request("db-1", pool, place=("db", 1))) == ["172.16.19.23"]


def test_reservation_without_room_takes_nothing(a):
    pool = a.pool("172.16.19.11-172.16.19.12", "172.16.19.14-172.16.19.15")

    assert reserve(Book(), [pool], StatefulSetOwner("shop", "db", 0), 3) == ()
    assert reserve(Book(), [pool], StatefulSetOwner("shop", "db", 0), 0) == ()


def test_orphans_are_what_no_living_owner_holds(a):
    book, pool = Book(), a.pool("172.16.19.11-172.16.19.20")
    for name, uid in (("gone", "g"), ("alive", "l")):
        give(book, [pool], a.request(name, pool, uid=uid))
    give(book, [pool], a.request("db-0", pool, uid="d0", place=("db", 0, "set")))
    give(book, [pool], a.request("old-0", pool, uid="o0", place=("old", 0, "dead")))

    book.apply(orphans(book, {"l", "o0"}, {"set"}))

    assert sorted(lease.holder for lease in book) == [
        "Pod shop/alive",
        "Pod shop/old-0",
        "StatefulSet shop/db (ordinal 0)",
    ]
    assert orphans(book, {"l", "o0"}, {"set"}) == ()


def test_a_lease_survives_its_own_bytes():
    lease = Lease(
        network="vlan/trunk/19/172.16.19.0-24",
        address=ipaddress.ip_address("172.16.19.11"),
        pool="pool-ap",
        pod=PodOwner("shop", "web-0", "u", "c"),
        stateful_set=StatefulSetOwner("shop", "web", 0, "s"),
    )

    assert leases.decode(lease.encode()) == lease
    assert lease.key == "address/vlan/trunk/19/172.16.19.0-24/172.16.19.11"


def test_the_book_refuses_a_second_lease_and_an_unknown_release(a):
    lease = Lease(network="n", address=ipaddress.ip_address("10.0.0.1"), pool="p", pod=PodOwner("shop", "a", "1"))
    book = Book([lease])

    with pytest.raises(BugError, match="twice"):
        book.apply([Take(lease)])
    with pytest.raises(BugError, match="not leased"):
        book.apply([Release(Lease(network="n", address=lease.address, pool="p", pod=PodOwner("shop", "b", "2")))])


def test_a_pod_without_identity_or_pool_is_a_mistake_of_ours(a):
    pool = a.pool("172.16.19.11")
    nobody = Request(pod=PodOwner("shop", "web", ""), pools=("pool-ap",))

    for pools, asked in (([pool], nobody), ([], a.request("web", pool))):
        with pytest.raises(BugError, match="without a pool or without a UID"):
            allocate(Book(), pools, asked)


def test_a_large_pool_is_never_walked(a):
    """A /8 with 20,000 leases in one run: a walk over its addresses, 20,000 times over, would not end in a test's time."""
    pool = a.pool("10.0.0.0-10.255.255.255", prefix="10.0.0.0/8", gateway="10.0.0.1", network="big")
    book = Book()
    for n in range(20_000):
        book.apply(allocate(book, [pool], a.request(f"web-{n}", pool)).changes)

    assert book.free(pool) == capacity(pool) - 20_000
    assert str(book.lowest_free(pool)[1]) == "10.0.78.34"
