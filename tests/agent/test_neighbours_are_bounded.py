"""What is kept of neighbours: who was first, and no more than there is room for."""

from __future__ import annotations

from trunkline.agent import neighbours
from trunkline.agent.announcements import Announcement
from trunkline.agent.neighbours import BEHIND_A_PORT, BEHIND_A_TAG, SILENT_MS, Neighbours, Place, Times


def said(number: int, tag: int = 0) -> Announcement:
    return Announcement(tag, "02:00:00:00:00:0a", f"10.0.{number // 256}.{number % 256}")


def known(found: Neighbours) -> dict[str, Times]:
    return {place.said.address: times for place, times in found.all()}


def test_the_first_word_is_news_and_later_ones_only_move_the_time():
    found = Neighbours({})
    assert [found.take("vm", said(1), now) for now in (10, 20, 30)] == [True, False, False]
    assert known(found) == {"10.0.0.1": Times(first=10, last=30)}


def test_what_was_told_before_a_restart_is_continued():
    found = Neighbours({Place("vm", said(1)): Times(10, 20)})
    assert not found.take("vm", said(1), 30)
    assert known(found) == {"10.0.0.1": Times(first=10, last=30)}


def test_what_another_machine_knew_is_continued_unless_it_is_known_better():
    found = Neighbours({})
    found.take("vm", said(1), 10)
    found.adopt(Place("vm", said(1)), Times(3, 4))
    found.adopt(Place("vm", said(2)), Times(5, 6))
    assert known(found) == {"10.0.0.1": Times(10, 10), "10.0.0.2": Times(5, 6)}
    for number in range(2 * BEHIND_A_PORT):
        found.adopt(Place("vm", said(number, number)), Times(1, 1))
    assert len(list(found.all())) == BEHIND_A_PORT


def test_an_interface_that_left_takes_what_is_known_along():
    found = Neighbours({})
    found.take("vm", said(1), 10)
    found.take("gone", said(2), 10)
    assert found.keep({"vm"})
    assert not found.keep({"vm"})
    assert known(found).keys() == {"10.0.0.1"}


def test_a_tag_that_is_full_takes_nobody_else_and_other_tags_do_not_notice():
    found = Neighbours({})
    taken = [found.take("vm", said(number, 7), 10) for number in range(BEHIND_A_TAG + 50)]
    assert taken.count(True) == BEHIND_A_TAG
    assert found.take("vm", said(1, 8), 10)
    assert found.take("other", said(1, 7), 10)


def test_a_port_that_is_full_takes_nobody_else_whatever_the_tag():
    found = Neighbours({})
    for tag in range(BEHIND_A_PORT):
        assert found.take("vm", said(1, tag), 10)
    assert not found.take("vm", said(1, 4000), 10)
    assert found.take("other", said(1), 10)


def test_for_a_newcomer_the_latest_known_of_those_who_are_silent_gives_way():
    found = Neighbours({})
    for number in range(BEHIND_A_TAG):
        found.take("vm", said(number), number)
    long_after = SILENT_MS + BEHIND_A_TAG - 10
    assert found.take("vm", said(1000), long_after)
    missing = {said(number).address for number in range(BEHIND_A_TAG)} - known(found).keys()
    assert missing == {said(BEHIND_A_TAG - 10).address}, "the last ten were heard too lately"


def test_a_profile_cannot_ask_for_more_than_there_is_room_for():
    assert neighbours.BEHIND_A_TAG >= 256 + 15
