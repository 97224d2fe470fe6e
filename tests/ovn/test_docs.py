"""The page about the mapping is the one that the table of rules prints."""

from __future__ import annotations

from pathlib import Path

from trunkline.ovn import mapping

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"


def test_mapping_page_is_up_to_date(update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(mapping.page())

    assert PAGE.read_text() == mapping.page()
