"""Builders for IPPool objects of both versions, as people write them."""

import pytest

from trunkline.dialects.antrea import ippools

POOL_AP = {
    "start": "172.16.19.11",
    "end": "172.16.19.50",
    "gateway": "172.16.19.254",
    "prefixLength": 24,
    "vlan": 19,
}


def alpha(*listed, name="pool-ap", version=4):
    """A v1alpha2 pool; without ranges, the walkthrough's."""
    spec = {"ipVersion": version, "ipRanges": list(listed) or [POOL_AP]}
    return {"apiVersion": ippools.V1ALPHA2, "kind": "IPPool", "metadata": {"name": name}, "spec": spec}


def beta(*listed, name="pool-ap", **subnet):
    """A v1beta1 pool; without ranges, the walkthrough's."""
    info = {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 19, **subnet}
    spec = {"ipRanges": list(listed) or [{"start": "172.16.19.11", "end": "172.16.19.50"}], "subnetInfo": info}
    return {"apiVersion": ippools.V1BETA1, "kind": "IPPool", "metadata": {"name": name}, "spec": spec}


def ranged(first, last, **subnet):
    """A v1alpha2 range in the walkthrough's subnet."""
    return {**POOL_AP, "start": first, "end": last, **subnet}


class Builders:
    alpha = staticmethod(alpha)
    beta = staticmethod(beta)
    ranged = staticmethod(ranged)

    @staticmethod
    def pools(*raws):
        return {pool.name: pool for pool in map(ippools.decode, raws)}


@pytest.fixture(scope="session")
def a():
    return Builders
