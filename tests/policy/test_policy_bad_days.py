"""The store dies, or another manager takes over: nothing acknowledged is lost, nothing hangs, nothing is done twice."""

from __future__ import annotations

from trunkline.policy import repository


async def test_a_dead_store_gives_503_and_reads_go_on_until_it_is_back(
    own_database, manager_with, tmp_path, monkeypatch
):
    monkeypatch.setattr(repository, "PATIENCE", 0.3)
    async with manager_with(own_database.remote, tmp_path) as opened:
        admin = opened.admin
        await admin.put("/infra/segments/web", description="acknowledged")
        own_database.kill()
        status, _, message = await admin.refused("PUT", "/infra/segments/db", {})
        assert status == 503
        assert "Retry it" in message
        assert (await admin.get("/infra/segments/web"))["description"] == "acknowledged"
        own_database.start()
        monkeypatch.setattr(repository, "PATIENCE", 10.0)
        response = await admin.call("PATCH", "/infra/segments/db", {"description": "later"})
        assert response.status_code == 200, response.text
    async with manager_with(own_database.remote, tmp_path, empty=False) as again:
        assert (await again.admin.get("/infra/segments/web"))["description"] == "acknowledged"
        assert (await again.admin.get("/infra/segments/db"))["description"] == "later"


async def test_a_manager_whose_role_was_taken_over_writes_no_more(policy, reopen):
    await policy.manager.lead()
    await policy.admin.put("/infra/segments/web")
    async with reopen() as successor:
        await successor.manager.lead()
        assert (await policy.admin.refused("PUT", "/infra/segments/db", {}))[0] == 503
        await successor.admin.put("/infra/segments/db")
        assert (await successor.admin.get("/infra/segments"))["result_count"] == 2
