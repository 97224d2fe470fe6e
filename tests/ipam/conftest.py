"""Builders for pools, pods and requests, short enough to read in a test's first lines."""

import ipaddress

import pytest

from trunkline.intent.model import Source
from trunkline.ipam import PodOwner, Pool, PoolSubnet, Range, Request, StatefulSetOwner


def ranged(text):
    first, _, last = text.partition("-")
    return Range(ipaddress.ip_address(first), ipaddress.ip_address(last or first))


def pool(
    *ranges, name="pool-ap", prefix="172.16.19.0/24", gateway="172.16.19.254", network="vlan/trunk/19/172.16.19.0-24"
):
    prefix = ipaddress.ip_network(prefix)
    subnet = PoolSubnet(
        network=network, prefix=prefix, gateway=ipaddress.ip_address(gateway), ranges=tuple(map(ranged, ranges))
    )
    return Pool(name=name, family=prefix.version, subnets=(subnet,), source=Source("IPPool", "", name))


def request(name, *pools, uid=None, addresses=(), place=None):
    return Request(
        pod=PodOwner("shop", name, uid or f"uid-{name}"),
        pools=tuple(each.name for each in pools),
        addresses=tuple(map(ipaddress.ip_address, addresses)),
        stateful_set=place and StatefulSetOwner("shop", *place),
        pools_field="pools",
        addresses_field="addresses",
    )


class Builders:
    pool = staticmethod(pool)
    request = staticmethod(request)
    ranged = staticmethod(ranged)


@pytest.fixture(scope="session")
def a():
    return Builders
