"""Pools, NAT, groups and policies as their clients drive them: over HTTP, side by side, and after a restart."""

from __future__ import annotations

import asyncio
import datetime

from trunkline.kit import clock

POOL, DOMAIN = "/infra/ip-pools/p", "/infra/domains/default"
SUBNET = {
    "resource_type": "IpAddressPoolStaticSubnet",
    "cidr": "10.0.0.0/24",
    "allocation_ranges": [{"start": "10.0.0.10", "end": "10.0.0.49"}],
}


async def realized(admin, path):
    return (await admin.get("/infra/realized-state/realized-entities", intent_path=path))["results"][0]


async def test_racing_clients_get_an_address_each_and_no_more_than_there_are(admin):
    await admin.patch(POOL)
    await admin.patch(f"{POOL}/ip-subnets/s", **SUBNET)
    calls = [admin.call("PUT", f"{POOL}/ip-allocations/a{number}", {}) for number in range(60)]
    answers = await asyncio.gather(*calls)
    given = [answer.json()["allocation_ip"] for answer in answers if answer.status_code == 200]
    assert len(given) == len(set(given)) == 40
    assert {answer.status_code for answer in answers} == {200, 400}
    usage = (await admin.get(POOL))["pool_usage"]
    assert usage == {
        "total_ips": 40,
        "requested_ip_allocations": 40,
        "allocated_ip_allocations": 40,
        "available_ips": 0,
    }


async def test_addresses_are_claims_that_another_manager_cannot_take_twice(admin, policy, reopen):
    await admin.patch(POOL)
    await admin.patch(f"{POOL}/ip-subnets/s", **SUBNET)
    async with reopen() as second:
        wishes = [
            each.call("PUT", f"{POOL}/ip-allocations/{name}", {"allocation_ip": "10.0.0.10"})
            for name, each in (("a", admin), ("b", second.admin))
        ]
        answers = await asyncio.gather(*wishes)
        assert sorted(answer.status_code for answer in answers) == [200, 400]


async def test_the_sequence_of_terraform_and_the_cloud_provider(admin):
    await admin.patch(POOL)
    await admin.patch(f"{POOL}/ip-subnets/s", **SUBNET)
    path = f"{POOL}/ip-allocations/lb"
    await admin.patch(path, display_name="lb")
    entity = await realized(admin, path)
    assert (entity["state"], entity["intent_paths"]) == ("REALIZED", [path])
    attribute = entity["extended_attributes"][0]
    assert (attribute["key"], attribute["values"]) == ("allocation_ip", ["10.0.0.10"])
    await admin.patch(path, display_name="changed")
    assert (await admin.get(path))["_revision"] == 0
    assert (await admin.call("PUT", path, {})).json()["allocation_ip"] == "10.0.0.10"
    subnets = (await admin.get(f"{POOL}/ip-subnets"))["results"]
    assert [subnet["resource_type"] for subnet in subnets] == ["IpAddressPoolStaticSubnet"]
    hits = await admin.get("/search/query", query="resource_type:IpAddressPoolStaticSubnet AND cidr:10.0.0.0/24")
    assert hits["result_count"] == 1
    await admin.delete(path)
    await admin.delete(f"{POOL}/ip-subnets/s")
    await admin.delete(POOL)


async def test_nat_rules_and_their_sections(admin):
    await admin.patch("/infra/tier-1s/t")
    sections = await admin.get("/infra/tier-1s/t/nat")
    assert {section["nat_type"] for section in sections["results"]} == {"USER", "INTERNAL", "DEFAULT", "NAT64"}
    rules = "/infra/tier-1s/t/nat/USER/nat-rules"
    body = {"action": "SNAT", "source_network": "10.1.0.0/24", "translated_network": "192.0.2.1"}
    await admin.patch(f"{rules}/r", **body, sequence_number=100, firewall_match="BYPASS")
    assert (await admin.get(rules))["results"][0]["firewall_match"] == "BYPASS"
    for method in ("PUT", "PATCH", "DELETE"):
        status, _, _ = await admin.refused(method, "/infra/tier-1s/t/nat/USER", {} if method != "DELETE" else None)
        assert status == 405
    assert (await admin.refused("DELETE", "/infra/tier-1s/t"))[1] == 500030


async def test_what_an_earlier_version_stored_without_is_made_up_for(admin, policy, reopen):
    await admin.patch("/infra/tier-1s/t")
    await admin.patch("/orgs/default/projects/red")
    gone = ["/infra/tier-1s/t/nat/USER", "/orgs/default/projects/red/infra/domains/default"]
    from trunkline.adapters import store

    await policy.manager._store.commit(*[store.Delete(f"nsx{path}") for path in gone])
    async with reopen() as second:
        for path in gone:
            await second.admin.get(path)


async def test_members_of_a_group_are_what_is_known_here(admin):
    await admin.patch("/infra/segments/web", tags=[{"scope": "app", "tag": "shop"}])
    binding = [{"ip_address": "10.0.0.9", "mac_address": "00:50:56:00:00:01"}]
    await admin.patch("/infra/segments/web/ports/vm", attachment={"id": "vif-1"}, address_bindings=binding)
    wanted = {"resource_type": "Condition", "member_type": "Segment", "key": "Tag", "value": "app|shop"}
    await admin.patch(f"{DOMAIN}/groups/g", expression=[wanted])
    at = f"{DOMAIN}/groups/g/members"
    assert (await admin.get(f"{at}/segments"))["results"][0]["path"] == "/infra/segments/web"
    assert (await admin.get(f"{at}/segment-ports"))["results"][0]["path"] == "/infra/segments/web/ports/vm"
    assert (await admin.get(f"{at}/ip-addresses"))["results"] == ["10.0.0.9"]
    vif = (await admin.get(f"{at}/vifs"))["results"][0]
    assert (vif["lport_attachment_id"], vif["mac_address"]) == ("vif-1", "00:50:56:00:00:01")
    assert (await admin.get(f"{at}/virtual-machines"))["result_count"] == 0
    for path in (f"{at}/everything", f"{DOMAIN}/groups/x/members/segments", "/infra/segments/web/members/segments"):
        assert (await admin.refused("GET", path))[0] == 404
    vifs = await admin.get("/infra/realized-state/enforcement-points/default/vifs")
    assert [each["external_id"] for each in vifs["results"]] == ["vif-1"]


async def test_a_policy_shows_its_rules_in_order_and_takes_its_own_answer_back(admin):
    path = f"{DOMAIN}/security-policies/p"
    rules = [{"id": name, "action": "ALLOW", "sequence_number": number} for name, number in (("a", 20), ("b", 10))]
    await admin.patch(path, rules=rules)
    shown = await admin.get(path)
    assert ([rule["id"] for rule in shown["rules"]], shown["rule_count"]) == (["b", "a"], 2)
    again = await admin.put(path, **{name: value for name, value in shown.items() if name != "path"})
    assert again == shown, "an echo changes nothing"
    again["rules"] = again["rules"][:1]
    assert (await admin.put(path, **{name: value for name, value in again.items() if name != "path"}))[
        "rule_count"
    ] == 1
    listed = (await admin.get(f"{DOMAIN}/security-policies"))["results"]
    assert [policy["id"] for policy in listed] == ["p"]


async def test_nothing_claims_that_rules_are_enforced(admin):
    path = f"{DOMAIN}/security-policies/p"
    await admin.patch(path, rules=[{"id": "r", "action": "DROP"}])
    for each in (path, f"{path}/rules/r"):
        assert (await realized(admin, each))["state"] == "UNREALIZED"


async def test_terraform_writes_a_policy_through_its_domain(admin):
    rule = {"resource_type": "ChildRule", "Rule": {"resource_type": "Rule", "id": "r", "action": "ALLOW"}}
    policy = {"resource_type": "SecurityPolicy", "id": "p", "category": "Application", "children": [rule]}
    domain = {
        "resource_type": "ChildResourceReference",
        "target_type": "Domain",
        "id": "default",
        "children": [{"resource_type": "ChildSecurityPolicy", "SecurityPolicy": policy}],
    }
    await admin.patch("/infra", resource_type="Infra", children=[domain])
    assert (await admin.get(f"{DOMAIN}/security-policies/p"))["rules"][0]["id"] == "r"


async def test_an_address_that_was_given_back_rests_also_over_a_restart(admin, policy, reopen, monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    await admin.patch(POOL, ip_release_delay=60_000)
    await admin.patch(f"{POOL}/ip-subnets/s", **SUBNET)
    await admin.patch(f"{POOL}/ip-allocations/a")
    await admin.delete(f"{POOL}/ip-allocations/a")
    async with reopen() as again:
        other = again.admin
        status, code, text = await other.refused("PUT", f"{POOL}/ip-allocations/b", {"allocation_ip": "10.0.0.10"})
        assert (status, code, "rests" in text) == (400, 255, True)
        assert (await other.put(f"{POOL}/ip-allocations/b"))["allocation_ip"] == "10.0.0.11"
        assert (await other.get(POOL))["pool_usage"]["available_ips"] == 38
        now += datetime.timedelta(minutes=1)
        assert (await other.put(f"{POOL}/ip-allocations/c"))["allocation_ip"] == "10.0.0.10"
