"""A node that nobody hears after its card has moved gets the card back, whether its agent lives or not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.agent.conftest import run, until
from trunkline.agent.settings import Settings
from trunkline.agent.trial import Record, now

pytestmark = pytest.mark.lab

UPLINK = [{"interface": "eth0", "physical_network": "trunk"}]


class Wire:
    """The switch port of a node, which may refuse to let it through when its card is to go into a bridge."""

    def __init__(self, site: Any, node: Any) -> None:
        self._site, self._node = site, node
        links = run("ip", "-n", site.wire, "-br", "link", "show", "type", "veth").split()
        self._port = next(
            word.partition("@")[0] for word in links if word.startswith("w") and "@" in word and self._is(word)
        )

    def _is(self, word: str) -> bool:
        far = run("ip", "-n", self._site.wire, "-d", "-o", "link", "show", word.partition("@")[0])
        index = self._node.ip("-o", "link", "show", "eth0").partition(":")[0]
        return f"@if{index}:" in far and f"link-netns {self._node.namespace}" in far

    def cut(self) -> None:
        run("ip", "-n", self._site.wire, "link", "set", self._port, "nomaster")

    def mend(self) -> None:
        run("ip", "-n", self._site.wire, "link", "set", self._port, "master", "br0")


@pytest.fixture
def node(site: Any) -> Iterator[Any]:
    site.neighbour("router", "10.77.0.1/24")
    made = site.node("n1", "10.77.0.11", uplinks=UPLINK, uplink_trial=4.0)
    made.ip("route", "add", "default", "via", "10.77.0.1")
    yield made
    until(lambda: not trial_of(made).exists())  # nothing of a trial outlives the test


def trial_of(node: Any) -> Path:
    return node.directory / "state" / "uplink-trial.json"


def addresses(node: Any, interface: str) -> str:
    return run("ip", "-n", node.namespace, "-br", "-4", "addr", "show", "dev", interface, check=False)


def cut_off(site: Any, node: Any) -> Wire:
    """Start the agent, and let the wire refuse the node after it has been heard, before its card is in a bridge."""
    wire, gate = Wire(site, node), node.directory / "move"
    node.start_agent(ready=False, env={"HOLD_THE_MOVE": str(gate)})
    until(gate.with_suffix(".reached").exists, 40)
    wire.cut()
    gate.touch()
    return wire


def log_of(node: Any) -> str:
    return (node.directory / "agent.log").read_text()


def test_given_a_gateway_that_answers_then_the_card_stays_and_no_trial_is_left(node: Any) -> None:
    node.start_agent()
    assert "10.77.0.11" in addresses(node, "br-trunk")
    assert not trial_of(node).exists()
    assert not list(node.directory.glob("state/uplink-refused*"))


def test_given_a_gateway_that_falls_silent_then_the_card_is_given_back_and_not_moved_again_until_told(
    site: Any, node: Any
) -> None:
    wire = cut_off(site, node)
    until(lambda: "TRK-0524" in log_of(node), 20)
    assert "10.77.0.11" in addresses(node, "eth0")
    assert "br-trunk" not in node.vsctl("list-br")
    assert "gateway 10.77.0.1" in log_of(node)
    wire.mend()
    run("ip", "netns", "exec", node.namespace, "ping", "-c1", "-W2", "10.77.0.1")

    time.sleep(1.5)  # the agent looks again every second
    assert "br-trunk" not in node.vsctl("list-br"), "what cut the node off is not tried again by itself"
    node.daemons.stop("agent")
    (node.directory / "state" / "uplink-refused.json").unlink()  # `trunkline agent --retry`
    node.start_agent()
    assert "10.77.0.11" in addresses(node, "br-trunk")


def test_given_an_agent_that_died_with_the_node_cut_off_then_the_card_comes_back_all_the_same(
    site: Any, node: Any
) -> None:
    wire = cut_off(site, node)
    until(lambda: "speaks for the node" in log_of(node), 20)
    node.daemons.stop("agent")
    until(lambda: "10.77.0.11" in addresses(node, "eth0"), 20)
    until(lambda: not trial_of(node).exists())
    wire.mend()
    run("ip", "netns", "exec", node.namespace, "ping", "-c1", "-W2", "10.77.0.1")


def test_given_a_refusal_that_cannot_be_written_then_the_card_comes_back_all_the_same(site: Any, node: Any) -> None:
    (node.directory / "state" / "uplink-refused.json.new").mkdir(parents=True)  # as good as a full disk
    wire = cut_off(site, node)
    until(lambda: "speaks for the node" in log_of(node), 20)
    node.daemons.stop("agent")
    until(lambda: "10.77.0.11" in addresses(node, "eth0"), 20)
    until(lambda: not trial_of(node).exists())
    wire.mend()


def test_given_an_agent_that_hangs_with_the_trial_open_then_the_watchdog_judges_and_ends_all_the_same(
    node: Any, tmp_path: Path
) -> None:
    file = tmp_path / "uplink-trial.json"
    chosen = msgspec.convert({**node.agent_settings(), "state_dir": str(tmp_path)}, Settings)
    file.write_bytes(msgspec.json.encode(Record(boot="", ends=now() + 1, witnesses=(), settings=chosen)))
    watchdog = subprocess.Popen([sys.executable, "-m", "trunkline.agent.watchdog", file], stdin=subprocess.PIPE)
    assert watchdog.wait(15) == 0, "its input is open all the time"
    assert not file.exists()


def test_given_a_move_whose_agent_and_watchdog_died_when_the_card_is_given_back_by_hand_then_no_trial_is_left(
    node: Any,
) -> None:
    node.start_agent()
    node.daemons.stop("agent")
    trial_of(node).write_text("{}")  # what nobody is alive to close
    node.restore()
    assert "10.77.0.11" in addresses(node, "eth0")
    assert not trial_of(node).exists(), "the next agent would judge a card that is not in any bridge"


def test_given_nobody_who_hears_the_node_then_nobody_is_asked_and_the_card_moves(site: Any) -> None:
    node = site.node("n2", "10.77.0.12", uplinks=UPLINK)
    node.start_agent()
    assert "10.77.0.12" in addresses(node, "br-trunk")
    assert "nobody can tell" in log_of(node)
