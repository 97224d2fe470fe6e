"""Pages that people follow line by line: every block of commands is run as it stands, and prints what the page says.

On such a page a block is ```sh (commands), or right after one ```text or ```json (what they print).  `…` stands for anything:
in a line of text, as a value in JSON, or as a key for further members.  Lines of text must come in this order; others may
come between.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/child-segments.md",)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


class Block(NamedTuple):
    """Commands, the line of the page they begin at, and what they print, if the page says so."""

    line: int
    commands: str
    kind: str
    printed: str


def blocks(page: str) -> list[Block]:
    """The page's blocks in order."""
    found: list[Block] = []
    for match in FENCE.finditer(page):
        kind, text = match.groups()
        if kind == "sh":
            found.append(Block(page.count("\n", 0, match.start()) + 1, text, "", ""))
            continue
        assert kind in ("text", "json"), f"a block of {kind or 'nothing'} would never be run"
        assert found, "this says what is printed before there are commands"
        assert not found[-1].kind, f"line {found[-1].line} prints two things"
        found[-1] = found[-1]._replace(kind=kind, printed=text)
    return found


class Shell:
    """One bash, as a person has it: what one block defines, the next ones know."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._mark = f"end-of-block-{secrets.token_hex(8)}"
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
            text=True,
        )

    def run(self, commands: str) -> str:
        """What the commands print, on either channel."""
        stdin, stdout = self._bash.stdin, self._bash.stdout
        assert stdin
        assert stdout
        stdin.write(f"{{\n{commands}\n}} </dev/null\necho; echo {self._mark}\n")
        stdin.flush()
        seen = []
        for line in stdout:
            if line.strip() == self._mark:
                return "".join(seen)
            seen.append(line)
        raise AssertionError("bash ended:\n" + "".join(seen))

    def close(self) -> None:
        self._bash.terminate()
        self._bash.wait(10)


def missing_lines(printed: str, seen: str) -> list[str]:
    """The page's first line that did not come, if any; lines before it did, in order."""
    lines = iter(seen.splitlines())
    for wanted in printed.splitlines():
        pattern = re.compile(".*".join(re.escape(part) for part in _bare(wanted).split(ANYTHING)))
        if not any(pattern.fullmatch(_bare(line)) for line in lines):
            return [wanted]
    return []


def _bare(line: str) -> str:
    """Without its place in JSON that was cut into lines."""
    return line.strip().rstrip(",")


def different(wanted: Any, found: Any, at: str = "") -> list[str]:
    """Where JSON is not as the page says, key by key."""
    if wanted == ANYTHING:
        return []
    if isinstance(wanted, dict) and isinstance(found, dict):
        open_ended = ANYTHING in wanted
        keys = [key for key in wanted if key != ANYTHING]
        extra = [f"{at}.{key}: not on the page" for key in found if key not in wanted and not open_ended]
        lacking = [f"{at}.{key}: missing" for key in keys if key not in found]
        shared = [key for key in keys if key in found]
        return [
            *extra,
            *lacking,
            *(each for key in shared for each in different(wanted[key], found[key], f"{at}.{key}")),
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [each for index, (one, other) in pairs for each in different(one, other, f"{at}[{index}]")]
    return [] if wanted == found else [f"{at}: {wanted!r} on the page, {found!r} here"]


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell whose labs nobody else has; none is left."""
    with tempfile.TemporaryDirectory(prefix="trunkline-page-", ignore_cleanup_errors=True) as state:
        made = Shell({**os.environ, "TRUNKLINE_STATE": state})
        try:
            yield made
        finally:
            made.close()
            down = [ROOT / ".venv" / "bin" / "trunkline", "lab", "down", "--all"]
            subprocess.run(down, env={**os.environ, "TRUNKLINE_STATE": state}, cwd=ROOT, check=True, timeout=60)


@pytest.mark.lab
@pytest.mark.timeout(300)
@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")
@pytest.mark.parametrize("page", PAGES)
def test_page_can_be_followed(page: str, shell: Shell) -> None:
    for block in blocks((ROOT / page).read_text()):
        seen = shell.run(block.commands)
        where = f"{page}:{block.line}\n{block.commands}\nprinted\n{seen}"
        if block.kind == "text":
            assert missing_lines(block.printed, seen) == [], where
        elif block.kind == "json":
            assert different(json.loads(block.printed), json.loads(seen)) == [], where
        else:
            assert not re.search("error|not found", seen), where


def test_every_block_of_a_page_is_one_that_is_run() -> None:
    text = "```sh\none\n```\nwords\n```text\nseen\n```\n```sh\ntwo\n```\n"

    assert blocks(text) == [Block(1, "one\n", "text", "seen\n"), Block(8, "two\n", "", "")]
    with pytest.raises(AssertionError, match="would never be run"):
        blocks("```\nten\n```\n")


def test_lines_come_in_order_and_others_may_come_between() -> None:
    assert missing_lines("a …\nb", "a 1\nnoise\nb\n") == []
    assert missing_lines("b\na …", "a 1\nnoise\nb\n") == ["a …"]


def test_members_that_a_page_does_not_show_are_a_difference_unless_it_says_that_there_are_more() -> None:
    assert different({"a": 1}, {"a": 1, "b": 2}) == [".b: not on the page"]
    assert different({"a": ANYTHING, ANYTHING: ANYTHING}, {"a": 1, "b": 2}) == []
