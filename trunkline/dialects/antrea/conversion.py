"""The conversion webhook for IPPools: v1alpha2 to v1beta1 and back, without loss.

Antrea refuses to convert a pool whose ranges lie in several subnets; here such a pool lives on (see `mixed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.dialects.antrea import mixed
from trunkline.dialects.antrea.ippools import V1ALPHA2, V1BETA1

Raw = Mapping[str, Any]


def review(request: Raw) -> dict[str, Any]:
    """Answer a ConversionReview; either all of its objects are converted or none.

    Source: apiextensions.k8s.io/v1 ConversionReview.
    """
    asked = request["request"]
    response: dict[str, Any] = {"uid": asked["uid"], "result": {"status": "Success"}}
    try:
        response["convertedObjects"] = [convert(each, asked["desiredAPIVersion"]) for each in asked["objects"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"cannot convert to {asked['desiredAPIVersion']}: {error!s}"
        response["result"] = {"status": "Failure", "message": message}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response}


def convert(raw: Raw, version: str) -> dict[str, Any]:
    """The IPPool in the wanted version ("crd.antrea.io/v1beta1"); everything but `spec` and annotations passes through.

    Raises:
        ValueError, KeyError, TypeError: the object is no IPPool, or too malformed to convert.
    """
    if raw["apiVersion"] == version:
        return dict(raw)
    steps = {(V1ALPHA2, V1BETA1): _up, (V1BETA1, V1ALPHA2): _down}
    step = steps.get((raw["apiVersion"], version))
    if step is None:
        raise ValueError(f"{raw['apiVersion']} has no conversion to {version}")
    try:
        metadata, spec = step(raw["metadata"], raw["spec"])
    except ValueError as error:
        raise ValueError(f"IPPool {raw['metadata'].get('name', '')}: {error}") from error
    return {**raw, "apiVersion": version, "metadata": metadata, "spec": spec}


def _up(metadata: Raw, spec: Raw) -> tuple[dict[str, Any], dict[str, Any]]:
    subnet, own, others = mixed.split(spec["ipRanges"])
    return mixed.annotated(metadata, others), {"ipRanges": own, "subnetInfo": subnet}


def _down(metadata: Raw, spec: Raw) -> tuple[dict[str, Any], dict[str, Any]]:
    subnet = spec["subnetInfo"]
    listed = mixed.join(subnet, spec["ipRanges"], mixed.further(metadata))
    version = 6 if ":" in str(subnet.get("gateway", "")) else 4
    return mixed.annotated(metadata, []), {"ipVersion": version, "ipRanges": listed}
