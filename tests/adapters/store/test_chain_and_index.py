"""The small pure parts: what a commit builds on, and the sorted index."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from trunkline.adapters.store.chain import Chain
from trunkline.adapters.store.index import PrefixIndex
from trunkline.adapters.store.transaction import Base

keys = st.text(alphabet="/ab\U0010ffff", max_size=4)


def test_a_commit_builds_on_the_one_sent_before_it_while_that_is_under_way() -> None:
    chain = Chain()
    stored = Base(7, "x")

    with chain.link(stored, "a") as first, chain.link(stored, "b") as second:
        assert (first, second) == (stored, Base(8, "a"))
    with chain.link(Base(12, "somebody else"), "c") as third:
        assert third == Base(12, "somebody else")


def test_after_a_failure_nothing_builds_on_the_commits_that_fail_with_it() -> None:
    chain = Chain()
    with contextlib.ExitStack() as second:
        with contextlib.suppress(RuntimeError), chain.link(Base(7, "x"), "a"):
            second.enter_context(chain.link(Base(7, "x"), "b"))
            raise RuntimeError

        stored = Base(9, "somebody else")
        with chain.link(stored, "c") as third, chain.link(stored, "d") as fourth:
            assert (third, fourth) == (stored, Base(10, "c"))


def test_a_late_failure_does_not_disturb_the_new_chain() -> None:
    chain = Chain()
    doomed = chain.link(Base(7, "x"), "b")
    with contextlib.suppress(RuntimeError), chain.link(Base(7, "x"), "a"):
        doomed.__enter__()
        raise RuntimeError
    with chain.link(Base(9, "y"), "c"):
        with contextlib.suppress(RuntimeError):
            doomed.__exit__(RuntimeError, RuntimeError(), None)
        with chain.link(Base(9, "y"), "d") as base:
            assert base == Base(10, "c")


@given(st.dictionaries(keys, st.integers()), st.lists(st.tuples(keys, st.none() | st.integers())), keys)
def test_the_index_answers_like_a_dictionary_that_is_searched_whole(
    start: dict[str, int], edits: list[tuple[str, int | None]], prefix: str
) -> None:
    index = PrefixIndex(start)
    model = dict(start)
    for key, value in edits:
        if value is None:
            index.remove(key)
            model.pop(key, None)
        else:
            index.put(key, value)
            model[key] = value

    assert [*index.starting_with(prefix)] == [model[key] for key in sorted(model) if key.startswith(prefix)]
    assert len(index) == len(model)
    assert index.get(prefix) == model.get(prefix)
