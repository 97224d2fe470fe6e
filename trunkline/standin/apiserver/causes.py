"""What can be wrong with one field, worded as Kubernetes words it, so that people find the text they know.

A `Cause` is the wire's `StatusCause`; causes of one object are gathered and reported together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec


class Cause(msgspec.Struct, frozen=True):
    """One wrong field: `reason` is the machine's word, `message` the human's, `field` a path ("spec.ports[0].port")."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def required(field: str, detail: str = "") -> Cause:
    """The field must be given."""
    return Cause("FieldValueRequired", f"Required value: {detail}" if detail else "Required value", field)


def invalid(field: str, value: Any, detail: str) -> Cause:
    """The field has a value that cannot be."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def wrong_type(field: str, value: Any, detail: str) -> Cause:
    """The field has a value of another JSON type."""
    return Cause("FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def unsupported(field: str, value: Any, allowed: Iterable[Any]) -> Cause:
    """The field takes one of a few values, and this is none of them."""
    choices = ", ".join(shown(choice) for choice in allowed)
    return Cause("FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {choices}", field)


def duplicate(field: str, value: Any) -> Cause:
    """The same value stands in the list already."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def forbidden(field: str, detail: str) -> Cause:
    """The field may not be set, or not be changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


def shown(value: Any) -> str:
    """The value as it appears in messages: JSON, cut where it would drown the sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 1024 else f"{text[:1024]}..."
