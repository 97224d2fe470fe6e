"""What the dialects say about manifests before any server sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.dialects.antrea import admission, external_admission, external_ippools, ippools
from trunkline.dialects.antrea import annotations as pool_annotations
from trunkline.dialects.antrea.contention import AnyPool, Facts
from trunkline.dialects.antrea.reviews import Verdict as Judgement
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
    pools: list[AnyPool] = []
    for document in documents:
        if incomplete := _basics(document):
            verdict.found += incomplete
            continue
        verdict.warnings += pool_annotations.misplaced(document.value)
        if (pool := _pool(document.value)) is not None:
            judged = _judged(pool, pools)
            verdict.found += judged.problems
            verdict.warnings += judged.warnings
            pools.append(pool)
    return verdict


def _pool(value: dict[str, Any]) -> AnyPool | None:
    if not str(value["apiVersion"]).startswith(f"{ippools.GROUP}/"):
        return None
    match value["kind"]:
        case "IPPool":
            return ippools.decode(value)
        case "ExternalIPPool":
            return external_ippools.decode(value)
    return None


def _judged(pool: AnyPool, others: Sequence[AnyPool]) -> Judgement:
    if isinstance(pool, ippools.IPPool):
        return admission.validate(pool, None, others=others, leases=(), facts=Facts())
    return external_admission.validate(pool, None, others=others, facts=Facts())


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
