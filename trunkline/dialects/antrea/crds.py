"""The CustomResourceDefinitions of IPPool and ExternalIPPool and the registrations of their webhooks, as objects to apply."""

from __future__ import annotations

import base64
from typing import Any

from trunkline.dialects.antrea.ippools import GROUP
from trunkline.dialects.antrea.written import MAX_VLAN

NAME = f"ippools.{GROUP}"
CONVERT_PATH = "/convert/ippool"
VALIDATE_PATH = "/validate/ippool"
EXTERNAL_NAME = f"externalippools.{GROUP}"
VALIDATE_EXTERNAL_PATH = "/validate/externalippool"

Schema = dict[str, Any]

_VLAN: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_VLAN}
_TEXT: Schema = {"type": "string"}  # addresses, too: our admission says better than a format what is wrong with one
_ONE_FORM: list[Schema] = [{"required": ["cidr"]}, {"required": ["start", "end"]}]
_RANGE: Schema = {"cidr": _TEXT, "start": _TEXT, "end": _TEXT}
_WATCHFUL: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""An object whose unknown fields reach our admission, which refuses them by name.  Otherwise the API server drops them with
at most a warning, and a misspelt `vlan` would put pods on the untagged network."""


def ippool(*, url: str, ca: bytes) -> dict[str, Any]:
    """The definition; `url` is where the API server reaches our webhooks, `ca` the PEM certificate that vouches for it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {"plural": "ippools", "singular": "ippool", "kind": "IPPool", "shortNames": ["ipp"]},
            "conversion": {
                "strategy": "Webhook",
                "webhook": {
                    "conversionReviewVersions": ["v1"],
                    "clientConfig": _client(url + CONVERT_PATH, ca),
                },
            },
            "versions": [
                _version("v1beta1", _v1beta1(), _STATUS, storage=True),
                _version("v1alpha2", _v1alpha2(), _STATUS, storage=False),
            ],
        },
    }


def external_ippool() -> dict[str, Any]:
    """The definition of ExternalIPPool: two versions of one form, which need no conversion."""
    names = {
        "plural": "externalippools",
        "singular": "externalippool",
        "kind": "ExternalIPPool",
        "shortNames": ["eip"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": EXTERNAL_NAME},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": names,
            "versions": [
                _version("v1beta1", _external(), _EXTERNAL_STATUS, storage=True),
                _version("v1alpha2", _external(), _EXTERNAL_STATUS, storage=False),
            ],
        },
    }


def admission(*, url: str, ca: bytes) -> dict[str, Any]:
    """The registration of the validating webhooks, for both versions: a conversion would lose unknown fields."""
    deletable = ["CREATE", "UPDATE"]  # Antrea asks nobody about the deletion of an ExternalIPPool
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "trunkline-ippools"},
        "webhooks": [
            _webhook("ippool", _client(url + VALIDATE_PATH, ca), [*deletable, "DELETE"]),
            _webhook("externalippool", _client(url + VALIDATE_EXTERNAL_PATH, ca), deletable),
        ],
    }


def _webhook(kind: str, client: dict[str, str], operations: list[str]) -> dict[str, Any]:
    return {
        "name": f"{kind}.{GROUP}",
        "clientConfig": client,
        "rules": [
            {
                "operations": operations,
                "apiGroups": [GROUP],
                "apiVersions": ["v1alpha2", "v1beta1"],
                "resources": [f"{kind}s"],
                "scope": "Cluster",
            }
        ],
        "matchPolicy": "Equivalent",
        "failurePolicy": "Fail",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }


def _client(url: str, ca: bytes) -> dict[str, str]:
    return {"url": url, "caBundle": base64.b64encode(ca).decode()}


def _version(name: str, spec: Schema, status: Schema, *, storage: bool) -> dict[str, Any]:
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {"spec": spec, "status": status},
            }
        },
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {
                "name": "Total",
                "type": "integer",
                "jsonPath": ".status.usage.total",
                "description": "Addresses to hand out",
            },
            {
                "name": "Used",
                "type": "integer",
                "jsonPath": ".status.usage.used",
                "description": "Addresses handed out",
            },
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }


def _v1alpha2() -> Schema:
    subnet = {"gateway": _TEXT, "prefixLength": {"type": "integer", "minimum": 1, "maximum": 128}, "vlan": _VLAN}
    listed = {
        **_WATCHFUL,
        "required": ["gateway", "prefixLength"],
        "oneOf": _ONE_FORM,
        "properties": {**_RANGE, **subnet},
    }
    return {
        **_WATCHFUL,
        "required": ["ipVersion", "ipRanges"],
        "properties": {
            "ipVersion": {"type": "integer", "enum": [4, 6]},
            "ipRanges": {"type": "array", "minItems": 1, "items": listed},
        },
    }


def _v1beta1() -> Schema:
    return {
        **_WATCHFUL,
        "required": ["ipRanges", "subnetInfo"],
        "properties": {"ipRanges": _ip_ranges(), "subnetInfo": _subnet_info()},
    }


def _external() -> Schema:
    return {
        **_WATCHFUL,
        "required": ["ipRanges", "nodeSelector"],
        "properties": {"ipRanges": _ip_ranges(), "subnetInfo": _subnet_info(), "nodeSelector": _label_selector()},
    }


def _ip_ranges() -> Schema:
    return {"type": "array", "minItems": 1, "items": {**_WATCHFUL, "oneOf": _ONE_FORM, "properties": _RANGE}}


def _subnet_info() -> Schema:
    return {
        **_WATCHFUL,
        "required": ["gateway", "prefixLength"],
        "properties": {
            "gateway": _TEXT,
            "prefixLength": {"type": "integer", "minimum": 1, "maximum": 127},
            "vlan": {**_VLAN, "default": 0},
        },
    }


def _label_selector() -> Schema:
    expression = _object(key=_TEXT, operator=_TEXT, values=_list(_TEXT))
    return {
        **_WATCHFUL,
        "properties": {
            "matchLabels": {"type": "object", "additionalProperties": _TEXT},
            "matchExpressions": _list({**expression, "required": ["key", "operator"]}),
        },
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_INTEGER: Schema = {"type": "integer", "format": "int64"}
_CONDITIONS: Schema = _list(
    _object(
        type=_TEXT,
        status=_TEXT,
        reason=_TEXT,
        message=_TEXT,
        lastTransitionTime={"type": "string", "format": "date-time"},
    )
)
_EXTERNAL_STATUS: Schema = _object(usage=_object(total=_INTEGER, used=_INTEGER), conditions=_CONDITIONS)
_STATUS: Schema = _object(
    ipAddresses=_list(
        _object(
            ipAddress=_TEXT,
            phase=_TEXT,
            owner=_object(
                pod=_object(name=_TEXT, namespace=_TEXT, containerID=_TEXT, ifName=_TEXT),
                statefulSet=_object(name=_TEXT, namespace=_TEXT, index=_INTEGER),
            ),
        )
    ),
    usage=_object(total=_INTEGER, used=_INTEGER),
    conditions=_CONDITIONS,
)
