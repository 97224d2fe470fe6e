"""The controller killed between any two writes to a real manager: the next one brings everything where it belongs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.controller.segments.conftest import MAPS, PARENTS, Fabric, Served
from trunkline.adapters.nsx import Basic, Document, Nsx, in_file, tls_context
from trunkline.controller.segments import carry, observe, plan, routable
from trunkline.controller.segments.documents import Shape
from trunkline.controller.segments.routable import Routable

SHAPE = Shape(cluster="blue", parents=PARENTS, tier1="/infra/tier-1s/t1")
STAGES: tuple[tuple[tuple[str, int], ...], ...] = (
    (("pods", 19), ("externalippool/egress", 19), ("pods", 20)),
    (("externalippool/egress", 19), ("other", 21)),
    (),
)
"""What pools want, one stage after the other: pools of both kinds on one VLAN, one leaves it, one comes, all go."""


class Killed(Exception):
    """The controller is no more."""


class Mortal(Nsx):
    """A client whose program is killed before a write; `left` is how many come before that one, None for ever."""

    left: int | None = None

    def _write(self) -> None:
        if self.left == 0:
            raise Killed
        if self.left is not None:
            self.left -= 1

    async def put(self, path: str, document: Document) -> Document:
        self._write()
        return await super().put(path, document)

    async def delete(self, path: str) -> None:
        self._write()
        await super().delete(path)


@pytest.fixture
async def nsx(fabric: Fabric, served: Served) -> AsyncIterator[Mortal]:
    await fabric.put("/infra/tier-1s/t1")
    await fabric.put("/infra/segments/theirs")
    await fabric.put(f"/infra/segments/theirs/{MAPS}/theirs", vlan_traffic_tag=22, segment_path=PARENTS[0])
    password = in_file(str(served.home / "password"))
    async with Mortal(served.url, tls_context(served.authority), Basic("admin", password)) as found:
        yield found


async def a_round(nsx: Mortal, stage: Iterable[tuple[str, int]]) -> None:
    """What the controller does in one round, from what it finds."""
    wanted = routable.gathered(
        Routable(pool, vlan, ip_address(f"172.16.{vlan}.254"), ip_network(f"172.16.{vlan}.0/24"))
        for pool, vlan in stage
    )
    planned = plan.plan(wanted, await observe.observe(nsx, SHAPE), SHAPE)
    assert not planned.conflicts
    assert not await carry.carry_out(nsx, SHAPE, planned.calls)


def words(documents: dict[str, Any]) -> dict[str, Any]:
    """What the documents say, without when and how often they were written."""
    told = ("segment_path", "vlan_traffic_tag", "subnets", "connectivity_path", "tags")
    return {path: {field: each.get(field) for field in told} for path, each in documents.items()}


@pytest.mark.slow
async def test_whichever_write_is_the_last_the_next_round_ends_where_an_undisturbed_one_does(
    fabric: Fabric, nsx: Mortal
) -> None:
    theirs = {path: each for path, each in (await fabric.everything()).items() if "/blue-" not in path}
    kills = 0
    for before, after in zip(((), *STAGES), STAGES, strict=False):
        await a_round(nsx, before)
        await a_round(nsx, after)
        undisturbed = words(await fabric.everything())
        writes = 0
        while True:
            await a_round(nsx, before)
            nsx.left = writes
            try:
                await a_round(nsx, after)
                break
            except Killed:
                kills, writes = kills + 1, writes + 1
            finally:
                nsx.left = None
            await a_round(nsx, after)
            assert words(await fabric.everything()) == undisturbed
    assert kills == 6 + 7 + 6
    assert {path: each for path, each in (await fabric.everything()).items() if "/blue-" not in path} == theirs
