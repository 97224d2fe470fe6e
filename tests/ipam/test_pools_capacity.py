"""What a pool may hand out, against the `ipaddress` module's own enumeration."""

import ipaddress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.ipam import Book, Pool, PoolSubnet, Range, capacity
from trunkline.ipam.ranges import Runs


def handed_out(pool):
    return [
        ipaddress.ip_address(number)
        for subnet in pool.subnets
        for first, last in subnet.spans()
        for number in range(first, last + 1)
    ]


@pytest.mark.parametrize(
    ("ranges", "options", "total"),
    [
        (["172.16.19.11-172.16.19.50"], {}, 40),
        (["172.16.19.0-172.16.19.255"], {}, 253),
        (["172.16.19.250-172.16.19.255"], {}, 4),
        (["172.16.19.11-172.16.19.20", "172.16.19.15-172.16.19.24"], {}, 14),
        (["172.16.19.254"], {}, 0),
        ([], {}, 0),
        (["10.0.0.0-10.255.255.255"], {"prefix": "10.0.0.0/8", "gateway": "10.0.0.1"}, 2**24 - 3),
        (["10.0.0.0-10.0.0.1"], {"prefix": "10.0.0.0/31", "gateway": "10.0.0.0"}, 1),
        (["fd00::-fd00::ffff:ffff:ffff:ffff"], {"prefix": "fd00::/64", "gateway": "fd00::1"}, 2**64 - 2),
    ],
)
def test_the_total_is_what_can_truly_be_handed_out(a, ranges, options, total):
    pool = a.pool(*ranges, **options)

    assert capacity(pool) == total
    assert Book().free(pool) == total


def test_a_part_of_a_subnet_hands_out_its_last_address(a):
    assert ipaddress.ip_address("172.16.19.63") in handed_out(a.pool("172.16.19.0-172.16.19.63"))


def test_two_subnets_on_different_networks_count_twice(a):
    one, other = (
        a.pool("10.0.0.2-10.0.0.5", prefix="10.0.0.0/24", gateway="10.0.0.1", network="n1"),
        a.pool("10.0.0.2-10.0.0.5", prefix="10.0.0.0/24", gateway="10.0.0.1", network="n2"),
    )

    assert capacity(msgspec.structs.replace(one, subnets=one.subnets + other.subnets)) == 8


SPANS = st.tuples(st.integers(0, 63), st.integers(0, 63)).map(sorted)


@given(st.lists(SPANS, max_size=5), st.integers(0, 31))
def test_spans_are_the_listed_addresses_less_the_reserved_ones(ranges, gateway):
    prefix = ipaddress.ip_network("10.0.0.0/27")
    listed = [Range(prefix.network_address + first, prefix.network_address + last) for first, last in ranges]
    pool = Pool(
        name="p",
        family=4,
        subnets=(PoolSubnet(network="n", prefix=prefix, gateway=prefix[gateway], ranges=tuple(listed)),),
    )
    barred = {prefix.network_address, prefix.broadcast_address, prefix[gateway]}
    expected = {prefix[n] for first, last in ranges for n in range(first, last + 1) if n < 32} - barred

    assert set(handed_out(pool)) == expected
    assert capacity(pool) == len(expected)


@given(st.lists(st.integers(0, 40)), SPANS)
def test_runs_behave_as_a_set_of_integers(toggled, span):
    runs, model = Runs(), set()
    for number in toggled:
        (runs.remove if number in model else runs.add)(number)
        model ^= {number}

    absent = [number for first, last in runs.gaps(tuple(span)) for number in range(first, last + 1)]
    assert absent == [number for number in range(span[0], span[1] + 1) if number not in model]
    assert {number for number in range(41) if number in runs} == model
    assert runs.count(tuple(span)) == span[1] - span[0] + 1 - len(absent)
    assert len(runs) == len([number for number in model if number + 1 not in model])
