"""What `nat_order` takes for granted of northd: the longest source prefix has the highest priority, whatever came first."""

from __future__ import annotations

import re
from typing import Any

from tests.policy.realise.conftest import wait_until


def priorities(ovn: Any) -> dict[str, int]:
    """By source, the priority at which it is translated on the gateway."""
    flows = re.findall(r"lr_out_snat .*?priority=(\d+) .*?ip4\.src == ([\d./]+)", ovn.sbctl("lflow-list", "r"))
    return {source: int(priority) for priority, source in flows}


async def test_longest_prefix_has_the_highest_priority(ovn: Any) -> None:
    ovn.nbctl("lr-add", "r", "--", "lrp-add", "r", "up", "02:00:00:00:00:01", "192.0.2.1/24")
    ovn.nbctl("lrp-set-gateway-chassis", "up", "hv1")
    for external, source in (("192.0.2.7", "10.0.0.0/8"), ("192.0.2.8", "10.1.0.0/16"), ("192.0.2.9", "10.1.0.9")):
        ovn.nbctl("lr-nat-add", "r", "snat", external, source)

    wait_until(lambda: len(priorities(ovn)) == 3)
    found = priorities(ovn)
    assert found["10.0.0.0/8"] < found["10.1.0.0/16"] < found["10.1.0.9"]
