"""Writing, reading and refusing, on a real server."""

from __future__ import annotations

import asyncio
import random

import pytest

from trunkline.adapters import store as stores
from trunkline.adapters.store import Delete, Put, Release, Store, Take, Update
from trunkline.kit import problems


async def test_a_document_carries_the_revision_of_the_commit_that_wrote_it(store: Store) -> None:
    first = await store.commit(Put("/pods/a", "Pod", b'{"n":1}', expect=0, uid="u-1"))
    second = await store.commit(Put("/pods/a", "Pod", b'{"n":2}', expect=first))

    document = store.get("/pods/a")
    assert document is not None
    assert (document.body, document.revision, document.uid) == (b'{"n":2}', second, "u-1")
    assert second == first + 1 == store.revision


async def test_a_new_life_of_a_path_gets_a_new_uid(store: Store) -> None:
    await store.commit(Put("/pods/a", "Pod", b"{}"))
    before = store.get("/pods/a")
    await store.commit(Delete("/pods/a"))
    assert store.get("/pods/a") is None
    await store.commit(Put("/pods/a", "Pod", b"{}"))
    after = store.get("/pods/a")

    assert before is not None
    assert after is not None
    assert before.uid
    assert before.uid != after.uid


async def test_what_one_store_writes_the_other_reads(store: Store, other: Store) -> None:
    watch = other.watch("/pods/", other.revision)
    await store.commit(Put("/pods/a", "Pod", '{"name":"é\\u0000"}'.encode()), Take("address/1", "pod-a", b'{"x":1}'))

    await anext(watch)

    assert other.list("/") == store.list("/")
    assert other.claim("address/1") == stores.Claim("address/1", "pod-a", b'{"x":1}')


async def test_lists_are_sorted_and_end_where_the_prefix_ends(store: Store) -> None:
    paths = ["/pods/a/1", "/pods/a/2", "/pods/a", "/pods/ab", "/pod", "/pods0"]
    random.Random(1).shuffle(paths)
    await store.commit(*[Put(path, "Pod", b"{}") for path in paths])

    assert [document.path for document in store.list("/pods/a")] == ["/pods/a", "/pods/a/1", "/pods/a/2", "/pods/ab"]
    assert [document.path for document in store.list("/pods/a/")] == ["/pods/a/1", "/pods/a/2"]
    assert store.list("/none") == []


async def test_an_expectation_that_does_not_hold_changes_nothing(store: Store) -> None:
    revision = await store.commit(Put("/a", "A", b"1"))

    with pytest.raises(stores.Conflict) as exists:
        await store.commit(Put("/b", "B", b"{}"), Put("/a", "A", b"2", expect=0))
    with pytest.raises(stores.Conflict) as stale:
        await store.commit(Delete("/a", expect=revision - 1))
    with pytest.raises(stores.NotFound):
        await store.commit(Put("/gone", "A", b"2", expect=revision))
    with pytest.raises(stores.NotFound):
        await store.commit(Delete("/gone"))

    assert (exists.value.path, exists.value.expected, exists.value.found) == ("/a", 0, revision)
    assert (stale.value.expected, stale.value.found) == (revision - 1, revision)
    assert [(document.path, document.body) for document in store.list("/")] == [("/a", b"1")]
    assert store.revision == revision


async def test_a_commit_is_all_or_nothing_across_documents_and_claims(store: Store) -> None:
    await store.commit(Take("address/1", "pod-a"))

    with pytest.raises(stores.AlreadyClaimed) as caught:
        await store.commit(Put("/pods/b", "Pod", b"{}"), Take("address/2", "pod-b"), Take("address/1", "pod-b"))

    assert (caught.value.key, caught.value.owner) == ("address/1", "pod-a")
    assert store.get("/pods/b") is None
    assert store.claim("address/2") is None


async def test_claims_are_updated_and_released_by_their_owner_only(store: Store) -> None:
    revision = store.revision
    await store.commit(Take("k", "me", b"1"))
    with pytest.raises(stores.AlreadyClaimed):
        await store.commit(Update("k", "you", b"2"))
    with pytest.raises(stores.AlreadyClaimed):
        await store.commit(Release("k", "you"))
    await store.commit(Update("k", "me", b"2"))
    assert store.claims("") == [stores.Claim("k", "me", b"2")]

    await store.commit(Release("k", "me"))

    assert store.claim("k") is None
    with pytest.raises(stores.NotFound):
        await store.commit(Release("k", "me"))
    await store.commit(Take("k", "you"))
    assert store.revision == revision, "claims alone do not move the revision"


async def test_a_claim_passes_to_its_heir_without_being_free_in_between(store: Store, other: Store) -> None:
    await store.commit(Take("k", "old", b"1"))
    await other.commit(Put("/sync", "A", b"{}"))  # now the other store has seen the claim
    feed = other.subscribe_claims("k")

    await store.commit(Update("k", "old", b"2", heir="new"))

    assert await anext(feed) == [stores.ClaimEvent("k", stores.Claim("k", "old", b"1"), stores.Claim("k", "new", b"2"))]
    with pytest.raises(stores.AlreadyClaimed):
        await store.commit(Release("k", "old"))


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"a":"\0"}'])
async def test_what_the_database_cannot_hold_is_refused_before_it_is_sent(store: Store, body: bytes) -> None:
    with pytest.raises(stores.Unstorable):
        await store.commit(Put("/a", "A", body))
    with pytest.raises(stores.Unstorable):
        await store.commit(Take("k", "me", body))

    await store.commit(Put("/a", "A", b"{}"))


async def test_one_commit_cannot_change_a_path_twice(store: Store) -> None:
    with pytest.raises(problems.BugError, match="/a"):
        await store.commit(Put("/a", "A", b"1"), Delete("/a"))


async def test_of_fifty_concurrent_writers_with_the_same_expectation_one_wins(store: Store, other: Store) -> None:
    revision = await store.commit(Put("/a", "A", b"start"))
    await other.commit(Put("/sync", "A", b""))  # now the other store has seen the first commit
    writers = [
        (store, other)[number % 2].commit(Put("/a", "A", b"%d" % number, expect=revision)) for number in range(50)
    ]

    results = await asyncio.gather(*writers, return_exceptions=True)

    won = [number for number, result in enumerate(results) if isinstance(result, int)]
    lost = [result for result in results if isinstance(result, stores.Conflict)]
    assert (len(won), len(lost)) == (1, 49)
    assert {conflict.found for conflict in lost} == {results[won[0]]}
    document = store.get("/a")
    assert document is not None
    assert (document.body, document.revision) == (b"%d" % won[0], results[won[0]])


async def test_a_key_raced_for_by_two_stores_has_one_owner_whom_the_losers_are_told(store: Store, other: Store) -> None:
    for round_ in range(20):
        key = f"address/{round_}"
        takes = [store.commit(Take(key, "a")), other.commit(Take(key, "b")), store.commit(Take(key, "c"))]

        results = await asyncio.gather(*takes, return_exceptions=True)

        errors = [result for result in results if isinstance(result, stores.AlreadyClaimed)]
        assert len(errors) == 2
        claim = store.claim(key)
        assert claim is not None
        assert {error.owner for error in errors} == {claim.owner}


async def test_two_stores_that_write_at_once_share_one_line_of_revisions(store: Store, other: Store) -> None:
    start = store.revision
    commits = [
        s.commit(Put(f"/{name}/{n}", "A", b"{}", expect=0))
        for n in range(150)
        for name, s in (("a", store), ("b", other))
    ]

    revisions = await asyncio.gather(*commits)

    assert sorted(revisions) == list(range(start + 1, start + 301))
    async with asyncio.timeout(10):
        while store.revision < start + 300:  # noqa: ASYNC110 (what the other wrote last may be on its way)
            await asyncio.sleep(0.01)
    assert {document.revision for document in store.list("/")} == set(revisions)


async def test_a_saturating_writer_leaves_room_for_a_lone_one(store: Store, other: Store) -> None:
    done = False

    async def saturate(number: int) -> None:
        while not done:
            await store.commit(Put(f"/busy/{number}", "A", b"{}"))

    busy = [asyncio.create_task(saturate(number)) for number in range(16)]
    for number in range(10):
        await asyncio.wait_for(other.commit(Put(f"/lone/{number}", "A", b"{}")), 10)
    done = True
    await asyncio.gather(*busy)

    assert len(store.list("/lone/")) == 10


async def test_a_store_opened_later_sees_everything(store: Store, store_server) -> None:
    await store.commit(*[Put(f"/a/{number}", "A", b"%d" % number) for number in range(100)], Take("k", "me"))
    await store.commit(Delete("/a/7"))

    async with Store(store_server.remote, connect_timeout=10) as later:
        assert later.list("") == store.list("")
        assert later.claims("") == store.claims("")
        assert later.revision == store.revision


async def test_documents_are_told_while_the_store_is_being_opened(store: Store, store_server) -> None:
    paths = [f"/pods/{number}" for number in range(40)]
    for path in paths:
        await store.commit(Put(path, "Pod", b"{}"))
    told: list[stores.Document] = []

    async with Store(store_server.remote, connect_timeout=10, arriving=told.extend) as opened:
        begun = list(told)
        assert {document.path: document for document in begun} == {path: opened.get(path) for path in paths}
        watch = opened.watch("/pods/late", opened.revision)
        await store.commit(Put("/pods/late", "Pod", b"{}"))
        await anext(watch)

    assert told == begun, "it ends when the store is open"


async def test_a_store_whose_claims_come_later_knows_them_before_it_changes_one(store: Store, store_server) -> None:
    await store.commit(Put("/pods/a", "Pod", b"{}"), Take("address/1", "pod-a"), Take("address/2", "pod-a"))

    async with Store(store_server.remote, connect_timeout=10, claims_later=True) as opened:
        assert opened.get("/pods/a") is not None
        with pytest.raises(problems.BugError):
            opened.claim("address/1")
        await opened.commit(Put("/pods/b", "Pod", b"{}"))
        with pytest.raises(problems.BugError):
            opened.claims("address/")
        with pytest.raises(stores.AlreadyClaimed):
            await opened.commit(Take("address/1", "pod-b"))
        await opened.commit(Update("address/1", "pod-a", b"{}", heir="pod-b"), Release("address/2", "pod-a"))
        assert opened.claims("address/") == [stores.Claim("address/1", "pod-b", b"{}")]
        changes = opened.subscribe_claims("address/")
        await store.commit(Take("address/3", "pod-c"))
        assert [event.key for event in await anext(changes)] == ["address/3"]


async def test_many_may_wait_for_claims_and_give_up(store: Store, store_server) -> None:
    await store.commit(Take("address/1", "pod-a"))

    async with Store(store_server.remote, connect_timeout=10, claims_later=True) as opened:
        impatient, patient = (asyncio.create_task(opened.know_claims()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        assert opened.claim("address/1") == stores.Claim("address/1", "pod-a", b"{}")
