"""IPPools become child segments bound to the nodes' segments, and nothing else is touched: whole programs over TLS."""

from __future__ import annotations

import json

from tests.controller.segments.conftest import MAPS, PARENTS, Joined
from tests.standin.conftest import Eventually

NODES_A, NODES_B = PARENTS


async def test_given_a_pool_when_it_is_applied_then_its_child_segment_is_bound_and_the_pool_says_so(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("pool-ap", "172.16.19.11", "172.16.19.50", vlan=19)

    await eventually(lambda: _is(joined, "pool-ap", "True", "Realized"))

    child = await joined.fabric.get("/infra/segments/blue-vlan-19")
    assert child is not None
    assert "subnets" not in child
    assert "connectivity_path" not in child
    assert child["tags"] == [
        {"scope": "trunkline/cluster", "tag": "blue"},
        {"scope": "trunkline/pool", "tag": "pool-ap"},
    ]
    assert list((await joined.fabric.bindings()).values()) == [(NODES_A, 19)]


async def _is(joined: Joined, pool: str, status: str, reason: str) -> bool:
    return await joined.attached(pool) == (status, reason)
