"""What the dialects say about manifests before any server sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.dialects.antrea import admission, ippools
from trunkline.dialects.antrea import annotations as pool_annotations
from trunkline.kit import manifests, problems

INCOMPLETE = problems.register("TRK-0803", "A manifest lacks what every Kubernetes object has.")


class Verdict(msgspec.Struct):
    """Everything found in all documents."""

    found: list[problems.Problem]
    warnings: list[problems.Problem]


def judge(documents: Sequence[manifests.Document]) -> Verdict:
    """Judge every document by itself, and the pools among them against each other.

    The cluster's own address plan and its other pools are not known here; admission looks at those.
    """
    verdict = Verdict([], [])
    pools: list[ippools.IPPool] = []
    for document in documents:
        if incomplete := _basics(document):
            verdict.found += incomplete
            continue
        verdict.warnings += pool_annotations.misplaced(document.value)
        if _is_pool(document.value):
            pool = ippools.decode(document.value)
            judged = admission.validate(pool, None, others=pools, leases=(), facts=admission.Facts())
            verdict.found += judged.problems
            verdict.warnings += judged.warnings
            pools.append(pool)
    return verdict


def _is_pool(value: dict[str, Any]) -> bool:
    return value["kind"] == "IPPool" and str(value["apiVersion"]).startswith(f"{ippools.GROUP}/")


def _basics(document: manifests.Document) -> list[problems.Problem]:
    data = document.value if isinstance(document.value, dict) else {}
    metadata = data.get("metadata")
    wanted = {
        "apiVersion": data.get("apiVersion"),
        "kind": data.get("kind"),
        "metadata.name": metadata.get("name") if isinstance(metadata, dict) else None,
    }
    return [
        problems.Problem(
            code=INCOMPLETE,
            object=document.title or document.name,
            field=field,
            found=repr(value) if value is not None else "nothing",
            allowed="a text is wanted",
        )
        for field, value in wanted.items()
        if not isinstance(value, str) or not value
    ]
