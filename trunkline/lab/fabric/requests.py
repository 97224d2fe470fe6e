"""One bare request to the lab's policy API, the answer as it is: for cases, which look at refusals as well."""

from __future__ import annotations

from typing import Any

import httpx2
import msgspec

from trunkline.adapters import nsx
from trunkline.adapters.nsx import errors
from trunkline.lab.fabric import access
from trunkline.lab.state import Lab

_BASE = "/policy/api/v1"
_SECONDS = 30.0


async def send(lab: Lab, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, Any]:
    """Status and decoded body (None if there is none) of one request as the administrator.

    Raises:
        RemoteError: there is no answer.
    """
    context = nsx.tls_context(str(access.authority_file(lab)))
    auth = nsx.Basic(access.USER, nsx.in_file(str(access.password_file(lab))))
    client = httpx2.AsyncClient(base_url=access.url(lab), verify=context, auth=auth, timeout=_SECONDS, trust_env=False)
    async with client:
        try:
            response = await client.request(method, _BASE + path, json=body)
        except httpx2.HTTPError as error:
            raise errors.unreachable(f"{method} {path}", repr(error)) from error
    return response.status_code, msgspec.json.decode(response.content) if response.content else None
