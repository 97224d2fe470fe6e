"""Watches, on a real server over TLS: the in-process transport would hand a stream over only when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


class Stream:
    """The events of one watch, one by one."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self._lines = response.aiter_lines()

    async def next(self, timeout_s: float = 10.0) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            return json.loads(await anext(self._lines))

    async def rest(self) -> list[dict[str, Any]]:
        async with asyncio.timeout(20):
            return [json.loads(line) async for line in self._lines]


@contextlib.asynccontextmanager
async def watch(
    http: httpx2.AsyncClient, path: str, headers: dict[str, str] | None = None, **query: Any
) -> AsyncIterator[Stream]:
    async with http.stream("GET", path, params={"watch": "1", **query}, headers=headers or {}) as response:
        yield Stream(response)


async def put(http: httpx2.AsyncClient, name: str, **labels: str) -> dict[str, Any]:
    """Make or replace a ConfigMap with these labels."""
    body = {"metadata": {"name": name, "labels": labels}, "data": {"n": str(len(labels))}}
    answer = await http.put(f"{MAPS}/{name}", json=body)
    if answer.status_code == 404:
        answer = await http.post(MAPS, json=body)
    answer.raise_for_status()
    return answer.json()


def told(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


async def test_a_watch_without_a_version_begins_with_what_is_there(running: Any) -> None:
    async with running.http() as http:
        await put(http, "a")
        async with watch(http, MAPS) as stream:
            assert told(await stream.next()) == ("ADDED", "a")
            await put(http, "b")
            assert told(await stream.next()) == ("ADDED", "b")
            await put(http, "b", x="y")
            assert told(await stream.next()) == ("MODIFIED", "b")
            await http.delete(f"{MAPS}/a")
            assert told(await stream.next()) == ("DELETED", "a")


async def test_a_watch_resumes_after_the_version_it_names(running: Any) -> None:
    async with running.http() as http:
        first = await put(http, "a")
        second = await put(http, "b")
        async with watch(http, MAPS, resourceVersion=first["metadata"]["resourceVersion"]) as stream:
            event = await stream.next()

        assert told(event) == ("ADDED", "b")
        assert event["object"] == second


async def test_a_deletion_carries_its_own_version(running: Any) -> None:
    async with running.http() as http:
        made = await put(http, "a")
        async with watch(http, MAPS, resourceVersion=made["metadata"]["resourceVersion"]) as stream:
            await http.delete(f"{MAPS}/a")
            event = await stream.next()

        assert event["type"] == "DELETED"
        assert int(event["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
        assert event["object"]["data"] == made["data"]


async def test_a_selector_turns_changes_into_additions_and_deletions(running: Any) -> None:
    async with running.http() as http:
        made = await put(http, "a")
        query = {"labelSelector": "colour=blue", "resourceVersion": made["metadata"]["resourceVersion"]}
        async with watch(http, MAPS, **query) as stream:
            await put(http, "a", colour="blue")
            await put(http, "a", colour="blue", size="1")
            await put(http, "a", colour="red")
            await put(http, "a", colour="green")
            await put(http, "b", colour="blue")
            events = [await stream.next() for _ in range(4)]

        assert [told(event) for event in events] == [
            ("ADDED", "a"),
            ("MODIFIED", "a"),
            ("DELETED", "a"),
            ("ADDED", "b"),
        ]


@pytest.mark.parametrize("version", ["1", "99999999"])
async def test_a_version_outside_the_history_is_gone(running: Any, version: str) -> None:
    async with running.http() as http, watch(http, MAPS, resourceVersion=version) as stream:
        (event,) = await stream.rest()

    assert stream.status == 200
    assert event["type"] == "ERROR"
    assert (event["object"]["kind"], event["object"]["code"], event["object"]["reason"]) == ("Status", 410, "Expired")
    assert "too old resource version" in event["object"]["message"]


async def test_a_watch_ends_when_its_time_is_up(running: Any) -> None:
    async with running.http() as http, watch(http, MAPS, timeoutSeconds="1") as stream:
        await stream.rest()


async def test_initial_events_end_with_a_bookmark_when_asked_for(running: Any) -> None:
    async with running.http() as http:
        await put(http, "a")
        query = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
        async with watch(http, MAPS, **query) as stream:
            event, marker = [await stream.next() for _ in range(2)]

    assert told(event) == ("ADDED", "a")
    assert marker["type"] == "BOOKMARK"
    assert marker["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_one_object_is_watched_by_its_name(running: Any) -> None:
    async with running.http() as http, watch(http, MAPS, fieldSelector="metadata.name=b") as stream:
        await put(http, "a")
        await put(http, "b")

        assert told(await stream.next()) == ("ADDED", "b")


async def test_a_watch_of_tables_tells_rows(running: Any) -> None:
    table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with running.http() as http, watch(http, MAPS, table, fieldSelector="metadata.name=b") as stream:
        await put(http, "b")
        event = await stream.next()

    assert event["object"]["kind"] == "Table"
    assert event["object"]["rows"][0]["cells"][:2] == ["b", 1]


async def test_a_bad_selector_fails_before_the_stream_begins(running: Any) -> None:
    async with running.http() as http:
        answer = await http.get(MAPS, params={"watch": "1", "fieldSelector": "nonsense=1"})

    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


async def test_many_watchers_see_the_same_in_the_same_order(running: Any) -> None:
    async with running.http() as http, contextlib.AsyncExitStack() as stack:
        made = await put(http, "start")
        query = {"resourceVersion": made["metadata"]["resourceVersion"]}
        streams = [await stack.enter_async_context(watch(http, MAPS, **query)) for _ in range(20)]
        for number in range(30):
            await put(http, f"m{number}")
        seen = [[told(await stream.next()) for _ in range(30)] for stream in streams]

    assert seen == [[("ADDED", f"m{number}") for number in range(30)]] * 20


async def test_a_certificate_of_another_authority_is_refused(running: Any, tmp_path: Any) -> None:
    stranger = type(running.authority)(tmp_path)
    certificate = stranger.issue("admin", "system:masters")
    import ssl

    context = ssl.create_default_context(cafile=str(running.authority.path))
    context.load_cert_chain(*certificate)
    async with httpx2.AsyncClient(base_url=running.url, verify=context) as http:
        with pytest.raises(httpx2.TransportError):
            await http.get(MAPS)


async def test_without_a_certificate_there_is_only_health(running: Any) -> None:
    async with running.http("") as http:
        assert (await http.get("/readyz")).text == "ok"
        answer = await http.get(MAPS)

    assert (answer.status_code, answer.json()["kind"]) == (401, "Status")


async def test_a_server_that_stops_ends_its_watches(running: Any) -> None:
    async with running.http() as http, watch(http, MAPS) as stream:
        running.task.cancel()
        await stream.rest()
        async with asyncio.timeout(5):
            await asyncio.gather(running.task, return_exceptions=True)
