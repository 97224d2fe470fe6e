"""What is kept is walked once by the garbage collector, and garbage among it is found all the same."""

from __future__ import annotations

import gc
import weakref

import pytest

from trunkline.policy import collector


class Node:
    """Something that can be part of a cycle."""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    gc.collect()
    monkeypatch.setattr(collector, "_LEAST", len(gc.get_objects()))


def test_survivors_of_a_full_collection_are_set_aside():
    with collector.settled() as collecting:
        collecting.begin()
        kept = [Node() for _ in range(1000)]
        before = gc.get_freeze_count()
        gc.collect()
        assert gc.get_freeze_count() >= before + len(kept)
        gc.collect(1)
        assert gc.get_freeze_count() < before + 10 * len(kept), "only full collections set aside"
    assert gc.get_freeze_count() == 0
    assert collector.Collector not in map(type, gc.callbacks)


def test_nothing_is_collected_while_everything_is_loaded():
    with collector.settled() as collecting:
        assert not gc.isenabled()
        collecting.begin()
        assert gc.isenabled()
    with collector.settled():
        pass
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_nothing_is_collected_until_the_last_that_loads_is_ready():
    with collector.settled() as collecting:
        with collector.paused():
            collecting.begin()
            assert not gc.isenabled()
        assert gc.isenabled()


def test_cycles_that_died_after_they_were_set_aside_are_found_when_much_has_come():
    with collector.settled() as collecting:
        collecting.begin()
        node = Node()
        node.itself = node
        gone = weakref.ref(node)
        gc.collect()
        del node
        gc.collect()
        assert gone() is not None, "it was set aside"
        kept = []
        for _ in range(50):
            kept.append([Node() for _ in range(20_000)])
            gc.collect()
            if gone() is None:
                break
        assert gone() is None
        assert len(kept) > 1
