"""Filters of mirrors as OpenFlow matches: every frame that a filter names, and no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.agent import filters
from trunkline.intent.monitors import Filter

_PORTS = st.integers(0, 65535)


def test_what_is_not_said_may_be_anything() -> None:
    assert filters.flows((), exclude=False) == filters.Chosen((), True)
    assert filters.flows((Filter(),), exclude=False).matches == ("ip", "ipv6")


def test_each_combination_is_one_match_of_one_family() -> None:
    wanted = Filter(sources=("10.0.0.1/32", "2001:db8::/64"), destinations=("10.0.0.0/8",), protocol="tcp")

    assert filters.flows((wanted,), exclude=True) == filters.Chosen(("tcp,nw_src=10.0.0.1/32,nw_dst=10.0.0.0/8",), True)


def test_ports_without_a_protocol_are_those_of_both() -> None:
    found = filters.flows((Filter(destination_ports="53"),), exclude=False).matches

    assert found == tuple(f"{word},tp_dst=0x35/0xffff" for word in ("tcp", "udp", "tcp6", "udp6"))


@given(_PORTS, _PORTS, _PORTS)
def test_the_masks_of_a_range_hold_exactly_its_ports(one: int, other: int, port: int) -> None:
    first, last = sorted((one, other))
    masks = list(filters._aligned(first, last))

    assert sum(port & mask == value for value, mask in masks) == (first <= port <= last)
    assert len(masks) <= 30
