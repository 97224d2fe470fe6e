"""Tables of segments and ports, from what real ovn-controllers have bound, learned and found."""

from __future__ import annotations

import asyncio
from typing import Any

WEB, ROOT = "/infra/segments/web", "/infra/tier-1s/t1"
BOUND, LEARNED, GATEWAY = "02:00:00:00:00:01", "02:00:00:00:00:02", "0a:58:0a:01:00:01"


async def table(manager: Any, path: str, count: int) -> list[dict[str, Any]]:
    """The rows of a table once there are this many."""
    async with asyncio.timeout(10):
        while (found := await manager.get(path))["result_count"] != count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # clients poll
    return found["results"]  # type: ignore[no-any-return]


async def test_tables_show_what_is_bound_what_was_learned_and_where(hypervisors: list[Any], manager: Any) -> None:
    await manager.put(ROOT)
    await manager.put(WEB, connectivity_path=ROOT, subnets=[{"gateway_address": "10.1.0.1/24"}])
    addresses = [{"mac_address": BOUND, "ip_address": "10.1.0.5"}]
    await manager.put(f"{WEB}/ports/known", attachment={"id": "known"}, address_bindings=addresses)
    await manager.put(f"{WEB}/ports/any", attachment={"id": "any"})
    assert await table(manager, f"{WEB}/tep-table", 0) == []

    hypervisors[0].plug("known")
    hypervisors[1].plug("any")
    segment = (await manager.get(WEB))["realization_id"]
    ends = [{"tep_ip": f"127.0.1.{number}", "segment_id": segment} for number in (1, 2)]
    assert await table(manager, f"{WEB}/tep-table", 2) == ends
    await manager.becomes(f"{WEB}/ports/any", "REALIZED")
    answer = f"arp(sip=10.1.0.6,tip=10.1.0.1,op=2,sha={LEARNED},tha={GATEWAY})"
    hypervisors[1].send("any", f"eth(src={LEARNED},dst={GATEWAY}),eth_type(0x0806),{answer}")

    assert await table(manager, f"{WEB}/mac-table", 2) == [
        {"mac_address": BOUND, "vtep_ip": "127.0.1.1"},
        {"mac_address": LEARNED, "vtep_ip": "127.0.1.2"},
    ]
    assert await table(manager, f"{WEB}/ports/known/mac-table", 1) == [{"mac_address": BOUND, "mac_type": "STATIC"}]
    assert await table(manager, f"{WEB}/ports/any/mac-table", 1) == [{"mac_address": LEARNED, "mac_type": "LEARNED"}]
    neighbours = [{"ip": "10.1.0.5", "mac_address": BOUND}, {"ip": "10.1.0.6", "mac_address": LEARNED}]
    for word in ("arp-table", "gateway-interface-arp-table"):
        assert await table(manager, f"{WEB}/{word}", 2) == neighbours
