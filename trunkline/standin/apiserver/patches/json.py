"""JSON patch (RFC 6902) over JSON pointers (RFC 6901)."""

from __future__ import annotations

from typing import Any

from trunkline.standin.apiserver import objects, statuses
from trunkline.standin.apiserver.objects import Json

MAX_OPERATIONS = 10_000
"""Most operations in one patch; the figure of the Kubernetes API server."""


def apply(target: Json, operations: Any) -> Json:
    """A changed copy of `target`.

    Raises:
        StatusError: 400 when the patch is malformed, 413 when it is too long, 422 when a step does not apply.
    """
    if not isinstance(operations, list) or not all(isinstance(step, dict) for step in operations):
        raise statuses.bad_request("error decoding patch: a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        raise statuses.too_large(MAX_OPERATIONS)
    document: Any = objects.copy(target)
    for step in operations:
        document = _step(document, step)
    if not isinstance(document, dict):
        raise statuses.unprocessable("the patch leaves no object")
    return document


def _step(document: Any, step: Json) -> Any:
    operation = step.get("op")
    path = _pointer(step, "path")
    if operation in ("add", "replace", "test") and "value" not in step:
        raise statuses.bad_request(f"error decoding patch: operation {operation!r} needs a value")
    match operation:
        case "add":
            return _add(document, path, objects.copy(step["value"]))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _replace(document, path, objects.copy(step["value"]))
        case "test":
            if not _present(document, path) or _read(document, path) != step["value"]:
                raise statuses.unprocessable(f"testing value {step['path']} failed: test failed")
            return document
        case "copy":
            return _add(document, path, objects.copy(_read(document, _pointer(step, "from"))))
        case "move":
            source = _pointer(step, "from")
            if path[: len(source)] == source and path != source:
                raise statuses.unprocessable(f"move of {step['from']} into itself")
            value = _read(document, source)
            return _add(_remove(document, source), path, value)
    raise statuses.bad_request(f"error decoding patch: unknown operation {operation!r}")


def _pointer(step: Json, key: str) -> list[str]:
    text = step.get(key)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise statuses.bad_request(f"error decoding patch: {key!r} is no JSON pointer: {text!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _missing(path: list[str]) -> statuses.StatusError:
    return statuses.unprocessable(f"the path /{'/'.join(path)} does not exist")


def _index(container: list[Any], step: str, path: list[str], *, limit: int) -> int:
    if not step.isascii() or not step.isdigit() or (len(step) > 1 and step[0] == "0") or int(step) >= limit:
        raise _missing(path)
    return int(step)


def _child(container: Any, step: str, path: list[str]) -> Any:
    if isinstance(container, dict) and step in container:
        return container[step]
    if isinstance(container, list):
        return container[_index(container, step, path, limit=len(container))]
    raise _missing(path)


def _read(document: Any, path: list[str]) -> Any:
    for step in path:
        document = _child(document, step, path)
    return document


def _present(document: Any, path: list[str]) -> bool:
    try:
        _read(document, path)
    except statuses.StatusError:
        return False
    return True


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _read(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        last = len(parent) if path[-1] == "-" else _index(parent, path[-1], path, limit=len(parent) + 1)
        parent.insert(last, value)
    else:
        raise _missing(path)
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    parent = _read(document, path[:-1])
    _child(parent, path[-1], path)
    if isinstance(parent, dict):
        del parent[path[-1]]
    else:
        del parent[int(path[-1])]
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _read(document, path[:-1])
    _child(parent, path[-1], path)
    parent[path[-1] if isinstance(parent, dict) else int(path[-1])] = value
    return document
