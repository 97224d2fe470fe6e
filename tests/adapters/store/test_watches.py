"""Watches: in revision order, each event once, or a plain statement that the history is gone."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.adapters import store as stores
from trunkline.adapters.store import Delete, Event, Put, Release, Store, Take, Update, history, transaction


async def collect(watch: stores.Watch, count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(watch), 10) for _ in range(count)]


def brief(events: list[Event]) -> list[tuple[str, str, bytes, int]]:
    return [(event.type, event.document.path, event.document.body, event.revision) for event in events]


async def test_a_watch_replays_what_it_missed_and_goes_on(store: Store) -> None:
    start = store.revision
    await store.commit(Put("/a/1", "A", b"1"))
    await store.commit(Put("/b/1", "B", b"-"))
    await store.commit(Put("/a/1", "A", b"2"))
    watch = store.watch("/a/", start)
    assert brief(await collect(watch, 2)) == [
        ("ADDED", "/a/1", b"1", start + 1),
        ("MODIFIED", "/a/1", b"2", start + 3),
    ]

    await store.commit(Delete("/a/1"))
    await store.commit(Put("/a/1", "A", b"3"))

    assert brief(await collect(watch, 2)) == [
        ("DELETED", "/a/1", b"2", start + 4),
        ("ADDED", "/a/1", b"3", start + 5),
    ]


async def test_a_deletion_has_a_revision_of_its_own_in_every_store(store: Store, other: Store) -> None:
    await store.commit(Put("/a", "A", b"1"), Put("/b", "A", b"1"))
    watches = [opened.watch("/", store.revision) for opened in (store, other)]
    first = await store.commit(Delete("/a"))
    second = await store.commit(Delete("/b"))

    for watch in watches:
        assert [(event.type, event.revision) for event in await collect(watch, 2)][-2:] == [
            ("DELETED", first),
            ("DELETED", second),
        ]


async def test_resuming_from_any_revision_gives_exactly_the_rest(store: Store) -> None:
    start = store.revision
    for number in range(30):
        await store.commit(Put(f"/a/{number % 7}", "A", b"%d" % number))
    everything = await collect(store.watch("/a/", start), 30)

    for since in range(start, start + 31):
        rest = [event for event in everything if event.revision > since]
        assert await collect(store.watch("/a/", since), len(rest)) == rest


async def test_history_before_the_start_of_the_process_is_compacted(store: Store, store_server) -> None:
    await store.commit(Put("/a", "A", b"{}"))

    async with Store(store_server.remote, connect_timeout=10) as later:
        later.watch("/", later.revision)
        with pytest.raises(stores.Compacted) as caught:
            later.watch("/", later.revision - 1)

    assert caught.value.oldest == store.revision


async def test_two_stores_tell_the_same_story(store: Store, other: Store) -> None:
    start = store.revision
    watches = [store.watch("/", start), other.watch("/", start)]
    for number in range(40):
        writer = (store, other)[number % 2]
        await writer.commit(Put(f"/{number}", "A", b"{}"))
    await store.commit(*[Delete(f"/{number}") for number in range(0, 40, 4)])

    first, second = [await collect(watch, 50) for watch in watches]

    assert first[:40] == second[:40]
    assert sorted(first[40:], key=str) == sorted(second[40:], key=str)
    assert [event.revision for event in first] == [*range(start + 1, start + 41), *[start + 41] * 10]


async def test_across_a_broken_connection_no_event_is_missing_or_doubled(wire, other: Store) -> None:
    async with Store(wire.remote, connect_timeout=10) as watching:
        start = watching.revision
        watch = watching.watch("/", start)
        for round_ in range(3):
            for number in range(20):
                await other.commit(Put(f"/{round_}/{number}", "A", b"1"))
            wire.cut()
            await other.commit(Put(f"/{round_}/0", "A", b"2"))
            await other.commit(Put(f"/{round_}/0", "A", b"3"))
            await other.commit(Delete(f"/{round_}/1"))
            await other.commit(Delete(f"/{round_}/2"))
            await other.commit(Put(f"/{round_}/2", "A", b"again"))
            await wire.open()
        await other.commit(Put("/end", "A", b""))
        events = []
        while not events or events[-1].document.path != "/end":
            events += await collect(watch, 1)

    documents: dict[str, stores.Document] = {}
    for event in events:
        assert (event.type == "ADDED") == (event.document.path not in documents), event
        if event.type == "DELETED":
            del documents[event.document.path]
        else:
            documents[event.document.path] = event.document
    assert sorted(documents.values(), key=lambda document: document.path) == other.list("")
    revisions = [event.revision for event in events]
    assert revisions == sorted(set(revisions))


async def test_when_more_commits_are_missed_than_are_kept_the_watch_says_so(
    wire, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "KEPT", 3)
    monkeypatch.setattr(transaction, "TRIM_EVERY", 1)
    async with Store(wire.remote, connect_timeout=10) as watching:
        watch = watching.watch("/", watching.revision)
        await other.commit(Put("/a", "A", b"{}"))
        await collect(watch, 1)
        wire.cut()
        await other.commit(Delete("/a"))
        for _ in range(10):
            await other.commit(Put("/b", "A", b"{}"))
        await wire.open()

        with pytest.raises(stores.Compacted) as caught:
            await collect(watch, 20)

        assert caught.value.oldest == other.revision == watching.revision
        assert watching.list("") == other.list("")
        fresh = watching.watch("/", watching.revision)
        await other.commit(Put("/c", "A", b"{}"))
        assert [event.document.path for event in await collect(fresh, 1)] == ["/c"]


async def test_closing_the_store_ends_its_watches(store_server) -> None:
    async with Store(store_server.remote, connect_timeout=10) as store:
        watch = store.watch("/", store.revision)
        feed = store.subscribe_claims("")

    assert [event async for event in watch] == []
    assert [batch async for batch in feed] == []


async def test_claim_changes_are_merged_while_nobody_reads(store: Store, other: Store) -> None:
    feed = store.subscribe_claims("address/")
    await other.commit(Take("address/1", "a", b"1"), Take("vlan/1", "a"))
    await other.commit(Update("address/1", "a", b"2"))
    await other.commit(Take("address/2", "b"))
    await other.commit(Release("address/2", "b"))
    await other.commit(Take("address/3", "c"))
    await store.commit(Put("/now", "A", b"{}"))  # answered, so the store has seen all that went before

    assert await anext(feed) == [
        stores.ClaimEvent("address/1", None, stores.Claim("address/1", "a", b"2")),
        stores.ClaimEvent("address/3", None, stores.Claim("address/3", "c", b"{}")),
    ]


def event(path: str, revision: int) -> Event:
    return Event("MODIFIED", stores.Document(path, "A", b"", revision, "u", "", ""), revision)


async def test_a_watcher_that_falls_behind_is_told_and_costs_nothing() -> None:
    kept = history.History(0, limit=10)
    slow, quiet = kept.watch("/busy", 0), kept.watch("/quiet", 0)

    for revision in range(1, 100):
        kept.extend([event("/busy/1", revision)])
    kept.extend([event("/quiet/1", 100)])

    with pytest.raises(stores.Compacted):
        await anext(slow)
    assert (await anext(quiet)).revision == 100


@given(
    st.lists(st.lists(st.sampled_from(["/a/1", "/a/2", "/b/1"]), min_size=1, max_size=3), max_size=30),
    st.integers(0, 30),
    st.sampled_from(["", "/a/", "/b/", "/c"]),
)
def test_a_watch_yields_every_later_event_under_its_prefix_or_is_refused(
    commits: list[list[str]], since: int, prefix: str
) -> None:
    asyncio.run(check_history(commits, since, prefix))


async def check_history(commits: list[list[str]], since: int, prefix: str) -> None:
    kept = history.History(0, limit=3)
    everything = [[event(path, revision) for path in paths] for revision, paths in enumerate(commits, 1)]
    early = kept.watch(prefix, 0)
    seen: list[Event] = []
    for batch in everything:
        kept.extend(batch)
        seen += await read(early)
    wanted = [event for batch in everything for event in batch if event.document.path.startswith(prefix)]
    assert seen == wanted

    later = sum(len(batch) for batch in everything[kept.floor :])
    assert later > 0 or not everything, "the newest commits are always kept"
    if since < kept.floor:
        with pytest.raises(stores.Compacted):
            kept.watch(prefix, since)
    else:
        assert await read(kept.watch(prefix, since)) == [event for event in wanted if event.revision > since]


async def read(watch: stores.Watch) -> list[Event]:
    """What can be read without waiting."""
    events = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            while True:
                events.append(await anext(watch))
    return events
