"""What names, labels and annotations may look like; the wording is the one that Kubernetes users know.

Source of the rules: RFC 1123 section 2.1 and RFC 1035 section 2.3.1 for names; the Kubernetes documentation pages
"Object Names and IDs" and "Labels and Selectors" for lengths and prefixes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from trunkline.standin.apiserver import causes
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.objects import Json

MAX_ANNOTATION_BYTES = 256 * 1024


class NameRule(msgspec.Struct, frozen=True):
    """One family of names: its pattern, longest form, and the sentence that refuses a name."""

    pattern: str
    limit: int
    sentence: str

    def refusals(self, name: str) -> Iterator[str]:
        """Why `name` is not in the family; nothing when it is."""
        if len(name) > self.limit:
            yield f"must be no more than {self.limit} characters"
        if not re.fullmatch(self.pattern, name):
            yield self.sentence


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

SUBDOMAIN = NameRule(
    rf"{_LABEL}(\.{_LABEL})*",
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    f"with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_LABEL}(\\.{_LABEL})*')",
)
LABEL = NameRule(
    _LABEL,
    63,
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    f"alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')",
)
SERVICE = NameRule(
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    63,
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
    "with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
)
PATH_SEGMENT = NameRule(r"(?!\.{1,2}\Z)[^/%]+", 253, "may not be '.', '..', or contain '/' or '%'")

_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_QUALIFIED_SENTENCE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_SENTENCE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def check_name(rule: NameRule, name: str, field: str = "metadata.name") -> Iterator[Cause]:
    """Everything wrong with an object's name."""
    if not name:
        yield causes.required(field, "name or generateName is required" if field == "metadata.name" else "")
    else:
        yield from (causes.invalid(field, name, why) for why in rule.refusals(name))


def check_labels(labels: Any, field: str) -> Iterator[Cause]:
    """Everything wrong with a map of labels."""
    for key, value in (labels or {}).items():
        yield from (causes.invalid(field, key, why) for why in key_refusals(key))
        if value and not _QUALIFIED.fullmatch(str(value)):
            yield causes.invalid(field, value, _VALUE_SENTENCE)
        elif len(str(value)) > 63:
            yield causes.invalid(field, value, "must be no more than 63 characters")


def check_annotations(annotations: Any, field: str) -> Iterator[Cause]:
    """Everything wrong with a map of annotations."""
    pairs = (annotations or {}).items()
    for key, _ in pairs:
        yield from (causes.invalid(field, key, why) for why in key_refusals(key.lower()))
    if sum(len(key) + len(str(value)) for key, value in pairs) > MAX_ANNOTATION_BYTES:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {MAX_ANNOTATION_BYTES} bytes", field)


def key_refusals(key: str) -> Iterator[str]:
    """Why `key` ("app", "example.com/app") is no qualified name."""
    prefix, slash, name = key.rpartition("/")
    if slash:
        yield from (f"prefix part {why}" for why in SUBDOMAIN.refusals(prefix))
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 characters"
    if not _QUALIFIED.fullmatch(name):
        yield _QUALIFIED_SENTENCE


def check_metadata(metadata: Json, rule: NameRule) -> Iterator[Cause]:
    """Everything wrong with one object's metadata."""
    yield from check_name(rule, metadata.get("name", ""))
    yield from check_labels(metadata.get("labels"), "metadata.labels")
    yield from check_annotations(metadata.get("annotations"), "metadata.annotations")
    for index, finalizer in enumerate(metadata.get("finalizers") or ()):
        yield from (causes.invalid(f"metadata.finalizers[{index}]", finalizer, why) for why in key_refusals(finalizer))
    yield from _owners(metadata.get("ownerReferences") or ())


def _owners(references: Any) -> Iterator[Cause]:
    for index, reference in enumerate(references):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(field):
                yield causes.invalid(f"metadata.ownerReferences[{index}].{field}", "", f"{field} must not be empty")
    controllers = [reference["kind"] for reference in references if reference.get("controller")]
    if len(controllers) > 1:
        detail = f'Only one reference can have Controller set to true. Found "true" in references for {controllers}'
        yield causes.invalid("metadata.ownerReferences", controllers, detail)
