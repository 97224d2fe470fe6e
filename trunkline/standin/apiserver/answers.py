"""Objects into response bodies, in the form that the client asked for; encoded objects are joined, not encoded again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.kit import clock
from trunkline.standin.apiserver import calls, storage
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.tables import columns, render


def one(call: calls.Call, form: storage.Form) -> bytes:
    """One object."""
    match call.form:
        case "table":
            return msgspec.json.encode(table(call, [form], {"resourceVersion": _version(form)}))
        case "partial":
            return msgspec.json.encode(render.partial(form.obj))
    return form.raw


def many(call: calls.Call, forms: Sequence[storage.Form], metadata: Json) -> bytes:
    """A list of objects."""
    match call.form:
        case "table":
            return msgspec.json.encode(table(call, forms, metadata))
        case "partials":
            return msgspec.json.encode(render.partial_list((form.obj for form in forms), metadata))
    head = {"kind": f"{call.resource.kind}List", "apiVersion": call.resource.api_version, "metadata": metadata}
    return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(form.raw for form in forms) + b"]}"


def event(call: calls.Call, kind: str, form: storage.Form) -> bytes:
    """One line of a watch."""
    if call.form == "json":
        return b'{"type":"' + kind.encode() + b'","object":' + form.raw + b"}\n"
    shown = (
        render.partial(form.obj) if call.form != "table" else table(call, [form], {"resourceVersion": _version(form)})
    )
    return msgspec.json.encode({"type": kind, "object": shown}) + b"\n"


def bookmark(call: calls.Call, revision: int, *, initial_end: bool = False) -> bytes:
    """The line of a watch that says how far the client has come."""
    metadata: Json = {"resourceVersion": str(revision)}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    marker: Json = {"kind": call.resource.kind, "apiVersion": call.resource.api_version, "metadata": metadata}
    if call.form == "table":
        marker = table(call, [], metadata)
    elif call.form != "json":
        marker = render.partial(marker)
    return msgspec.json.encode({"type": "BOOKMARK", "object": marker}) + b"\n"


def table(call: calls.Call, forms: Sequence[storage.Form], metadata: Json) -> Json:
    """Objects as `kubectl get` shows them."""
    shown = columns.PLAIN if call.subresource == "scale" else call.resource.columns
    include = call.query.get("includeObject", "Metadata")
    return render.table((form.obj for form in forms), shown, clock.now(), include=include, metadata=metadata)


def _version(form: storage.Form) -> str:
    return str(form.obj["metadata"].get("resourceVersion", ""))
