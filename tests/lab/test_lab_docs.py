"""labs/README.md says what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.cli.lab import lab
from trunkline.lab import reading
from trunkline.lab.cases.model import VERBS, Match, Pods

LABS = Path(__file__).parents[2] / "labs"
TEXT = (LABS / "README.md").read_text()


@pytest.mark.parametrize("command", [name for name in lab.commands if name != "next"])
def test_every_command_is_mentioned(command: str) -> None:
    assert f"trunkline lab {command}" in TEXT


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_a_case_is_mentioned(verb: str) -> None:
    assert f"| `{verb}`" in TEXT or f", `{verb}` |" in TEXT


@pytest.mark.parametrize("field", [*Match.__struct_encode_fields__, *Pods.__struct_encode_fields__])
def test_every_field_of_frames_and_pods_is_mentioned(field: str) -> None:
    assert f"`{field}`" in TEXT or f"{field}: " in TEXT


@pytest.mark.parametrize("file", sorted(LABS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_topology_is_mentioned(file: Path) -> None:
    assert f"`{file.name}`" in TEXT


def test_the_topology_shown_is_a_sound_one() -> None:
    shown = TEXT.split("## A topology file")[1].split("`vlan` is")[0]
    text = "\n".join(line[4:] for line in shown.splitlines())

    assert set(reading.parse(text, name="README.md").nodes) == {"node-01"}
