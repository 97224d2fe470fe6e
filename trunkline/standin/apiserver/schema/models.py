"""Schemas of the built-in kinds, read from lightkube's generated models.

The models are generated from the Kubernetes OpenAPI document, so unknown-field checks are complete for every kind without
a table of our own that would rot.  A definition is named by module and class ("core_v1.PodSpec") and refers to others
with `$ref`, because some (JSONSchemaProps) contain themselves.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

import msgspec

from trunkline.standin.apiserver.objects import Json

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"

_SCALARS: dict[str, Json] = {
    "str": {"type": "string"},
    "int": {"type": "integer", "format": "int64"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "dict": {"type": "object", PRESERVE: True},
    "util_intstr.IntOrString": {INT_OR_STRING: True},
    "resource.Quantity": {INT_OR_STRING: True, "format": "quantity"},
    "runtime.RawExtension": {"type": "object", PRESERVE: True},
    "meta_v1.Time": {"type": "string", "format": "date-time"},
    "meta_v1.MicroTime": {"type": "string", "format": "date-time"},
    "meta_v1.FieldsV1": {"type": "object", PRESERVE: True},
}
_ANYTHING: Json = {PRESERVE: True}
_TEXT_MAPS = frozenset(
    {"labels", "annotations", "matchLabels", "nodeSelector", "data", "stringData", "binaryData", "selector"}
)
"""Fields that the models call `dict` although their values are always text."""

_FIELD_DOC = re.compile(r"^\s*\* \*\*(\S+)\*\* ``.*?`` - ", re.MULTILINE)


def definition(name: str) -> Json:
    """The schema called `name` ("core_v1.PodSpec").

    Raises:
        LookupError: there is no such model.
    """
    return _definition(name)


def resolve(schema: Json) -> Json:
    """The schema itself, or what its `$ref` points at."""
    reference = schema.get("$ref")
    return definition(reference) if reference else schema


@functools.cache
def _definition(name: str) -> Json:
    module_name, _, class_name = name.partition(".")
    module = importlib.import_module(f"lightkube.models.{module_name}")
    model = getattr(module, class_name, None)
    if not (isinstance(model, type) and issubclass(model, msgspec.Struct)):
        raise LookupError(name)
    docs = _docs(model.__doc__ or "")
    wire_names = dict(zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True))
    annotations: dict[str, str] = model.__annotations__
    properties = {
        wire_names[field]: _described(_property(module, wire_names[field], annotations[field]), docs.get(field, ""))
        for field in model.__struct_fields__
    }
    required = [
        wire_names[field] for field in model.__struct_fields__ if not annotations[field].startswith("Optional[")
    ]
    schema: Json = {"type": "object", "description": docs.get("", ""), "properties": properties}
    return {**schema, "required": required} if required else schema


def _property(module: Any, field: str, annotation: str) -> Json:
    if annotation == "Optional[dict]" or annotation == "dict":
        return (
            {"type": "object", "additionalProperties": {"type": "string"}} if field in _TEXT_MAPS else _SCALARS["dict"]
        )
    return _typed(module, annotation)


def _typed(module: Any, annotation: str) -> Json:
    for generic in ("Optional[", "List["):
        if annotation.startswith(generic):
            inner = _typed(module, annotation[len(generic) : -1])
            return inner if generic == "Optional[" else {"type": "array", "items": inner}
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    short = module.__name__.rpartition(".")[2]
    name = annotation if "." in annotation else f"{short}.{annotation}"
    if name in _SCALARS:
        return _SCALARS[name]
    owner = importlib.import_module(f"lightkube.models.{name.partition('.')[0]}")
    target = getattr(owner, name.partition(".")[2], None)
    return {"$ref": name} if isinstance(target, type) and issubclass(target, msgspec.Struct) else _ANYTHING


def _described(schema: Json, text: str) -> Json:
    if not text:
        return schema
    return {"allOf": [schema], "description": text} if "$ref" in schema else {**schema, "description": text}


def _docs(docstring: str) -> dict[str, str]:
    head, _, parameters = docstring.partition("**parameters**")
    texts = {"": _flat(head)}
    pieces = _FIELD_DOC.split(parameters)
    for field, text in zip(pieces[1::2], pieces[2::2], strict=True):
        texts[field] = _flat(text)
    return texts


def _flat(text: str) -> str:
    return " ".join(text.split())
