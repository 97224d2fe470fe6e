"""How far the network has followed, told from the numbers that come back."""

from __future__ import annotations

from trunkline.policy.realise.ledger import Ledger, Stamp
from trunkline.policy.realise.progress import PATIENCE, Progress


def test_a_revision_is_shown_when_northd_and_all_hypervisors_have_its_number() -> None:
    progress = Progress()
    progress.written(1, 10)
    progress.written(2, 11)

    progress.look(9, {"hv1": 9}, 0)
    assert progress.shown == -1
    progress.look(11, {"hv1": 9, "hv2": 11}, 0.1)
    assert progress.shown == -1
    progress.look(11, {"hv1": 10, "hv2": 11}, 0.2)
    assert progress.shown == 1
    progress.look(11, {"hv1": 11, "hv2": 11}, 0.3)
    assert progress.shown == 2
    assert not progress.silent


def test_without_hypervisors_northd_alone_decides() -> None:
    progress = Progress()
    progress.written(1, 10)

    assert progress.look(10, {}, 0) is None
    assert progress.shown == 1


def test_a_hypervisor_that_stays_behind_is_silent_until_it_follows() -> None:
    progress = Progress()
    progress.written(1, 10)

    assert progress.look(10, {"hv1": 9, "hv2": 10}, 5) == 5 + PATIENCE
    assert progress.look(10, {"hv1": 9, "hv2": 10}, 5 + PATIENCE) is None
    assert (progress.shown, progress.silent) == (1, {"hv1"})

    progress.look(10, {"hv1": 10, "hv2": 10}, 8)
    assert not progress.silent


def test_a_document_that_changed_again_waits_for_its_newest_rows() -> None:
    ledger = Ledger()
    ledger.enter("/a", Stamp(0, 100), 1)
    ledger.enter("/a", Stamp(1, 200), 2)
    ledger.enter("/b", Stamp(0, 100), 1)

    ledger.show(1, frozenset({"hv1"}), 1000)
    assert (ledger.get("/a").published_ms, ledger.get("/b").published_ms) == (0, 1000)
    ledger.show(2, frozenset(), 1100)
    ledger.show(2, frozenset(), 1200)

    assert ledger.get("/a").published_ms == 1100
    assert ledger.get("/b").missed == {"hv1"}


def test_rows_that_change_with_another_document_are_waited_for() -> None:
    ledger = Ledger()
    ledger.enter("/a", Stamp(3, 100), 1)
    ledger.show(1, frozenset(), 1000)

    ledger.touch("/a", 2000, 2)
    ledger.touch("/gone", 2000, 2)

    assert (ledger.get("/a").revision, ledger.get("/a").published_ms) == (3, 0)
    assert ledger.get("/gone") is None
