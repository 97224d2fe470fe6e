"""ExternalIPPools with a VLAN become child segments as IPPools do, beside them and together with them: whole programs."""

from __future__ import annotations

import pytest

from tests.controller.conftest import EXTERNAL_IP_POOLS, IP_POOLS
from tests.controller.segments.conftest import PARENTS, Joined
from tests.standin.conftest import Eventually
from trunkline.adapters.kube import errors

SUBNET = {"gateway": "172.16.19.254", "vlan": 19}


async def test_given_an_external_pool_then_its_child_is_bound_with_its_gateway_and_goes_with_it(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.fabric.put("/infra/tier-1s/t1")
    await joined.configure(*PARENTS, tier1="/infra/tier-1s/t1")
    before = await joined.fabric.everything()

    await joined.hand.external_pool("egress", "172.16.19.100", "172.16.19.109", **SUBNET)
    await eventually(lambda: joined.says("egress", "True", "Realized", kind=EXTERNAL_IP_POOLS))

    child = await joined.fabric.get("/infra/segments/blue-vlan-19")
    assert child is not None
    assert [each["gateway_address"] for each in child["subnets"]] == ["172.16.19.254/24"]
    assert child["tags"][1] == {"scope": "trunkline/pool", "tag": "externalippool/egress"}
    assert sorted((await joined.fabric.bindings()).values()) == [(parent, 19) for parent in PARENTS]
    status = (await joined.hand.kube.get(EXTERNAL_IP_POOLS, "egress"))["status"]
    assert status["usage"] == {"total": 10, "used": 0}
    assert ("Allocating", "False") in {(each["type"], each["status"]) for each in status["conditions"]}

    await joined.hand.kube.delete(EXTERNAL_IP_POOLS, "egress")

    async def as_before() -> bool:
        return await joined.fabric.everything() == before

    await eventually(as_before)


async def test_given_pools_of_both_kinds_on_one_vlan_then_they_share_a_child_until_the_last_one_goes(
    joined: Joined, eventually: Eventually
) -> None:
    await joined.hand.pool("shared", "172.16.19.11", "172.16.19.20")
    await joined.hand.external_pool("shared", "172.16.19.100", "172.16.19.109", **SUBNET)
    await eventually(lambda: joined.says("shared", "True", "Realized"))
    await eventually(lambda: joined.says("shared", "True", "Realized", kind=EXTERNAL_IP_POOLS))
    assert await joined.fabric.children() == {"blue-vlan-19"}
    assert len(await joined.fabric.bindings()) == 1

    async def named() -> list[str]:
        child = await joined.fabric.get("/infra/segments/blue-vlan-19")
        return [tag["tag"] for tag in child["tags"][1:]] if child else []

    async def only_external() -> bool:
        return await named() == ["externalippool/shared"]

    assert await named() == ["externalippool/shared", "shared"]
    await joined.hand.kube.delete(IP_POOLS, "shared")
    await eventually(only_external)
    await joined.hand.kube.delete(EXTERNAL_IP_POOLS, "shared")

    async def gone() -> bool:
        return await joined.fabric.children() == set()

    await eventually(gone)


async def test_given_no_subnet_then_there_is_nothing_to_attach(joined: Joined, eventually: Eventually) -> None:
    await joined.hand.external_pool("plain", "10.10.0.2", "10.10.0.9")

    await eventually(lambda: joined.says("plain", "True", "Untagged", kind=EXTERNAL_IP_POOLS))
    assert await joined.fabric.children() == set()


async def test_an_address_of_both_kinds_on_one_vlan_is_refused_at_the_api_server(joined: Joined) -> None:
    await joined.hand.external_pool("egress", "172.16.19.100", "172.16.19.109", **SUBNET)

    with pytest.raises(errors.Invalid, match="TRK-0320"):
        await joined.hand.pool("pods", "172.16.19.90", "172.16.19.100")
    with pytest.raises(errors.Invalid, match="TRK-0328"):
        await joined.hand.external_pool("other", "172.16.19.109", "172.16.19.110")
