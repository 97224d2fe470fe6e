"""Whose counts a new port goes on with: pure, and by whatever order things are seen in."""

from __future__ import annotations

from trunkline.dialects.nsx.realisation import Carried
from trunkline.policy.realise.succession import Succession

PORT, MAP = "/infra/segments/parent/ports/node", "/infra/segments/child/segment-connection-binding-maps/m"


def carried(tag: int, machine: str = "vm") -> Carried:
    return Carried(f"{machine}/{tag}", PORT, MAP, tag)


def test_a_port_with_another_tag_goes_on_as_soon_as_it_is_made():
    succession, cookies = Succession(), {"vm/7": 70}

    succession.take([carried(7)], [carried(8)], cookies.get)
    assert list(succession.made(cookies.get)) == []

    cookies = {"vm/8": 80}
    assert list(succession.made(cookies.get)) == [(70, 80)]
    assert list(succession.made(cookies.get)) == []


def test_a_tag_that_changes_again_before_anything_is_made_hands_on_what_was():
    succession, cookies = Succession(), {"vm/7": 70}

    succession.take([carried(7)], [carried(8)], cookies.get)
    succession.take([carried(8)], [carried(9)], {}.get)

    assert list(succession.made({"vm/8": 80, "vm/9": 90}.get)) == [(70, 90)]


def test_what_stays_what_is_new_and_what_had_its_own_port_succeeds_nobody():
    succession, cookies = Succession(), {"vm/7": 70, "vm/8": 80}

    succession.take([carried(7)], [carried(7)], cookies.get)
    succession.take([], [carried(9)], cookies.get)
    succession.take([carried(7)], [carried(8)], cookies.get)  # two maps have exchanged their tags
    assert list(succession.made({**cookies, "vm/9": 90}.get)) == []
