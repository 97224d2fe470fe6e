"""What the dialects say about manifests before any server sees them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.kit import manifests, problems

INCOMPLETE = problems.register("TRK-0803", "A manifest lacks what every Kubernetes object has.")


class Verdict(msgspec.Struct):
    """Everything found in all documents."""

    found: list[problems.Problem]
    warnings: list[problems.Problem]


def judge(documents: Sequence[manifests.Document]) -> Verdict:
    """Judge every document by itself, and the pools among them against each other."""
    verdict = Verdict([], [])
    for document in documents:
        verdict.found += _basics(document)
    return verdict


def _basics(document: manifests.Document) -> list[problems.Problem]:
    data = document.value if isinstance(document.value, dict) else {}
    wanted = {"apiVersion": data.get("apiVersion"), "kind": data.get("kind")}
    metadata = data.get("metadata")
    wanted["metadata.name"] = (metadata if isinstance(metadata, dict) else {}).get("name")
    return [
        problems.Problem(
            code=INCOMPLETE,
            object=document.title,
            field=field,
            found=repr(value) if value is not None else "nothing",
            allowed="a text is wanted",
        )
        for field, value in wanted.items()
        if not isinstance(value, str) or not value
    ]
