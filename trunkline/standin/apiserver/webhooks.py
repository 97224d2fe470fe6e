"""Calling other people's webhooks over HTTPS: one client per CA bundle, a bounded answer, a clear reason on failure."""

from __future__ import annotations

import base64
import ssl
from typing import Any

import httpx2
import msgspec

from trunkline.standin.apiserver import objects
from trunkline.standin.apiserver.objects import Json

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Chosen: a little above the largest request, since a conversion answers what it was asked."""


class WebhookError(Exception):
    """The webhook could not be asked, or its answer cannot be used."""


class Webhooks:
    """HTTPS clients for the webhooks that configurations name."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def review(self, config: Json, review: Json, *, timeout_s: float) -> Json:
        """Send a review to the webhook of a `WebhookClientConfig` and answer the `response` of what comes back.

        Raises:
            WebhookError: no connection, a wrong certificate, another status than 200, or an answer to another question.
        """
        url = config.get("url")
        if not url:
            raise WebhookError("this server calls webhooks by url; service references cannot be reached from it")
        try:
            client = self._client(config.get("caBundle") or "")
            answer = await client.post(url, json=review, timeout=timeout_s)
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, ValueError) as error:
            raise WebhookError(f'Post "{url}": {str(error) or type(error).__name__}') from error
        if answer.status_code != 200:
            raise WebhookError(f'Post "{url}": the server answered {answer.status_code}')
        return _response(answer.content, review["request"]["uid"])

    def _client(self, ca_bundle: str) -> httpx2.AsyncClient:
        if ca_bundle not in self._clients:
            pem = base64.b64decode(ca_bundle).decode() or None
            self._clients[ca_bundle] = httpx2.AsyncClient(
                verify=ssl.create_default_context(cadata=pem), trust_env=False
            )
        return self._clients[ca_bundle]


def _response(content: bytes, uid: str) -> Json:
    if len(content) > MAX_ANSWER_BYTES:
        raise WebhookError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    try:
        body: Any = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise WebhookError(f"the answer is no JSON: {error}") from error
    response = objects.dig(body, "response") if isinstance(body, dict) else None
    if not isinstance(response, dict) or response.get("uid") != uid:
        raise WebhookError("the answer carries no response to this request's uid")
    return response
