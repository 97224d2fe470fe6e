"""Objects and columns into `metav1.Table`; and the metadata-only forms that rows and metadata clients use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.tables.columns import Column

_META_V1 = "meta.k8s.io/v1"


def table(found: Iterable[Json], columns: Sequence[Column], now: datetime, *, include: str, metadata: Json) -> Json:
    """A Table of `found`; `include` says what each row carries along: None, Metadata or Object."""
    rows = [{"cells": [column.cell(obj, now) for column in columns], **_carried(obj, include)} for obj in found]
    headers = [column.header() for column in columns]
    return {"kind": "Table", "apiVersion": _META_V1, "metadata": metadata, "columnDefinitions": headers, "rows": rows}


def _carried(obj: Json, include: str) -> Json:
    if include == "None":
        return {}
    return {"object": obj if include == "Object" else partial(obj)}


def partial(obj: Json) -> Json:
    """The object's metadata alone, as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": _META_V1, "metadata": obj["metadata"]}


def partial_list(found: Iterable[Json], metadata: Json) -> Json:
    """Many objects' metadata."""
    listed = [partial(obj) for obj in found]
    return {"kind": "PartialObjectMetadataList", "apiVersion": _META_V1, "metadata": metadata, "items": listed}
