"""Totals go on while flows come, go and begin anew."""

from __future__ import annotations

from trunkline.adapters.ovs import flows
from trunkline.adapters.ovs.flows import Flow
from trunkline.agent.counting import FROM_PORT, TO_PORT, Count, Counting

DUMP = """\
 cookie=0x5f0c2a11, duration=12.3s, table=0, n_packets=5, n_bytes=490, idle_age=3, priority=150,in_port=3,dl_vlan=7 actions=strip_vlan,resubmit(,8)
 cookie=0x1, duration=100.000s, table=65, n_packets=2, n_bytes=84, reset_counts priority=100,reg15=0x1,metadata=0x2 actions=output:3
"""


def flow(packets: int, *, age: float = 100, match: str = "in_port=3", cookie: int = 7, table: int = FROM_PORT) -> Flow:
    return Flow(cookie, table, match, packets, packets * 100, age)


def test_dump_of_a_switch_is_read() -> None:
    tagged, untagged = flows.parse(DUMP)

    assert (tagged.cookie, tagged.table, tagged.packets, tagged.bytes, tagged.age) == (0x5F0C2A11, 0, 5, 490, 12.3)
    assert tagged.match == "priority=150,in_port=3,dl_vlan=7"
    assert (untagged.cookie, untagged.table, untagged.packets) == (1, 65, 2)


def test_only_what_moved_is_answered_and_added() -> None:
    counting = Counting({}, {})

    assert counting.take([flow(5), flow(0, cookie=8), flow(2, table=TO_PORT)], 2) == {7}
    assert counting.take([flow(5), flow(1, cookie=8), flow(2, table=TO_PORT)], 2) == {8}
    assert counting.totals[7, FROM_PORT] == Count(5, 500)
    assert counting.totals[7, TO_PORT] == Count(2, 200)
    assert counting.totals[8, FROM_PORT] == Count(1, 100)


def test_a_flow_that_was_installed_again_counts_from_zero() -> None:
    counting = Counting({}, {})
    counting.take([flow(5)], 2)

    counting.take([flow(3)], 2)  # fewer than before
    counting.take([flow(9, age=1)], 2)  # younger than the last look
    counting.take([], 2)
    counting.take([flow(1)], 2)

    assert counting.totals[7, FROM_PORT].packets == 5 + 3 + 9 + 1


def test_a_flow_that_was_just_installed_at_the_last_look_is_not_taken_for_another_one() -> None:
    counting = Counting({}, {})
    counting.take([flow(1, age=0.002)], 2)

    counting.take([flow(1, age=1.998)], 2)  # the two looks took a few milliseconds more or less
    counting.take([flow(4, age=0.9)], 2)

    assert counting.totals[7, FROM_PORT].packets == 1 + 4


def test_one_new_flow_of_a_port_does_not_count_its_neighbour_twice() -> None:
    counting = Counting({}, {})
    counting.take([flow(5, match="a")], 2)

    counting.take([flow(6, match="a"), flow(1, match="b", age=0.1)], 2)

    assert counting.totals[7, FROM_PORT].packets == 7


def test_a_restart_goes_on_where_it_was() -> None:
    before = Counting({}, {})
    before.take([flow(5), flow(5, cookie=8)], 2)

    after = Counting(before.totals, before.shown)
    after.take([flow(6), flow(2, cookie=8)], 2)

    assert after.totals[7, FROM_PORT] == Count(6, 600)
    assert after.totals[8, FROM_PORT] == Count(7, 700)


def test_flows_of_nobody_are_left_out() -> None:
    assert Counting({}, {}).take([flow(5, cookie=0)], 2) == set()
