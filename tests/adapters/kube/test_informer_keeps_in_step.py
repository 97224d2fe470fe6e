"""Informers against a server that forgets, cuts and refuses."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from starlette.responses import JSONResponse

from trunkline.adapters.kube import Informer, resources


@pytest.fixture
async def pods(kube):
    informer = Informer(kube, resources.PODS)
    task = asyncio.create_task(informer.run())
    yield informer
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def has(informer, key, value=None):
    def there(objects):
        return key in objects and (value is None or objects[key].get("spec") == value)

    await informer.wait_for(there, 5)


async def lacks(informer, key):
    await informer.wait_for(lambda objects: key not in objects, 5)


async def test_given_objects_when_listed_then_the_first_batch_holds_them_all(server, pods):
    await server.put("a")
    await server.put("b")
    batch = await anext(pods.subscribe())
    assert {(change.key, change.old, change.new["kind"]) for change in batch} == {
        ("shop/a", None, "Pod"),
        ("shop/b", None, "Pod"),
    }


async def test_given_nothing_to_list_when_synced_then_the_first_batch_is_empty(pods):
    async with asyncio.timeout(5):
        assert await anext(pods.subscribe()) == []


async def test_given_a_running_watch_when_objects_come_change_and_go_then_the_copy_follows(server, pods):
    await pods.synced()
    await server.put("a", spec={"n": 1})
    await has(pods, "shop/a", {"n": 1})
    await server.put("a", spec={"n": 2})
    await has(pods, "shop/a", {"n": 2})
    await server.drop("a")
    await lacks(pods, "shop/a")


async def test_given_a_slow_reader_when_one_object_changes_often_then_it_gets_one_change(server, pods):
    await server.put("a", spec={"n": 0})
    changes = pods.subscribe()
    await anext(changes)
    for number in range(1, 50):
        await server.put("a", spec={"n": number})
    await has(pods, "shop/a", {"n": 49})
    batch = await anext(changes)
    assert [(c.key, c.old["spec"], c.new["spec"]) for c in batch] == [("shop/a", {"n": 0}, {"n": 49})]


async def test_given_a_slow_reader_when_an_object_comes_and_goes_then_it_never_hears_of_it(server, pods):
    changes = pods.subscribe()
    await anext(changes)
    await server.put("a")
    await has(pods, "shop/a")
    await server.drop("a")
    await server.put("b")
    await has(pods, "shop/b")
    assert [c.key for c in await anext(changes)] == ["shop/b"]


async def test_given_a_cut_watch_when_objects_change_meanwhile_then_it_resumes_without_listing(server, pods):
    await server.put("a")
    await has(pods, "shop/a")
    await server.cut()
    await server.put("b")
    await has(pods, "shop/b")
    assert (server.lists, server.watches) == (1, 2)


async def test_given_a_bookmark_when_the_watch_is_cut_then_it_resumes_from_the_bookmark(server, pods):
    await server.put("a")
    await has(pods, "shop/a")
    await server.bookmark()
    await server.put("b")
    await has(pods, "shop/b")
    server.events.clear()
    await server.bookmark()
    await asyncio.sleep(0.05)  # a bookmark changes nothing one could wait for
    server.floor = server._last
    await server.cut()
    await server.put("c")
    await has(pods, "shop/c")
    assert server.lists == 1


async def test_given_a_forgotten_version_when_resuming_then_readers_get_only_the_differences(server, pods):
    await server.put("stays")
    await server.put("goes")
    changes = pods.subscribe()
    assert len(await anext(changes)) == 2
    server.pods.pop("goes")
    await server.cut()
    await server.put("comes")
    server.events.clear()
    server.floor = server._last
    await has(pods, "shop/comes")
    await lacks(pods, "shop/goes")
    seen = {}
    while len(seen) < 2:
        seen |= {c.key: c.new is not None for c in await anext(changes)}
    assert seen == {"shop/comes": True, "shop/goes": False}
    assert server.lists == 2


async def test_given_a_refusing_server_when_it_recovers_then_the_copy_is_made(server, pods):
    server.refusal = JSONResponse({"kind": "Status", "message": "starting"}, 503)
    await server.put("a")
    await asyncio.sleep(0.2)  # long enough for one refused attempt
    server.refusal = None
    await has(pods, "shop/a")


async def test_given_no_such_fact_when_waiting_then_it_times_out(pods):
    with pytest.raises(TimeoutError):
        await pods.wait_for(lambda objects: "shop/none" in objects, 0.05)
