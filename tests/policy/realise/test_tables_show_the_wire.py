"""Tables of segments and ports, from what real ovn-controllers have bound, learned and found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

WEB, ROOT = "/infra/segments/web", "/infra/tier-1s/t1"
BOUND, LEARNED, GATEWAY = "02:00:00:00:00:01", "02:00:00:00:00:02", "0a:58:0a:01:00:01"


async def table(manager: Any, path: str, count: int, again: Callable[[], None] | None = None) -> list[dict[str, Any]]:
    """The rows of a table once there are this many; what brings them about is done again until they come."""
    async with asyncio.timeout(15):
        while (found := await manager.get(path))["result_count"] != count:
            if again is not None:
                again()
            await asyncio.sleep(0.1)  # clients poll
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

    def send() -> None:
        hypervisors[1].send("any", f"eth(src={LEARNED},dst={GATEWAY}),eth_type(0x0806),{answer}")

    assert await table(manager, f"{WEB}/mac-table", 2, send) == [
        {"mac_address": BOUND, "vtep_ip": "127.0.1.1"},
        {"mac_address": LEARNED, "vtep_ip": "127.0.1.2"},
    ]
    assert await table(manager, f"{WEB}/ports/known/mac-table", 1) == [{"mac_address": BOUND, "mac_type": "STATIC"}]
    assert await table(manager, f"{WEB}/ports/any/mac-table", 1) == [{"mac_address": LEARNED, "mac_type": "LEARNED"}]
    neighbours = [{"ip": "10.1.0.5", "mac_address": BOUND}, {"ip": "10.1.0.6", "mac_address": LEARNED}]
    for word in ("arp-table", "gateway-interface-arp-table"):
        assert await table(manager, f"{WEB}/{word}", 2, send) == neighbours


async def test_gateway_shows_what_it_forwards_by_and_what_it_tells_above(manager: Any) -> None:
    above = "/infra/tier-0s/t0"
    await manager.put(above)
    await manager.put(ROOT, tier0_path=above, route_advertisement_types=["TIER1_CONNECTED", "TIER1_STATIC_ROUTES"])
    await manager.put(WEB, connectivity_path=ROOT, subnets=[{"gateway_address": "10.1.0.1/24"}])
    hops = [{"ip_address": "10.1.0.9", "admin_distance": 1}]
    await manager.put(f"{ROOT}/static-routes/r", network="10.9.0.0/16", next_hops=hops)
    told = [
        {"network": "10.1.0.0/24", "status": "SUCCESS", "rule_filter_type": "TIER1_CONNECTED"},
        {"network": "10.9.0.0/16", "status": "SUCCESS", "rule_filter_type": "TIER1_STATIC_ROUTES"},
    ]
    assert await table(manager, f"{ROOT}/advertised-networks", 2) == told

    (below,) = await table(manager, f"{ROOT}/forwarding-table", 1)
    assert below["count"] == len(below["route_entries"])
    found = {each["network"]: each for each in below["route_entries"]}
    assert found["10.1.0.0/24"] == {"network": "10.1.0.0/24", "route_type": "t1c"}
    assert found["10.9.0.0/16"] == {"network": "10.9.0.0/16", "route_type": "t1s", "next_hop": "10.1.0.9"}
    assert found["0.0.0.0/0"].keys() == {"network", "next_hop"}
    (upper,) = await table(manager, f"{above}/forwarding-table", 1)
    found = {each["network"]: each["route_type"] for each in upper["route_entries"]}
    assert (found["10.1.0.0/24"], found["10.9.0.0/16"]) == ("t1c", "t1s")
