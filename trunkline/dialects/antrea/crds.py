"""The CustomResourceDefinition of IPPool and the registrations of its webhooks, as objects to apply."""

from __future__ import annotations

import base64
from typing import Any

from trunkline.dialects.antrea.ippools import GROUP, MAX_VLAN

NAME = f"ippools.{GROUP}"
CONVERT_PATH = "/convert/ippool"
VALIDATE_PATH = "/validate/ippool"

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
                _version("v1beta1", _v1beta1(), storage=True),
                _version("v1alpha2", _v1alpha2(), storage=False),
            ],
        },
    }


def admission(*, url: str, ca: bytes) -> dict[str, Any]:
    """The registration of the validating webhook, for both versions: a conversion would lose unknown fields."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "trunkline-ippools"},
        "webhooks": [
            {
                "name": f"ippool.{GROUP}",
                "clientConfig": _client(url + VALIDATE_PATH, ca),
                "rules": [
                    {
                        "operations": ["CREATE", "UPDATE", "DELETE"],
                        "apiGroups": [GROUP],
                        "apiVersions": ["v1alpha2", "v1beta1"],
                        "resources": ["ippools"],
                        "scope": "Cluster",
                    }
                ],
                "matchPolicy": "Equivalent",
                "failurePolicy": "Fail",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 5,
            }
        ],
    }


def _client(url: str, ca: bytes) -> dict[str, str]:
    return {"url": url, "caBundle": base64.b64encode(ca).decode()}


def _version(name: str, spec: Schema, *, storage: bool) -> dict[str, Any]:
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {"spec": spec, "status": _STATUS},
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
    subnet = {
        **_WATCHFUL,
        "required": ["gateway", "prefixLength"],
        "properties": {
            "gateway": _TEXT,
            "prefixLength": {"type": "integer", "minimum": 1, "maximum": 127},
            "vlan": {**_VLAN, "default": 0},
        },
    }
    listed = {**_WATCHFUL, "oneOf": _ONE_FORM, "properties": _RANGE}
    return {
        **_WATCHFUL,
        "required": ["ipRanges", "subnetInfo"],
        "properties": {"ipRanges": {"type": "array", "minItems": 1, "items": listed}, "subnetInfo": subnet},
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_INTEGER: Schema = {"type": "integer", "format": "int64"}
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
    conditions=_list(
        _object(
            type=_TEXT,
            status=_TEXT,
            reason=_TEXT,
            message=_TEXT,
            lastTransitionTime={"type": "string", "format": "date-time"},
        )
    ),
)
