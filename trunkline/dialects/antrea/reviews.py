"""The frame of admission reviews: what the API server asks about one object, and how it is told the verdict.

Source: admission.k8s.io/v1 AdmissionReview.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trunkline.dialects.antrea import ippools, mixed
from trunkline.kit.problems import Problem


class Verdict(msgspec.Struct, frozen=True):
    """Everything that forbids a change, and everything worth saying about it."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def answer(asked: Mapping[str, Any], kind: str, verdict: Verdict) -> dict[str, Any]:
    """The answer to a review's `request`."""
    name = asked.get("name", "")
    response: dict[str, Any] = {"uid": asked["uid"], "allowed": not verdict.problems}
    if verdict.problems:
        response["status"] = denial(kind, name, verdict.problems)
    if verdict.warnings:
        response["warnings"] = [str(warning) for warning in verdict.warnings]
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def denial(kind: str, name: str, found: Iterable[Problem]) -> dict[str, Any]:
    """The Kubernetes Status that tells a client about these problems of one object; kubectl prints name and causes."""
    found = tuple(found)
    causes = [
        {"reason": "FieldValueInvalid", "field": each.field or "metadata.name", "message": each.finding}
        for each in found
    ]
    return {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "\n".join(str(each) for each in found),
        "details": {"group": ippools.GROUP, "kind": kind, "name": name, "causes": causes},
    }


def same_offer(asked: Mapping[str, Any]) -> bool:
    """Whether the change leaves what the pool offers as it is (status, labels, finalizers).

    Such a change always passes: an old mistake in a pool must not hold up its bookkeeping.
    """
    new, old = asked.get("object"), asked.get("oldObject")
    return new is not None and old is not None and _offer(new) == _offer(old)


def _offer(raw: Mapping[str, Any]) -> tuple[Any, Any]:
    return raw.get("spec"), (raw.get("metadata", {}).get("annotations") or {}).get(mixed.ANNOTATION)
