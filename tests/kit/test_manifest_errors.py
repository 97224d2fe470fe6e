"""Golden errors: what a person sees for text that cannot be used, and the repair that is proposed.

`errors/<case>.yaml` is the text; `errors/<case>.txt` the messages and, after a line of dashes, the repaired text.
TRUNKLINE_UPDATE_GOLDEN=1 rewrites the expectations.
"""

import os
from pathlib import Path

import pytest

from trunkline.kit import manifests
from trunkline.kit.problems import IntentError

CASES = sorted((Path(__file__).parent / "errors").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_text_that_cannot_be_used_is_answered_as_written_down(case):
    with pytest.raises(IntentError) as caught:
        manifests.load(case.read_text(), name=case.name)

    answer = f"{caught.value}\n"
    if isinstance(caught.value, manifests.DamagedText) and caught.value.repaired:
        answer += f"----\n{caught.value.repaired}"
    expected = case.with_suffix(".txt")
    if os.environ.get("TRUNKLINE_UPDATE_GOLDEN"):
        expected.write_text(answer)

    assert expected.read_text() == answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_proposed_repair_reads_without_complaint(case):
    with pytest.raises(IntentError) as caught:
        manifests.load(case.read_text())

    repaired = getattr(caught.value, "repaired", None)
    if repaired is not None:
        assert manifests.load(repaired)
