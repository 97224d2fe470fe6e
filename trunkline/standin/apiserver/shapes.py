"""The shape of what clients send: unknown fields, wrong types, metadata that a client may not choose."""

from __future__ import annotations

from typing import Any

from trunkline.standin.apiserver import causes, names, objects, statuses
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.schema import constraints, models, structural

_GO_TYPES = {
    "integer": "int64",
    "integer,string": "intstr.IntOrString",
    "boolean": "bool",
    "array": "[]",
    "object": "map",
}
_JSON_WORDS = {"integer": "number", "boolean": "bool"}


def take(call: Call, obj: Json) -> Json:
    """The object as this server will look at it: of the URL's kind, without unknown fields, custom defaults filled.

    Raises:
        StatusError: 400 for another kind or version, a value of the wrong type, or (with strict field validation) an
            unknown field.
    """
    _same_kind(call, obj)
    obj.setdefault("metadata", {})
    if call.resource.model:
        structural.drop_nulls(obj)
        _typed(call, obj, models.definition(call.resource.model))
        _judge(call, structural.prune(obj, models.definition(call.resource.model)))
    elif call.resource.schema is not None:
        structural.drop_nulls(obj["metadata"])
        _typed(call, obj["metadata"], models.definition("meta_v1.ObjectMeta"), "metadata")
        _judge(call, structural.prune(obj, call.resource.schema))
        structural.fill(obj, call.resource.schema)
    for field in ("managedFields", "selfLink"):
        obj["metadata"].pop(field, None)
    return obj


def _same_kind(call: Call, obj: Json) -> None:
    wanted = call.resource
    version, kind = obj.setdefault("apiVersion", wanted.api_version), obj.setdefault("kind", wanted.kind)
    if version != wanted.api_version:
        message = (
            f"the API version in the data ({version}) does not match the expected API version ({wanted.api_version})"
        )
        raise statuses.bad_request(message)
    if kind != wanted.kind:
        raise statuses.bad_request(f"the kind in the data ({kind}) does not match the expected kind ({wanted.kind})")
    if not isinstance(obj.get("metadata", {}), dict):
        raise call.refusal(
            TypeError(f"json: cannot unmarshal {_word(obj['metadata'])} into Go struct field {kind}.metadata")
        )


def _typed(call: Call, value: Any, schema: Json, path: str = "") -> None:
    for field, found, wanted in structural.mistyped(value, schema, path):
        where = f"{call.resource.kind}.{field}" if field else call.resource.kind
        go_type = _GO_TYPES.get(wanted, wanted)
        raise call.refusal(
            TypeError(f"json: cannot unmarshal {_word(found)} into Go struct field {where} of type {go_type}")
        )


def _word(value: Any) -> str:
    kind = structural.json_type(value)
    return _JSON_WORDS.get(kind, kind)


def _judge(call: Call, unknown: list[str]) -> None:
    """Unknown fields are gone already; strict clients are refused for them, others warned, some want silence."""
    told = [f'unknown field "{path}"' for path in unknown]
    match call.query.get("fieldValidation") or "Warn":
        case "Strict" if told:
            raise call.refusal(ValueError(f"strict decoding error: {', '.join(told)}"))
        case "Warn":
            call.warnings.extend(told)
        case "Strict" | "Ignore":
            pass
        case other:
            choices = '"Ignore", "Strict", "Warn"'
            raise statuses.bad_request(f'fieldValidation: Unsupported value: "{other}": supported values: {choices}')


def place(call: Call, obj: Json) -> None:
    """Put the object where the URL says: its namespace, and its name when the URL has one.

    Raises:
        StatusError: 400 when the object says otherwise.
    """
    metadata = objects.meta(obj)
    if call.resource.namespaced:
        if metadata.setdefault("namespace", call.namespace) != call.namespace:
            message = "the namespace of the provided object does not match the namespace sent on the request"
            raise statuses.bad_request(message)
    elif metadata.pop("namespace", ""):
        raise statuses.bad_request("namespace should not be set on a cluster-scoped object")
    if call.name and metadata.setdefault("name", call.name) != call.name:
        message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({call.name})"
        raise statuses.bad_request(message)


def check(call: Call, new: Json, old: Json | None) -> list[Cause]:
    """Everything wrong with the object's content, and with the change when it had another one before."""
    resource = call.resource
    found = list(names.check_metadata(new["metadata"], resource.rules.name))
    found += _finalizers(new, old) if old else ()
    if resource.schema is not None:
        found += constraints.validate(
            {key: value for key, value in new.items() if key != "metadata"}, _body(resource.schema)
        )
    found += resource.rules.check(new)
    if old is not None and not found:
        found += resource.rules.check_change(new, old)
    return found


def _body(schema: Json) -> Json:
    """The schema without the demand for metadata, which has rules of its own."""
    return {**schema, "required": [name for name in schema.get("required", ()) if name != "metadata"]}


def _finalizers(new: Json, old: Json) -> list[Cause]:
    if not old["metadata"].get("deletionTimestamp"):
        return []
    added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
    if not added:
        return []
    told = ", ".join(causes.shown(finalizer) for finalizer in sorted(added))
    detail = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{told}}}"
    return [causes.forbidden("metadata.finalizers", detail)]
