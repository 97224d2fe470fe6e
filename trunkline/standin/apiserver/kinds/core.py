"""The small kinds of the core group: Namespaces, Nodes, ConfigMaps, Secrets, Events."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator

from trunkline.standin.apiserver import causes, names, objects
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.kinds import rules
from trunkline.standin.apiserver.objects import Json

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_SENTENCE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
MAX_DATA_BYTES = 1024 * 1024


def _default_namespace(namespace: Json) -> None:
    metadata = objects.meta(namespace)
    labels = metadata.setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = metadata.get("name", "")


def _begin_namespace(namespace: Json) -> None:
    namespace["spec"] = {"finalizers": ["kubernetes"]}
    namespace["status"] = {"phase": "Active"}


def _carry_namespace(new: Json, old: Json) -> None:
    """Only the finalize subresource touches `spec.finalizers`."""
    new["spec"] = old.get("spec", {})


def _default_node(node: Json) -> None:
    spec = node.setdefault("spec", {})
    if spec.get("podCIDR"):
        objects.setdefaults(spec, podCIDRs=[spec["podCIDR"]])


def _check_node(node: Json) -> Iterator[Cause]:
    for index, prefix in enumerate(objects.dig(node, "spec", "podCIDRs", default=[])):
        try:
            ipaddress.ip_network(prefix)
        except ValueError:
            detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            yield causes.invalid(f"spec.podCIDRs[{index}]", prefix, detail)


def _carry_node(new: Json, old: Json) -> None:
    for key in ("podCIDR", "podCIDRs"):
        if key in old.get("spec", {}):
            new["spec"].setdefault(key, old["spec"][key])


def _check_node_change(new: Json, old: Json) -> Iterator[Cause]:
    before = old.get("spec", {}).get("podCIDRs")
    if before and new["spec"].get("podCIDRs") != before:
        yield causes.forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')


def _check_data(obj: Json) -> Iterator[Cause]:
    plain, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for field, data in (("data", plain), ("binaryData", binary)):
        for key in data:
            if not _KEY.fullmatch(key) or key in (".", ".."):
                yield causes.invalid(f"{field}[{key}]", key, _KEY_SENTENCE)
    for key in set(plain) & set(binary):
        yield causes.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    if sum(len(key) + len(str(value)) for data in (plain, binary) for key, value in data.items()) > MAX_DATA_BYTES:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {MAX_DATA_BYTES} bytes", "")


def _check_data_change(new: Json, old: Json) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield causes.forbidden("immutable", "field is immutable when `immutable` is set")
    for field in ("data", "binaryData"):
        if new.get(field) != old.get(field):
            yield causes.forbidden(field, "field is immutable when `immutable` is set")


def _default_secret(secret: Json) -> None:
    objects.setdefaults(secret, type="Opaque")
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _check_secret(secret: Json) -> Iterator[Cause]:
    yield from _check_data(secret)
    for key, text in (secret.get("data") or {}).items():
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            yield causes.invalid(f"data[{key}]", "<secret contents redacted>", "must be base64")


def _check_secret_change(new: Json, old: Json) -> Iterator[Cause]:
    yield from rules.immutable(new.get("type"), old.get("type"), "type")
    yield from _check_data_change(new, old)


def _check_event(event: Json) -> Iterator[Cause]:
    namespace = objects.dig(event, "metadata", "namespace", default="")
    involved = objects.dig(event, "involvedObject", "namespace", default="")
    if (involved or "default") != namespace:
        yield causes.invalid("involvedObject.namespace", involved, "does not match event.namespace")


NAMESPACE = rules.Rules(name=names.LABEL, default=_default_namespace, begin=_begin_namespace, carry=_carry_namespace)
NODE = rules.Rules(default=_default_node, carry=_carry_node, check=_check_node, check_change=_check_node_change)
CONFIGMAP = rules.Rules(check=_check_data, check_change=_check_data_change)
SECRET = rules.Rules(default=_default_secret, check=_check_secret, check_change=_check_secret_change)
EVENT = rules.Rules(check=_check_event)
