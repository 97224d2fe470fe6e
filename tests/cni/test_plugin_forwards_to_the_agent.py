"""The CNI program alone: a socket of the test's stands in for the agent."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline.agent import install
from trunkline.cni import plugin


class FakeAgent:
    """Answers every call with `reply` and remembers what it was sent."""

    def __init__(self, path: Path) -> None:
        self.reply = b"0 2\n{}"
        self.received = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.received = connection.makefile("rb").read()
                connection.sendall(self.reply)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cni.sock"


@pytest.fixture
def agent(path: Path) -> Iterator[FakeAgent]:
    fake = FakeAgent(path)
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install.install_program(tmp_path_factory.mktemp("bin"))


def call(program: Path, command: str, configuration: bytes, **variables: str) -> tuple[int, bytes]:
    environment = {"CNI_COMMAND": command, **variables, "PATH": os.environ["PATH"], "SECRET": "not for the agent"}
    done = subprocess.run([program], input=configuration, env=environment, capture_output=True, timeout=20)
    assert done.stderr == b""
    return done.returncode, done.stdout


def configuration(path: Path, **more: object) -> bytes:
    return json.dumps(
        {"cniVersion": "1.0.0", "name": "trunkline", "type": "trunkline", "agentSocket": str(path), **more}
    ).encode()


def test_the_request_arrives_whole_and_the_answer_goes_out_as_it_is(
    program: Path, path: Path, agent: FakeAgent
) -> None:
    agent.reply = b'0 7\n{"a":1}'
    sent = configuration(path, padding="x" * 300_000)
    assert call(program, "ADD", sent, CNI_IFNAME="eth0", CNI_ARGS="") == (0, b'{"a":1}')
    variables, _, received = agent.received.partition(b"\0\0")
    assert received == sent
    assert set(variables.split(b"\0")) == {b"CNI_COMMAND=ADD", b"CNI_IFNAME=eth0", b"CNI_ARGS="}


def test_the_agents_exit_code_becomes_the_programs(program: Path, path: Path, agent: FakeAgent) -> None:
    agent.reply = b'1 10\n{"code":3}'
    assert call(program, "ADD", configuration(path)) == (1, b'{"code":3}')


@pytest.mark.parametrize(
    "template",
    [
        '{"agentSocket":"%s"}',
        '{"prevResult": {"agentSocket": "/elsewhere"}, "agentSocket" :\n "%s"}',
        '{"agentSocket": "%s", "dns": {"search": ["agentSocket"]}}',
        '{"\\u0061gentSocket": "%s", "note": "agentSocket"}',
    ],
)
def test_the_socket_is_found_however_the_configuration_is_written(
    program: Path, path: Path, agent: FakeAgent, template: str
) -> None:
    assert call(program, "ADD", (template % path).encode()) == (0, b"{}")


@pytest.mark.parametrize("escaped", ["\\/", "/"])
def test_an_escaped_path_is_understood(program: Path, path: Path, agent: FakeAgent, escaped: str) -> None:
    assert call(program, "ADD", b'{"agentSocket": "%s"}' % str(path).replace("/", escaped).encode()) == (0, b"{}")


@pytest.mark.parametrize(
    ("command", "code"), [("ADD", 11), ("DEL", 11), ("CHECK", 11), ("GC", 11), ("STATUS", 50), ("EXPLODE", 11)]
)
def test_without_an_agent_the_runtime_is_told_to_try_again(program: Path, path: Path, command: str, code: int) -> None:
    exit_code, output = call(program, command, configuration(path, cniVersion="0.4.0"))
    error = json.loads(output)
    assert exit_code == 1
    assert (error["code"], error["cniVersion"]) == (code, "0.4.0")
    assert str(path) in error["details"]


@pytest.mark.parametrize("reply", [b"", b"0 10\n{}", b"0", b"garbage\n", b"0 x\n"])
def test_an_answer_that_ends_early_is_no_answer(program: Path, path: Path, agent: FakeAgent, reply: bytes) -> None:
    agent.reply = reply
    exit_code, output = call(program, "DEL", configuration(path))
    assert (exit_code, json.loads(output)["code"]) == (1, 11)


@pytest.mark.parametrize("version", [*plugin.VERSIONS, "0.2.0"])
def test_version_needs_no_agent(program: Path, version: str) -> None:
    exit_code, output = call(program, "VERSION", json.dumps({"cniVersion": version}).encode())
    answer = json.loads(output)
    assert exit_code == 0
    assert answer["supportedVersions"] == ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]
    assert answer["cniVersion"] == (version if version in plugin.VERSIONS else "1.1.0")


@pytest.mark.parametrize("command", ["ADD", "VERSION"])
def test_what_is_not_json_is_a_decoding_failure(program: Path, command: str) -> None:
    for nonsense in (b"{", b"[]", b'"text"', b"\xff"):
        exit_code, output = call(program, command, nonsense)
        assert (exit_code, json.loads(output)["code"]) == (1, 6)


def test_started_by_hand_it_says_so(program: Path) -> None:
    done = subprocess.run(
        [program], env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
    )
    assert json.loads(done.stdout)["code"] == 4


def test_it_imports_builtin_modules_only_and_json_only_in_functions() -> None:
    source = Path(plugin.__file__).read_text()
    imported = {name.name for node in ast.parse(source).body if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"posix", "_socket"}
    anywhere = {
        name.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for name in node.names
    }
    assert anywhere - imported == {"json"}
