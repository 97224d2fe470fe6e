"""What people type besides up and down."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trunkline.lab import packets

if TYPE_CHECKING:
    from conftest import Program

LABS = Path(__file__).parents[2] / "labs"


@pytest.fixture
def up(program: Program) -> Program:
    program.run("up", program.topology)
    return program


def test_graph_draws_a_file_that_is_not_up(program: Program) -> None:
    dot = program.run("graph", LABS / "bare-metal.yaml")
    mermaid = program.run("graph", "--format", "mermaid", LABS / "bare-metal.yaml")
    svg = program.run("graph", "--format", "svg", LABS / "bare-metal.yaml")

    assert '"node-01" -- "tor" [label="VLAN 1 untagged; tagged 19, 20"]' in dot
    assert mermaid.startswith("graph TD")
    assert "VLAN 1 untagged; tagged 19, 20" in mermaid
    assert "<svg" in svg
    assert "172.29.161.22" in svg


def test_without_a_lab_the_verbs_say_how_to_get_one(program: Program) -> None:
    for words in (("status",), ("env",), ("exec", "left", "--", "true"), ("check",)):
        assert "trunkline lab up" in program.run(*words, code=2)


@pytest.mark.lab
def test_env_can_be_evaluated_by_a_shell(up: Program) -> None:
    exports = up.run("env")
    done = subprocess.run(["sh", "-c", f"{exports}\necho $KUBECONFIG"], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == json.loads(up.run("env", "-o", "json"))["KUBECONFIG"]
    assert done.stdout.strip() == str(up.lab("two-hosts").kubeconfig)


@pytest.mark.lab
def test_env_finds_the_program_and_kubectl_where_the_machine_has_neither(up: Program) -> None:
    up.environment["PATH"] = "/usr/sbin:/sbin"  # where the lab's own tools are
    exported = json.loads(up.run("env", "-o", "json"))["PATH"].split(":")

    assert exported[:2] == ["/usr/sbin", "/sbin"], "the machine's own programs come first"
    assert shutil.which("trunkline", path=":".join(exported)) == str(Path(sys.prefix) / "bin" / "trunkline")
    assert shutil.which("kubectl", path=":".join(exported)) == str(Path(sys.prefix).parent / ".tools/bin/kubectl")


@pytest.mark.lab
def test_an_unknown_host_is_answered_with_the_nearest_one(up: Program) -> None:
    assert "did you mean 'left'" in up.run("exec", "lefd", "--", "true", code=2)


@pytest.mark.lab
def test_a_host_with_several_links_asks_for_one_and_names_them(up: Program) -> None:
    said = up.run("capture", "r1", code=2)

    assert "interfaces are red, blue" in said


@pytest.mark.lab
def test_a_switch_shows_all_its_trunks_each_line_with_its_port(program: Program) -> None:
    text = program.topology.read_text()
    program.topology.write_text(text.replace("s2: {trunks: [s1]}", "s2: {trunks: [s1]}\n  s3: {trunks: [s1]}"))
    program.run("up", program.topology)
    sending = subprocess.Popen(
        program.command("exec", "left", "--", "ping", "-i", "0.2", "-c", "40", "10.20.0.2"),
        env=program.environment,
        stdout=subprocess.DEVNULL,
    )

    seen = program.run("capture", "s1", "--filter", "icmp", "--count", "2").splitlines()

    sending.kill()
    sending.wait()
    assert all(line.startswith("s2: ") and "vlan 20" in line for line in seen), seen


@pytest.mark.lab
def test_a_capture_between_switches_shows_the_tag(up: Program, tmp_path: Path) -> None:
    file = tmp_path / "seen.pcap"
    command = up.command(
        "capture", "s1", "-i", "s2", "--filter", "vlan 20 and icmp", "--count", "2", "--duration", "10", "--write", file
    )
    listening = subprocess.Popen(command, env=up.environment, stderr=subprocess.PIPE, text=True)
    assert listening.stderr is not None
    for line in listening.stderr:
        if "listening on" in line:
            break
    up.run("exec", "left", "--", "ping", "-c", "1", "-W", "2", "10.20.0.2")
    assert listening.wait(timeout=15) == 0
    listening.stderr.close()

    seen = [(packet.vlan, packet.kind) for packet in packets.read(file.read_bytes())]

    assert seen == [(20, "echo-request"), (20, "echo-reply")]


@pytest.mark.lab
def test_a_bare_lab_is_well_without_a_cluster(program: Program) -> None:
    program.run("up", "--bare", LABS / "bare-metal.yaml")

    program.run("status")
    program.run("exec", "vm", "--", "ping", "-c", "1", "-W", "2", "172.16.10.11")
    program.run("down")
