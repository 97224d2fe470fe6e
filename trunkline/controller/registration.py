"""Makes the API server know our resource kinds and ask our webhooks; done at every start, because the certificate is new."""

from __future__ import annotations

from typing import Any

from trunkline.adapters.kube import Kube, errors, resources
from trunkline.adapters.kube.resources import Resource
from trunkline.dialects.antrea import crds


async def register(kube: Kube, *, url: str, ca: bytes) -> None:
    """Create or renew the definitions of both kinds of pools and the registration of their webhooks."""
    await _ensure(kube, resources.CRDS, crds.ippool(url=url, ca=ca))
    await _ensure(kube, resources.CRDS, crds.external_ippool())
    await _ensure(kube, resources.VALIDATING_WEBHOOKS, crds.admission(url=url, ca=ca))


async def _ensure(kube: Kube, resource: Resource, wanted: dict[str, Any]) -> None:
    name = wanted["metadata"]["name"]
    try:
        await kube.create(resource, wanted)
    except errors.AlreadyExists:
        parts = {key: value for key, value in wanted.items() if key in ("spec", "webhooks")}
        await kube.patch(resource, name, parts)
