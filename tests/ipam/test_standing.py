"""Where one address stands, on every network that knows it."""

import ipaddress

from trunkline import ipam
from trunkline.ipam import standing

VLAN = "vlan/trunk/19/172.16.19.0-24"
OTHER = "vlan/trunk/20/172.16.19.0-24"


def pool(name, first, last, network=VLAN):
    subnet = ipam.PoolSubnet(
        network=network,
        prefix=ipaddress.ip_network("172.16.19.0/24"),
        gateway=ipaddress.ip_address("172.16.19.254"),
        ranges=(ipam.Range(ipaddress.ip_address(first), ipaddress.ip_address(last)),),
    )
    return ipam.Pool(name=name, family=4, subnets=(subnet,))


def lease(address, **owner):
    return ipam.Lease(network=VLAN, address=ipaddress.ip_address(address), pool="ap", **owner)


def of(address, *pools, leases=()):
    found = standing.standings(ipaddress.ip_address(address), pools, ipam.Book(leases))
    return [(each.network, each.state, each.pool) for each in found]


AP = pool("ap", "172.16.19.11", "172.16.19.50")
DB = pool("db", "172.16.19.60", "172.16.19.69")
WEB = ipam.PodOwner("shop", "web-0", "u1")
PLACE = ipam.StatefulSetOwner("shop", "web", 0)


def test_a_listed_address_is_free_until_somebody_has_it():
    assert of("172.16.19.11", AP) == [(VLAN, "free", "ap")]
    assert of("172.16.19.11", AP, leases=[lease("172.16.19.11", pod=WEB)]) == [(VLAN, "leased", "ap")]
    assert of("172.16.19.11", AP, leases=[lease("172.16.19.11", stateful_set=PLACE)]) == [(VLAN, "kept", "ap")]


def test_an_address_of_another_pool_of_the_network_is_that_pools():
    assert of("172.16.19.60", AP, DB) == of("172.16.19.60", DB, AP) == [(VLAN, "free", "db")]


def test_gateway_network_and_broadcast_are_reserved_listed_or_not():
    for last in (0, 254, 255):
        assert of(f"172.16.19.{last}", AP) == [(VLAN, "reserved", "ap")]
    found = standing.standings(ipaddress.ip_address("172.16.19.254"), [AP], ipam.Book())
    assert found[0].reason == "it is the gateway of 172.16.19.0/24"


def test_an_address_in_no_range_is_unlisted_and_one_of_no_subnet_is_unknown():
    assert of("172.16.19.100", AP) == [(VLAN, "unlisted", "ap")]
    assert of("172.16.20.1", AP) == []
    assert of("fe80::1", AP) == []


def test_a_lease_whose_pool_is_gone_still_counts():
    assert of("172.16.19.11", leases=[lease("172.16.19.11", pod=WEB)]) == [(VLAN, "leased", "ap")]


def test_one_address_on_two_networks_stands_twice_the_held_one_first():
    elsewhere = pool("elsewhere", "172.16.19.11", "172.16.19.50", network=OTHER)

    found = of("172.16.19.11", elsewhere, AP, leases=[lease("172.16.19.11", pod=WEB)])

    assert found == [(VLAN, "leased", "ap"), (OTHER, "free", "elsewhere")]
