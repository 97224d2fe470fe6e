"""Whether a lab's program runs, as it looks while it starts, while it becomes another one, and when it is gone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline.kit.problems import RemoteError
from trunkline.lab import processes
from trunkline.lab.state import Lab

HOST, NAME = "manager", "policy"

ALWAYS_ANOTHER = 'echo $$ > "$0.pid"; exec sh -c "$1" "$0" "$1"'
"""A shell that becomes another shell all the time; a program that starts does so three times."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab("processes", root=tmp_path)
    lab.directory.mkdir()
    yield lab
    lab.short_link.unlink(missing_ok=True)


@pytest.fixture
def restless(lab: Lab) -> Iterator[int]:
    """The id of a process that executes program after program."""
    words = ["sh", "-c", ALWAYS_ANOTHER, str(lab.home(HOST) / "restless"), ALWAYS_ANOTHER]
    environment = {**lab.environment(), processes._UNIT: f"{HOST}/{NAME}"}
    with subprocess.Popen(words, env=environment) as process:
        yield process.pid
        process.kill()  # it has no children: every program takes the place of the one before


def record(lab: Lab, text: str) -> None:
    processes.pid_file(lab, HOST, NAME).write_text(text)


def test_a_program_that_executes_another_is_running_all_the_time(lab: Lab, restless: int) -> None:
    record(lab, f"{restless}\n")

    seen = {processes.running(lab, HOST, NAME) for _ in range(2000)}

    assert seen == {restless}


def test_a_program_whose_id_is_not_written_yet_has_not_ended(lab: Lab) -> None:
    record(lab, "")

    assert processes.running(lab, HOST, NAME) is None
    assert not processes.ended(lab, HOST, NAME)


@pytest.fixture
def past() -> int:
    """The id of a process that is gone."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


async def test_a_program_that_ended_is_told_with_its_last_words_and_what_to_do(lab: Lab, past: int) -> None:
    record(lab, f"{past}\n")
    processes.log_file(lab, HOST, NAME).write_text("first\ncannot listen: the port is taken\n")

    async def never() -> bool:
        return False

    with pytest.raises(RemoteError) as told:
        await processes.ready(lab, HOST, NAME, never, seconds=60)

    text = str(told.value)
    assert "manager/policy: found it ended" in text
    assert "cannot listen: the port is taken" in text
    assert "`trunkline lab up` goes on from here" in text
