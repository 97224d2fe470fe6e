"""Which remote is tried when: a state machine that is told the time."""

from __future__ import annotations

import pytest

from trunkline.adapters.ovsdb import reconnect, remotes
from trunkline.kit import problems


def test_every_remote_is_tried_at_once_and_the_wait_grows_between_rounds() -> None:
    machine = reconnect.Reconnect(["a", "b"], minimum=0.05, maximum=0.5)
    tried = []
    for _ in range(12):
        tried.append((machine.remote, round(machine.delay, 3)))
        machine.failed()

    assert tried == [
        *[("a", 0.0), ("b", 0.0)],
        *[("a", 0.05), ("b", 0.0)],
        *[("a", 0.1), ("b", 0.0)],
        *[("a", 0.2), ("b", 0.0)],
        *[("a", 0.4), ("b", 0.0)],
        *[("a", 0.5), ("b", 0.0)],
    ]


def test_a_connection_that_lasted_starts_the_ladder_anew() -> None:
    machine = reconnect.Reconnect(["a"], minimum=0.05, maximum=0.5)
    machine.failed()
    machine.failed()
    machine.connected(10.0)

    machine.lost(20.0)

    assert (machine.remote, machine.delay) == ("a", 0.0)


def test_a_server_that_accepts_and_drops_is_not_hammered() -> None:
    machine = reconnect.Reconnect(["a"], minimum=0.05, maximum=0.5)
    delays = []
    for attempt in range(5):
        machine.connected(float(attempt))
        machine.lost(attempt + 0.1)
        delays.append(round(machine.delay, 3))

    assert delays == [0.05, 0.1, 0.2, 0.4, 0.5]


def test_a_list_of_remotes_is_split_and_checked() -> None:
    assert remotes.split("unix:/run/a.sock, tcp:127.0.0.1:6641,ssl:[::1]:6642") == [
        "unix:/run/a.sock",
        "tcp:127.0.0.1:6641",
        "ssl:[::1]:6642",
    ]
    with pytest.raises(problems.IntentError) as caught:
        remotes.split("tcp:nowhere,unix:,http://x:1,tcp:host:port,unix:/ok")
    assert [problem.found for problem in caught.value.problems] == [
        "'tcp:nowhere'",
        "'unix:'",
        "'http://x:1'",
        "'tcp:host:port'",
    ]
