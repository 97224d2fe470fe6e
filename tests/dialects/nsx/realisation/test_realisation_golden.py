"""Each folder of `golden/` is one subject: documents as clients write them, and the network that follows."""

from __future__ import annotations

from typing import Any

import yaml


def test_the_network_that_follows_from_the_documents_is_the_golden_one(
    golden_case: str, kit: Any, manager: Any, update_golden: bool
) -> None:
    folder = kit.GOLDEN / golden_case
    bodies = yaml.safe_load((folder / "documents.yaml").read_text())
    found = kit.text(kit.described(kit.fabric_of(kit.stored(manager, bodies))))
    expected = folder / "intent.yaml"

    if update_golden:
        expected.write_text(found)

    assert found == expected.read_text()
