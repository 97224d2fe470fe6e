"""The store dies, or another manager takes over: nothing acknowledged is lost, nothing hangs, nothing is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from trunkline.adapters import store
from trunkline.policy import main, repository
from trunkline.policy.settings import Settings


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


async def test_a_program_whose_role_was_taken_over_ends_instead_of_answering_from_an_old_copy(own_database, tmp_path):
    def program(name):
        listening = socket.create_server(("127.0.0.1", 0))
        home = tmp_path / name
        settings = Settings(
            store=own_database.remote, state_dir=str(home), holder=name, admin_password_file=str(tmp_path / "password")
        )
        return asyncio.create_task(main.run(settings, sockets=[listening])), listening.getsockname()[1], home

    async def serves(task, port, home):
        for _ in range(500):
            if task.done():
                break
            with contextlib.suppress(OSError):
                if (home / "ca.pem").exists():
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
            await asyncio.sleep(0.02)  # no event tells that a server listens
        raise AssertionError("it does not serve")

    first, port, home = program("first")
    await serves(first, port, home)
    second, *where = program("second")
    with pytest.raises(store.Fenced, match="second"):
        await asyncio.wait_for(first, 20)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await serves(second, *where)
    second.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await second
