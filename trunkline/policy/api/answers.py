"""Answers and request bodies.

A success without a body is 200 and empty, without a content type; everything else is JSON, errors too: clients fail on 204 and
on any other content type.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body
from trunkline.policy.identity.callers import Caller
from trunkline.policy.manager import Manager

LIMIT = 16 * 1024 * 1024
"""Bytes of a request body; chosen: 5000 objects of three kilobytes."""

RETRY = "1"
"""Seconds after which a request that was one too many, or that the store did not take, may be repeated (chosen)."""


def json(body: Any, status: int = 200) -> Response:
    """The body as JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def empty() -> Response:
    """Done, and nothing to say."""
    return Response()


def refusal(error: errors.Refused) -> Response:
    """A refused request; one that may be repeated says when, and a wrong method which ones are right."""
    response = json(error.body(), error.status)
    if error.status in (429, 503):
        response.headers["retry-after"] = RETRY
    if error.allow:
        response.headers["allow"] = error.allow
    return response


def listed(results: list[Any]) -> Response:
    """A list that always fits one page."""
    return json({"results": results, "result_count": len(results)})


async def body(request: Request) -> Body:
    """The request's JSON object.

    Raises:
        Refused: it is no JSON, no object, or too large.
    """
    try:
        decoded = msgspec.json.decode(await content(request))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise errors.malformed(str(error)) from error
    if not isinstance(decoded, dict):
        raise errors.malformed("a JSON object is wanted")
    return decoded


def required(body: Body, name: str, where: str) -> str:
    """A text that the body must have.

    Raises:
        Refused: it has not.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise errors.wrong(where, name, type(value).__name__, f"required property {name} is missing")
    return value


async def content(request: Request) -> bytes:
    """The request's bytes, read no further than allowed."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > LIMIT:
            raise errors.Refused(413, 413, f"At most {LIMIT} bytes in one request.", trk=errors.MALFORMED)
    return bytes(received)


def caller(request: Request) -> Caller:
    """Who sent the request; the gate put it there."""
    found: Caller = request.state.caller
    return found


def manager(request: Request) -> Manager:
    """The manager behind the application."""
    found: Manager = request.app.state.manager
    return found


def tree(request: Request, end: str) -> str:
    """The path of the infra that a call is about: the request's own, without the base and the call's own `end`.

    Raises:
        Refused: the caller may not read there, or there is no such tree.
    """
    root = request.url.path.removeprefix("/policy/api/v1").partition(end)[0]
    manager(request).entry(caller(request), root)
    return root


def deed(request: Request) -> str:
    """What the request does, for the record."""
    return f"{request.method} {request.url.path}"


def flag(request: Request, name: str) -> bool:
    """Whether a query parameter says true.

    Raises:
        Refused: it says neither true nor false.
    """
    said = request.query_params.get(name, "false").lower()
    if said not in ("true", "false"):
        raise errors.wrong(request.url.path, name, said, "true or false is wanted")
    return said == "true"


def overwrite(request: Request) -> bool:
    """Whether the caller insists on changing what a protected identity owns."""
    return request.headers.get("x-allow-overwrite", "").lower() == "true"


def merge(request: Request) -> bool:
    """Whether PATCH merges, by header or by the manager's switch."""
    if header := request.headers.get("nsx-enable-partial-patch"):
        return header.lower() == "true"
    return manager(request).configuration.enable_partial_patch
