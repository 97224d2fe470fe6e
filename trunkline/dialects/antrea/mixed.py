"""Pools of several subnets in the version that has room for one.

In v1alpha2 every range carries its own gateway, prefix length and VLAN; v1beta1 has one `subnetInfo` for the whole pool.
A pool whose ranges disagree shows its first subnet in v1beta1 and carries the other ranges in an annotation, each with
its place in the list, so that nothing is lost there and back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ANNOTATION = "trunkline.io/further-ip-ranges"
"""JSON list of v1alpha2 ranges, each with its `index` among all ranges of the pool."""

SUBNET_FIELDS = ("gateway", "prefixLength", "vlan")
RANGE_FIELDS = ("cidr", "start", "end")

Range = dict[str, Any]


def further(metadata: Mapping[str, Any]) -> list[Range]:
    """The ranges that the annotation carries, with their `index`.

    Raises:
        ValueError: the annotation is not what this module writes.
    """
    text = (metadata.get("annotations") or {}).get(ANNOTATION)
    if not text:
        return []
    ranges = json.loads(text)
    if not isinstance(ranges, list) or not all(_is_ours(each) for each in ranges):
        raise ValueError("not a list of ranges with an index")
    return ranges


def _is_ours(each: Any) -> bool:
    return isinstance(each, dict) and isinstance(each.get("index"), int)


def subnet_of(listed: Mapping[str, Any]) -> Range:
    """The subnet part of a v1alpha2 range."""
    return {field: listed[field] for field in SUBNET_FIELDS if field in listed}


def same_subnet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two subnet parts say the same; an absent VLAN is VLAN 0."""
    return all(one.get(field, 0) == other.get(field, 0) for field in SUBNET_FIELDS)


def split(ranges: list[Range]) -> tuple[Range, list[Range], list[Range]]:
    """v1alpha2 ranges as (first subnet, its bare ranges, the further ranges with their index).

    Raises:
        ValueError: there is no range, so there is no subnet.
    """
    if not ranges:
        raise ValueError("spec.ipRanges is empty, so there is no subnet")
    subnet = subnet_of(ranges[0])
    own = [
        {field: each[field] for field in RANGE_FIELDS if field in each} for each in ranges if same_subnet(each, subnet)
    ]
    others = [{"index": at, **each} for at, each in enumerate(ranges) if not same_subnet(each, subnet)]
    return subnet, own, others


def join(subnet: Mapping[str, Any], own: list[Range], others: list[Range]) -> list[Range]:
    """The v1alpha2 ranges that `split` took apart."""
    ranges = [{**each, **subnet} for each in own]
    for each in sorted(others, key=lambda other: other["index"]):
        ranges.insert(each["index"], {key: value for key, value in each.items() if key != "index"})
    return ranges


def annotated(metadata: Mapping[str, Any], others: list[Range]) -> dict[str, Any]:
    """The metadata with the annotation set to these ranges, or without it when there are none."""
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != ANNOTATION}
    if others:
        annotations[ANNOTATION] = json.dumps(others, sort_keys=True, separators=(",", ":"))
    result = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**result, "annotations": annotations} if annotations else result
