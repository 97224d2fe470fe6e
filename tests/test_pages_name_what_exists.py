"""Pages for people may only name files and commands that there are."""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path

import click
import pytest

from trunkline.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
IMAGE = "trunkline/echo"
PATH = re.compile(r"`((?:bench|deploy|docs|examples|labs|tests|trunkline)/[\w./-]*)`")
RULES = (ROOT / "docs" / "child-segments.md").read_text().partition("## Every rule, and its proof")[2]
ROW = re.compile(r"^\| (?!the document|what ours|feature|---)(.+) \| (.+) \|$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[`(/])trunkline ([a-z]+)(?: ([a-z]+))?", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_on_a_page_exists(page: Path) -> None:
    named = PATH.findall(page.read_text())

    assert not [path for path in named if path != IMAGE and not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_exists(page: Path) -> None:
    named = COMMAND.findall(page.read_text())

    assert not [words for words in named if not _known(*words)]


@pytest.mark.parametrize(("rule", "proofs"), ROW.findall(RULES))
def test_every_rule_of_the_document_has_a_proof_that_exists(rule: str, proofs: str) -> None:
    named = re.findall(r"`([\w-]+)`", proofs)

    assert named, rule
    assert [name for name in named if name not in _proofs()] == []


@functools.cache
def _proofs() -> frozenset[str]:
    """The names of all tests and lab cases."""
    tests = (re.findall(r"def (test_\w+)", path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(itertools.chain(*tests, (path.stem for path in (ROOT / "labs" / "cases").glob("*.yaml"))))


def _known(first: str, second: str) -> bool:
    if first not in main.COMMANDS:
        return False
    command = main.root.get_command(click.Context(main.root), first)
    return not second or not isinstance(command, click.Group) or second in command.commands
