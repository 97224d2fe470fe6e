"""Address pools give each address once, from what their subnets hold; blocks are cut into pieces that never overlap."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dialects.nsx.conftest import Manager
from trunkline.dialects.nsx import realized
from trunkline.dialects.nsx.errors import Refused
from trunkline.dialects.nsx.rules import pools

POOL, BLOCK = "/infra/ip-pools/p", "/infra/ip-blocks/b"


def refused(code: int, status: int = 400):
    return pytest.raises(Refused, check=lambda error: (error.code, error.status) == (code, status))


def static(manager, name="s", cidr="10.0.0.0/29", ranges=(("10.0.0.2", "10.0.0.4"),), **body):
    if not manager.has(POOL):
        manager.patch(POOL)
    allocation = [{"start": start, "end": end} for start, end in ranges]
    kind = {"resource_type": "IpAddressPoolStaticSubnet", "cidr": cidr, "allocation_ranges": allocation}
    return manager.patch(f"{POOL}/ip-subnets/{name}", **kind, **body)


def cut(manager, name, size, **body):
    if not manager.has(POOL):
        manager.patch(POOL)
    body = {"resource_type": "IpAddressPoolBlockSubnet", "ip_block_path": BLOCK, "size": size, **body}
    return manager.patch(f"{POOL}/ip-subnets/{name}", **body)


def allocate(manager, name, **body):
    return manager.patch(f"{POOL}/ip-allocations/{name}", **body)["allocation_ip"]


def test_the_lowest_free_address_is_given_and_a_returned_one_again(manager):
    static(manager)
    assert [allocate(manager, name) for name in "abc"] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    with refused(255):
        allocate(manager, "d")
    manager.delete(f"{POOL}/ip-allocations/b")
    manager.now_ms += 120_000
    assert allocate(manager, "d") == "10.0.0.3"


def test_an_address_that_was_given_back_rests_as_long_as_its_pool_says(manager):
    manager.patch(POOL, ip_release_delay=5_000)
    static(manager)
    for name in "abc":
        allocate(manager, name)
    manager.delete(f"{POOL}/ip-allocations/b")
    usage = pools.POOL.show(POOL, manager.tree)["pool_usage"]
    assert (usage["allocated_ip_allocations"], usage["available_ips"]) == (2, 0)
    manager.now_ms += 4_999
    for wish in ({}, {"allocation_ip": "10.0.0.3"}):
        with refused(255):
            allocate(manager, "d", **wish)
    manager.now_ms += 1
    assert allocate(manager, "d", allocation_ip="10.0.0.3") == "10.0.0.3"


def test_a_delay_of_nothing_gives_an_address_again_at_once(manager):
    manager.patch(POOL, ip_release_delay=0)
    static(manager)
    assert allocate(manager, "a") == "10.0.0.2"
    manager.delete(f"{POOL}/ip-allocations/a")
    assert allocate(manager, "b") == "10.0.0.2"


def test_a_wish_is_granted_if_the_address_is_there_and_free(manager):
    static(manager, gateway_ip="10.0.0.2")
    assert allocate(manager, "a", allocation_ip="10.0.0.4") == "10.0.0.4"
    for wish in ("10.0.0.4", "10.0.0.5", "10.0.0.2", "fd00::1"):
        with refused(255):
            allocate(manager, "b", allocation_ip=wish)
    assert allocate(manager, "b") == "10.0.0.3", "the gateway's address is kept back"


def test_a_repeated_request_changes_nothing(manager):
    static(manager)
    first = manager.put(f"{POOL}/ip-allocations/a")
    assert manager.put(f"{POOL}/ip-allocations/a", allocation_ip="10.0.0.4", display_name="x") == first
    assert manager.patch(f"{POOL}/ip-allocations/a", allocation_ip="10.0.0.4") == first


def test_many_in_one_request_get_different_addresses(manager):
    static(manager)
    children = [
        {"resource_type": "ChildIpAddressAllocation", "IpAddressAllocation": {"id": name}} for name in ("a", "b", "c")
    ]
    manager.hierarchy({"IpAddressPool": {"id": "p", "children": children}, "resource_type": "ChildIpAddressPool"})
    given_ = {manager.get(f"{POOL}/ip-allocations/{name}")["allocation_ip"] for name in "abc"}
    assert len(given_) == 3


def test_a_pool_without_a_subnet_gives_nothing(manager):
    manager.patch(POOL)
    with refused(255):
        allocate(manager, "a")


def test_what_is_in_use_stays(manager):
    static(manager)
    allocate(manager, "a")
    for path in (POOL, f"{POOL}/ip-subnets/s"):
        with refused(500030):
            manager.delete(path)
    with refused(255):
        static(manager, ranges=(("10.0.0.3", "10.0.0.4"),))
    static(manager, ranges=(("10.0.0.2", "10.0.0.5"),))
    gone = {"IpAddressPoolSubnet": {"id": "s"}, "marked_for_delete": True}
    with refused(500030):
        manager.hierarchy({"IpAddressPool": {"id": "p", "children": [gone]}})
    manager.hierarchy({"IpAddressPool": {"id": "p"}, "marked_for_delete": True})
    assert not manager.has(f"{POOL}/ip-allocations/a")


@pytest.mark.parametrize(
    ("cidr", "ranges", "code"),
    [
        ("10.0.0.1/29", [("10.0.0.2", "10.0.0.4")], 255),
        ("10.0.0.0/29", [("10.0.0.4", "10.0.0.2")], 255),
        ("10.0.0.0/29", [("10.0.0.2", "10.0.0.8")], 255),
        ("10.0.0.0/29", [], 255),
        ("10.0.0.0/29", [("10.0.0.2", "10.0.0.4"), ("10.0.0.4", "10.0.0.5")], 500105),
        ("fd00::/64", [("10.0.0.2", "10.0.0.4")], 255),
    ],
)
def test_ranges_lie_in_their_prefix(manager, cidr, ranges, code):
    with refused(code):
        static(manager, cidr=cidr, ranges=ranges)


def test_subnets_of_a_pool_do_not_overlap_and_with_the_switch_not_those_of_others(manager):
    static(manager)
    with refused(500105):
        static(manager, "t", cidr="10.0.0.0/24", ranges=[("10.0.0.9", "10.0.0.9")])
    manager.patch("/infra/ip-pools/q", check_overlap_with_existing_pools=True)
    manager.patch("/infra/ip-pools/r")
    body = {name: value for name, value in manager.get(f"{POOL}/ip-subnets/s").items() if name != "path"}
    with refused(500105):
        manager.patch("/infra/ip-pools/q/ip-subnets/s", **body)
    manager.patch("/infra/ip-pools/r/ip-subnets/s", **body)


def test_pieces_are_cut_from_a_block_lowest_first(manager):
    manager.patch(BLOCK, cidr="10.8.0.0/16", excluded_ips=[{"start": "10.8.0.0", "end": "10.8.0.9"}])
    first = cut(manager, "a", 16)
    assert first["cidr"] == first["allocated_cidr"] == "10.8.0.16/28"
    assert (first["network_address"], first["broadcast_address"]) == ("10.8.0.16", "10.8.0.31")
    assert first["gateway_address"] == "10.8.0.17/28"
    assert first["allocation_ranges"] == [{"start": "10.8.0.18", "end": "10.8.0.30"}]
    assert cut(manager, "b", 256)["cidr"] == "10.8.1.0/24"
    assert cut(manager, "c", 16, auto_assign_gateway=False)["allocation_ranges"][0]["start"] == "10.8.0.33"
    assert cut(manager, "d", None, subnet_size="16", start_ip="10.8.7.0")["cidr"] == "10.8.7.0/28"
    assert allocate(manager, "x") == "10.8.0.18"
    again = cut(manager, "b", 256, description="seen")
    assert (again["cidr"], again["_revision"]) == ("10.8.1.0/24", 1)


@pytest.mark.parametrize(
    "body",
    [
        {"size": 3},
        {"size": 0},
        {"size": 2**17},
        {"size": None},
        {"size": 16, "subnet_size": "32"},
        {"size": None, "subnet_size": "²"},
        {"size": 16, "start_ip": "10.9.0.0"},
        {"size": 16, "start_ip": "10.8.0.1"},
        {"size": 16, "ip_block_path": "/infra/ip-blocks/nowhere"},
    ],
)
def test_other_pieces_are_refused(manager, body):
    manager.patch(BLOCK, cidr="10.8.0.0/16")
    with pytest.raises(Refused):
        cut(manager, "a", **{"size": None, **body})


def test_a_piece_stays_as_it_was_cut_and_its_block_stays(manager):
    manager.patch(BLOCK, cidr="10.8.0.0/16")
    cut(manager, "a", 16)
    with refused(255):
        cut(manager, "a", 32)
    with refused(255):
        manager.patch(BLOCK, cidr="10.9.0.0/16")
    with refused(500030):
        manager.delete(BLOCK)
    with refused(255):
        static(manager, "a")
    manager.delete(f"{POOL}/ip-subnets/a")
    manager.delete(BLOCK)


def test_ipv6_works_alike(manager):
    manager.patch(BLOCK, cidrs=["fd00::/48"])
    assert cut(manager, "a", 2**62)["cidr"] == "fd00::/66"
    assert allocate(manager, "x") == "fd00::2"
    assert manager.get(BLOCK)["ip_address_type"] == "IPV6"


def test_the_allocated_address_is_a_realised_attribute(manager):
    manager.patch(BLOCK, cidr="10.8.0.0/16")
    cut(manager, "a", 16)
    allocate(manager, "x")
    for path, key, value in (
        (f"{POOL}/ip-allocations/x", "allocation_ip", "10.8.0.2"),
        (f"{POOL}/ip-subnets/a", "cidr", "10.8.0.0/28"),
    ):
        entry = manager.tree.entry(path)
        shown = realized.entity(entry, realized.themselves(entry))
        assert shown["state"] == "REALIZED"
        first = shown["extended_attributes"][0]
        assert (first["key"], first["values"]) == (key, [value]), "some clients take the first one unseen"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_pieces_and_addresses_never_overlap_whatever_comes_and_goes(steps):
    manager = Manager()
    manager.patch(BLOCK, cidr="10.8.0.0/26")
    for number, (keep, exponent) in enumerate(steps):
        try:
            cut(manager, f"n{number}", 2**exponent)
            allocate(manager, f"n{number}")
        except Refused:
            pass
        if not keep and manager.has(f"{POOL}/ip-allocations/n{number // 2}"):
            manager.delete(f"{POOL}/ip-allocations/n{number // 2}")
    pieces = [ipaddress.ip_network(manager.get(path)["cidr"]) for path in manager.tree.members(f"{POOL}/ip-subnets")]
    assert sum(piece.num_addresses for piece in pieces) == len({str(ip) for piece in pieces for ip in piece})
    given_ = [manager.get(path)["allocation_ip"] for path in manager.tree.members(f"{POOL}/ip-allocations")]
    assert len(given_) == len(set(given_))
