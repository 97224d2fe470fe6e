"""Protobuf as Kubernetes uses it, decoded into the JSON form of the same object.

On the wire an object is the four bytes "k8s\\0" and a `runtime.Unknown`, whose `raw` is the message of its kind.  The Go
encoder writes every field that is no pointer, also when it is empty, so empty values of such fields mean "not set".
Layout of `fields.txt`, one message a line: `NUMBER:[MARK]NAME:[SHAPE]TYPE`; mark `?` a pointer, `+` inline in JSON; shape `[`
repeated, `{` map from text.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import msgspec

from trunkline.standin.apiserver.objects import Json

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class ProtobufError(ValueError):
    """The bytes are no object that this server can read."""


class Field(msgspec.Struct, frozen=True):
    """One field of a message."""

    name: str
    type: str
    shape: str
    is_pointer: bool
    is_inline: bool


def decode(body: bytes) -> Json:
    """The object in a request body.

    Raises:
        ProtobufError: the bytes are cut or malformed, or of a kind that is not described here.
    """
    if not body.startswith(_MAGIC):
        raise ProtobufError("it does not start as a Kubernetes protobuf object")
    envelope = dict(_wire(body[len(_MAGIC) :]))
    kinds = {number: _text(value) for number, value in _wire(_bytes(envelope.get(1, b"")))}
    api_version, kind = kinds.get(1, ""), kinds.get(2, "")
    name = _message_name(api_version, kind)
    if name not in _messages():
        raise ProtobufError(f"{api_version} {kind} is not known in this form; send JSON")
    return {"apiVersion": api_version, "kind": kind, **_message(_bytes(envelope.get(2, b"")), name)}


def _message_name(api_version: str, kind: str) -> str:
    """The message of a kind: only the first label of a group names its package ("rbac.authorization.k8s.io" is rbac)."""
    group, slash, version = api_version.rpartition("/")
    package = "meta" if kind == "DeleteOptions" else group.partition(".")[0] if slash else "core"
    return f"{package}/{version}.{kind}"


@functools.cache
def _messages() -> dict[str, dict[int, Field]]:
    text = resources.files(__package__).joinpath("fields.txt").read_text()
    return {name: dict(map(_field, fields)) for name, *fields in map(str.split, text.splitlines())}


def _field(text: str) -> tuple[int, Field]:
    number, name, kind = text.split(":")
    shape = kind[0] if kind[0] in "[{" else ""
    return int(number), Field(name.lstrip("?+"), kind.lstrip("[{"), shape, name[0] == "?", name[0] == "+")


def _message(data: bytes, name: str) -> Json:
    result: Json = {}
    fields = _messages()[name]
    for number, raw in _wire(data):
        field = fields.get(number)
        if field is None:
            continue
        if field.shape == "{":
            entry = dict(_wire(_bytes(raw)))
            value = _value(entry.get(2, b""), field.type)
            result.setdefault(field.name, {})[_text(entry.get(1, b""))] = "" if value is None else value
        elif field.shape == "[":
            result.setdefault(field.name, []).append(_value(raw, field.type))
        else:
            _set(result, field, _value(raw, field.type))
    return result


def _set(result: Json, field: Field, value: Any) -> None:
    if field.is_inline:
        result.update(value)
    elif value is not None and (field.is_pointer or value not in ("", 0, False, {})):
        result[field.name] = value


def _value(raw: int | bytes, kind: str) -> Any:
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(raw)
    if kind not in _messages():
        raise ProtobufError(f"a field of type {kind} cannot be read in this form; send JSON")
    return _message(_bytes(raw), kind)


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The (number, value) pairs of a message, in wire order."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        if key & 7 == _VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if key & 7 == _BYTES:
            size, position = _varint(data, position)
        elif key & 7 in (_FIXED32, _FIXED64):
            size = 4 if key & 7 == _FIXED32 else 8
        else:
            raise ProtobufError(f"wire type {key & 7} is not used by Kubernetes")
        if position + size > len(data):
            raise ProtobufError("the message is cut")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise ProtobufError("a number is cut or too long")


def _bytes(raw: int | bytes) -> bytes:
    if isinstance(raw, int):
        raise ProtobufError("a number stands where a message or text belongs")
    return raw


def _text(raw: int | bytes) -> str:
    try:
        return _bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise ProtobufError("a text is not UTF-8") from error


def _integer(raw: int | bytes) -> int:
    if isinstance(raw, bytes):
        raise ProtobufError("a message or text stands where a number belongs")
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _time(raw: int | bytes) -> str | None:
    """Seconds and nanoseconds as RFC 3339; nothing at all is the Go zero time, which JSON leaves out."""
    parts = {number: _integer(value) for number, value in _wire(_bytes(raw))}
    if not parts:
        return None
    moment = datetime.fromtimestamp(parts.get(1, 0), UTC)
    fraction = f".{parts[2] // 1000:06}" if parts.get(2) else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _quantity(raw: int | bytes) -> str:
    return _text(dict(_wire(_bytes(raw))).get(1, b"0"))


def _int_or_string(raw: int | bytes) -> int | str:
    parts = dict(_wire(_bytes(raw)))
    return _text(parts.get(3, b"")) if parts.get(1) else _integer(parts.get(2, 0))


def _embedded_json(raw: int | bytes) -> Any:
    content = _bytes(dict(_wire(_bytes(raw))).get(1, b""))
    try:
        return msgspec.json.decode(content) if content else None
    except msgspec.DecodeError as error:
        raise ProtobufError(f"embedded JSON: {error}") from error


_SPECIAL: dict[str, Callable[[int | bytes], Any]] = {
    "string": _text,
    "bytes": lambda raw: base64.b64encode(_bytes(raw)).decode(),
    "bool": lambda raw: bool(_integer(raw)),
    "int32": _integer,
    "int64": _integer,
    "meta/v1.Time": _time,
    "meta/v1.MicroTime": _time,
    "meta/v1.FieldsV1": _embedded_json,
    "pkg/runtime.RawExtension": _embedded_json,
    "api/resource.Quantity": _quantity,
    "util/intstr.IntOrString": _int_or_string,
}
