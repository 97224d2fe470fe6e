"""Kills, cut wires and take-overs in the middle of commits: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import collections
import subprocess
from pathlib import Path

import pytest

from trunkline.adapters import ovsdb
from trunkline.adapters import store as stores
from trunkline.adapters.store import Delete, Put, Release, Store, Take, Update, transaction
from trunkline.kit import problems


async def until_seen(store: Store, since: int, count: int) -> None:
    """Wait until `count` events after revision `since` have reached this store."""
    watch = store.watch("/", since)
    for _ in range(count):
        await asyncio.wait_for(anext(watch), 10)


async def test_a_storm_of_commits_survives_kill_9_of_the_server(store: Store, other: Store, store_server) -> None:
    start = store.revision
    revisions: list[int] = []
    expected: dict[str, int] = {}

    async def write(writer: Store, name: str) -> None:
        for number in range(60):
            path = f"/{name}/{number}"
            revision = await writer.commit(Put(path, "A", b"{}", expect=0), Take(f"claim{path}", name))
            revisions.append(revision)
            if number % 3 == 2:
                revisions.append(await writer.commit(Delete(path, expect=revision)))
            else:
                expected[path] = revision

    writers = [(store, f"a{number}") for number in range(6)] + [(other, f"b{number}") for number in range(6)]
    storm = [asyncio.create_task(write(*writer)) for writer in writers]
    for _ in range(4):
        await asyncio.sleep(0.15)  # let commits get under way
        store_server.kill()
        store_server.start()
    await asyncio.wait_for(asyncio.gather(*storm), 60)

    assert sorted(revisions) == list(range(start + 1, start + 1 + 12 * 80)), "one revision per commit, none left over"
    async with Store(store_server.remote, connect_timeout=10) as reader:
        assert {document.path: document.revision for document in reader.list("")} == expected
        assert len(reader.claims("")) == 12 * 60
        assert reader.list("") == store.list("") == other.list("")


async def test_a_commit_that_landed_unanswered_is_recognised_and_not_repeated(store_server, wire, other: Store) -> None:
    async with Store(wire.remote, connect_timeout=10) as store:
        start = store.revision
        wire.answers_pass = False
        commits = [
            asyncio.create_task(store.commit(Put(f"/{n}", "A", b"%d" % n, expect=0), Take(f"k{n}", "me")))
            for n in range(5)
        ]
        await until_seen(other, start, 5)
        await other.commit(Put("/0", "A", b"overwritten since", expect=other.get("/0").revision))
        await other.commit(Delete("/1"), Release("k1", "me"))

        wire.cut()
        await wire.open()

        assert await asyncio.wait_for(asyncio.gather(*commits), 10) == [start + 1 + n for n in range(5)]
        assert store.revision == start + 7
        assert [document.body for document in store.list("/")] == [b"overwritten since", b"2", b"3", b"4"]


async def test_a_commit_that_never_arrived_is_sent_again(wire, other: Store) -> None:
    async with Store(wire.remote, connect_timeout=10) as store:
        start = store.revision
        wire.requests_pass = False
        commit = asyncio.create_task(store.commit(Put("/a", "A", b"mine", expect=0)))
        await asyncio.sleep(0.05)  # the request is swallowed

        wire.cut()
        await wire.open()

        assert await asyncio.wait_for(commit, 10) == start + 1


async def test_a_commit_that_never_arrived_and_was_overtaken_is_a_conflict(wire, other: Store) -> None:
    async with Store(wire.remote, connect_timeout=10) as store:
        wire.requests_pass = False
        commit = asyncio.create_task(store.commit(Put("/a", "A", b"mine", expect=0)))
        await asyncio.sleep(0.05)  # the request is swallowed
        revision = await other.commit(Put("/a", "A", b"theirs", expect=0))

        wire.cut()
        await wire.open()

        with pytest.raises(stores.Conflict) as caught:
            await asyncio.wait_for(commit, 10)
        assert caught.value.found == revision


async def test_a_commit_sent_ahead_fails_with_the_one_it_builds_on(wire, other: Store) -> None:
    async with Store(wire.remote, connect_timeout=10) as store:
        revision = await store.commit(Put("/a", "A", b"old"))
        wire.free.clear()
        ahead = asyncio.create_task(store.commit(Put("/b", "A", b"{}")))
        builds_on_it = asyncio.create_task(store.commit(Put("/a", "A", b"mine", expect=revision)))
        await asyncio.sleep(0.02)  # both are on their way
        # This takes the very revision number that the second commit waits for.
        theirs = await other.commit(Put("/a", "A", b"theirs"))
        assert theirs == revision + 1

        wire.free.set()

        assert await asyncio.wait_for(ahead, 10) == revision + 2
        with pytest.raises(stores.Conflict):
            await asyncio.wait_for(builds_on_it, 10)


async def test_claims_in_doubt_are_settled_by_what_is_there(wire, other: Store) -> None:
    async with Store(wire.remote, connect_timeout=10) as store:
        feed = other.subscribe_claims("note")
        await store.commit(Take("old", "me"), Take("note", "me", b"1"))
        wire.answers_pass = False
        commits = [
            asyncio.create_task(store.commit(Take("new", "me"))),
            asyncio.create_task(store.commit(Release("old", "me"))),
            asyncio.create_task(store.commit(Update("note", "me", b"2", heir="you"))),
        ]
        async for _ in feed:
            if other.claim("note") == stores.Claim("note", "you", b"2"):
                break

        wire.cut()
        await wire.open()

        await asyncio.wait_for(asyncio.gather(*commits), 10)
        assert store.claims("") == [stores.Claim("new", "me", b"{}"), stores.Claim("note", "you", b"2")]


async def test_when_the_records_are_gone_the_doubt_is_admitted(
    wire, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "KEPT", 3)
    monkeypatch.setattr(transaction, "TRIM_EVERY", 1)
    async with Store(wire.remote, connect_timeout=10) as store:
        wire.requests_pass = False
        commit = asyncio.create_task(store.commit(Put("/a", "A", b"mine")))
        await asyncio.sleep(0.05)  # the request is swallowed
        for _ in range(10):
            await other.commit(Put("/b", "A", b"theirs"))

        wire.cut()
        await wire.open()

        with pytest.raises(ovsdb.CommitInDoubt):
            await asyncio.wait_for(commit, 10)


async def test_a_cancelled_commit_does_not_stop_the_ones_behind_it(store: Store) -> None:
    commits = [asyncio.create_task(store.commit(Put(f"/{number}", "A", b"{}"))) for number in range(20)]
    await asyncio.sleep(0)  # let them be sent
    for commit in commits[::3]:
        commit.cancel()

    results = await asyncio.gather(*commits, return_exceptions=True)

    assert all(isinstance(result, int) for number, result in enumerate(results) if number % 3)
    await store.commit(Put("/after", "A", b"{}"))


async def test_a_writer_whose_role_was_taken_over_writes_nothing_more(store_server) -> None:
    remote = store_server.remote
    async with (
        Store(remote, role="controller", holder="first", connect_timeout=10) as first,
        Store(remote, role="controller", holder="second", connect_timeout=10) as second,
        Store(remote, role="scheduler", holder="third", connect_timeout=10) as third,
    ):
        await first.lead()
        await third.lead()
        await first.commit(Put("/a", "A", b"1"), Take("k", "first"))

        # The first one's commits are already on their way while the second one takes over.
        race = [first.commit(Put(f"/race/{number}", "A", b"{}")) for number in range(50)]
        *results, _ = await asyncio.gather(*race, second.lead(), return_exceptions=True)
        await second.commit(Put("/a", "A", b"2"))

        with pytest.raises(stores.Fenced) as document:
            await first.commit(Put("/a", "A", b"3"))
        with pytest.raises(stores.Fenced):
            await first.commit(Release("k", "first"))
        assert (document.value.role, document.value.holder) == ("controller", "second")
        written = {document.path for document in second.list("/race/")}
        for number, result in enumerate(results):
            assert isinstance(result, int if f"/race/{number}" in written else stores.Fenced), result
        await third.commit(Put("/b", "A", b"{}"))
        await first.lead()
        await first.commit(Put("/a", "A", b"back"))


async def test_the_fence_holds_where_memory_is_late(wire, store_server) -> None:
    async with (
        Store(wire.remote, role="controller", holder="first", connect_timeout=10) as first,
        Store(store_server.remote, role="controller", holder="second", connect_timeout=10) as second,
    ):
        await first.lead()
        wire.answers_pass = False
        await second.lead()
        commit = asyncio.create_task(first.commit(Take("k", "first")))
        await asyncio.sleep(0.05)  # it is refused by the server, and the refusal is swallowed

        wire.cut()
        await wire.open()

        with pytest.raises(stores.Fenced):
            await asyncio.wait_for(commit, 10)
        assert second.claim("k") is None


async def test_commits_go_on_while_the_database_is_compacted(store: Store, store_server) -> None:
    done = False
    counts: collections.Counter[str] = collections.Counter()

    async def write(name: str) -> None:
        while not done:
            await store.commit(Put(f"/{name}", "A", b"x" * 1000))
            counts[name] += 1

    start = store.revision
    writers = [asyncio.create_task(write(f"{number}")) for number in range(8)]
    for _ in range(3):
        while (before := store_server.file.stat().st_size) < 64_000:  # noqa: ASYNC110 (nothing tells of a file's size)
            await asyncio.sleep(0.01)  # some history to forget
        await store.compact()
        assert store_server.file.stat().st_size < before
    done = True
    await asyncio.gather(*writers)

    assert store.revision == start + counts.total()
    store_server.kill()
    store_server.start()
    async with Store(store_server.remote, connect_timeout=10) as reader:
        assert reader.revision == start + counts.total()


async def test_compaction_without_a_reachable_control_socket_says_so(wire, store_server, home: Path) -> None:
    async with Store(f"unix:{home}/db.sock", control=f"{home}/none.ctl", connect_timeout=10) as store:
        with pytest.raises(problems.RemoteError, match=r"none\.ctl"):
            await store.compact()


async def test_in_a_cluster_commits_survive_the_death_of_the_leader(cluster) -> None:
    running = cluster(stores.schema_path(), "Trunkline")
    async with Store(running.remote, probe=1.0, connect_timeout=20) as store:
        start = store.revision
        commits = [asyncio.create_task(store.commit(Put(f"/{number}", "A", b"{}", expect=0))) for number in range(200)]
        await asyncio.sleep(0.05)  # some of them are done
        running.leader().kill()

        revisions = await asyncio.wait_for(asyncio.gather(*commits), 40)

        assert sorted(revisions) == list(range(start + 1, start + 201))
        assert len(store.list("/")) == 200


def test_a_database_of_an_older_schema_is_converted_and_a_current_one_left_alone(home: Path) -> None:
    file = home / "old.db"
    older = stores.schema_path().read_text().replace('"holder": {"type": "string"}', '"keeper": {"type": "string"}')
    (home / "old.ovsschema").write_text(older)
    subprocess.run(["ovsdb-tool", "create", file, home / "old.ovsschema"], check=True)

    stores.create_database(file)

    shown = subprocess.run(
        ["ovsdb-tool", "needs-conversion", file, stores.schema_path()], check=True, capture_output=True
    )
    assert shown.stdout.strip() == b"no"
    content = file.read_bytes()
    stores.create_database(file)
    assert file.read_bytes() == content


def test_a_database_that_cannot_be_made_is_said_with_the_reason(home: Path) -> None:
    with pytest.raises(problems.RemoteError, match="TRK-0117"):
        stores.create_database(home / "no" / "such" / "folder.db")
