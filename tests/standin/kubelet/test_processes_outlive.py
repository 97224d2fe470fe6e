"""Processes: started, watched, told apart, found again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from trunkline.standin.kubelet import processes

ENV = {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)])
async def test_given_a_process_when_it_ends_then_its_code_is_known(script, code):
    assert await processes.wait(processes.spawn(["sh", "-c", script], ENV)) == code


async def test_given_a_process_group_when_its_leader_ends_then_all_of_it_ends(tmp_path, eventually):
    handle = processes.spawn(["sh", "-c", f"sleep 300 & echo $! > {tmp_path}/pid; exit 0"], ENV)
    await processes.wait(handle)
    left = int((tmp_path / "pid").read_text())
    await eventually(lambda: processes._started(left) is None)


async def test_given_somebody_elses_process_when_it_ends_then_we_learn_that_but_not_how():
    other = subprocess.Popen(["sleep", "300"])  # noqa: ASYNC220
    handle = processes.Handle(other.pid, processes._started(other.pid))
    assert processes.is_alive(handle)
    program = "import asyncio, sys; from trunkline.standin.kubelet import processes as p; print(asyncio.run(p.wait(p.Handle(*map(int, sys.argv[1:])))))"
    watcher = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(handle.pid), str(handle.started), stdout=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(0.5)  # long enough for the watcher to watch
    other.kill()
    other.wait()
    assert (await watcher.communicate())[0].strip() == b"None"


async def test_given_a_pid_in_use_again_when_asked_then_it_is_not_ours():
    handle = processes.spawn(["sleep", "300"], ENV)
    stranger = processes.Handle(handle.pid, handle.started - 1)
    assert not processes.is_alive(stranger)
    processes.send(stranger, signal.SIGKILL)
    assert await processes.wait(stranger) is None
    assert processes.is_alive(handle)
    processes.send(handle, signal.SIGKILL)
    assert await processes.wait(handle) == 137


async def test_given_a_program_that_is_not_there_when_started_then_it_says_so():
    with pytest.raises(FileNotFoundError):
        processes.spawn(["no-such-program"], ENV)
    with pytest.raises(FileNotFoundError):
        processes.spawn(["true"], ENV, cwd="/no/such/folder")


async def test_given_input_when_run_then_both_outputs_and_the_code_come_back():
    big = b"x" * 300_000  # more than a pipe holds
    code, out, err = await processes.run(["sh", "-c", "cat; echo oops >&2; exit 4"], ENV, big)
    assert (code, out, err) == (4, big, b"oops\n")


async def test_given_a_running_program_when_cancelled_then_it_is_killed(tmp_path, eventually):
    running = asyncio.create_task(processes.run(["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 300"], ENV))
    await eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")


async def test_given_a_marked_process_when_searched_then_it_is_found_by_its_mark():
    handle = processes.spawn(["sleep", "300"], {**ENV, "MARK": "uid-1/main"})
    assert processes.with_variable("MARK", "uid-1/") == [handle]
    assert processes.with_variable("MARK", "uid-2/") == []
    processes.send(handle, signal.SIGKILL)
    await processes.wait(handle)


async def test_given_python_that_ignores_sigpipe_when_a_child_starts_then_the_child_does_not():
    code, out, _ = await processes.run(["sh", "-c", "grep SigIgn /proc/self/status"], ENV)
    assert code == 0
    assert int(out.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0
