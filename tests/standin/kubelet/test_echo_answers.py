"""The echo image, run as a container would run it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.request

import pytest

from trunkline.standin import images


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    command = images.entrypoint("trunkline/echo")
    process = subprocess.Popen(command, env={"HOSTNAME": "web-0", "PORT": str(free)})
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", free)).close()
            break
        time.sleep(0.005)  # nothing tells when it listens
    yield free
    process.kill()
    process.wait()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9"])
def test_given_a_request_when_answered_then_it_names_itself_and_the_address_it_was_reached_at(port, host):
    with urllib.request.urlopen(f"http://{host}:{port}/any/path", timeout=5) as response:
        assert response.read().decode() == f"web-0 {host}\n"


def test_given_clients_that_dawdle_or_leave_when_others_ask_then_they_are_answered(port):
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    idle[0].send(b"GET / HT")
    idle[1].close()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
        assert response.status == 200
    idle[0].send(b"TP/1.1\r\n\r\n")
    assert idle[0].recv(4096).startswith(b"HTTP/1.1 200 OK")
    for connection in idle:
        connection.close()


def test_given_a_request_without_end_when_it_grows_then_it_is_dropped(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, contextlib.suppress(OSError):
        connection.sendall(b"x" * 100_000)
        assert connection.recv(1) == b""


def test_given_an_echo_server_when_measured_then_it_is_light(port):
    import glob

    for path in glob.glob("/proc/[0-9]*/environ"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if f"PORT={port}".encode() in file.read().split(b"\0"):
                with open(os.path.dirname(path) + "/statm") as statm:
                    resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                assert resident < 16 * 2**20
                return
    raise AssertionError("not found")
