"""Documents that would drift by themselves: the list of problem ids, and a README in every package."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import trunkline
from trunkline.kit import problems

ROOT = Path(__file__).parent.parent
PROBLEMS = ROOT / "docs" / "problems.md"
_HEAD = """# Problem ids

Every error that people see carries one of these ids. They are stable: an id is never reused for something else.
This page is written by `pytest tests/test_docs_keep_up.py --update-golden`; a test holds it to the code.

| id | what it says |
|---|---|
"""
_PROGRAMS = re.compile(r"\.(plugin|__main__|echo)$")
"""Modules that are programs: importing them would run them."""


def _import_everything() -> None:
    for module in pkgutil.walk_packages(trunkline.__path__, "trunkline."):
        if not _PROGRAMS.search(module.name) and ".images." not in module.name:
            importlib.import_module(module.name)


def test_every_problem_id_is_documented(update_golden: bool) -> None:
    _import_everything()
    page = _HEAD + "".join(f"| {code} | {title} |\n" for code, title in problems.catalogue().items())
    if update_golden:
        PROBLEMS.write_text(page)

    assert PROBLEMS.read_text() == page


def test_problem_ids_look_alike() -> None:
    _import_everything()

    assert [code for code in problems.catalogue() if not re.fullmatch(r"TRK-\d{4}", code)] == []


PACKAGES = sorted(
    path.parent.relative_to(ROOT).as_posix()
    for path in (ROOT / "trunkline").glob("*/__init__.py")
    if path.parent.name not in {"adapters", "dialects"}
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is_for(package: str) -> None:
    assert (ROOT / package / "README.md").exists(), f"{package} has no README.md"
