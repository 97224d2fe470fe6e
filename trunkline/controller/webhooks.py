"""The webhooks that the API server asks about pools: may this be written, and how does it read in the other version?

The answers are the dialect's pure functions; this module is HTTP only.  A pool is judged against the pools that the API server
has at that moment, not against what a watch has brought so far: the second of two pools in one file comes sooner than that.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette import applications, requests, responses, routing

from trunkline.adapters import serving
from trunkline.adapters.kube import Kube
from trunkline.controller import publishing
from trunkline.controller.ledger import Ledger
from trunkline.controller.settings import Settings
from trunkline.controller.world import World
from trunkline.dialects.antrea import admission, conversion, crds, external_admission, external_ippools, ippools
from trunkline.dialects.antrea.contention import AnyPool, Facts
from trunkline.kit import problems

LARGEST_REVIEW = 8 * 2**20
"""Bytes; a review carries an object twice, and the API server bounds an object at 3 MiB."""


async def stored_pools(kube: Kube, physical_network: str) -> list[AnyPool]:
    """The pools of both kinds that the API server has now.

    Raises:
        RemoteError: the API server did not say.
    """
    (own, _), (external, _) = await asyncio.gather(
        kube.list(publishing.IP_POOLS), kube.list(publishing.EXTERNAL_IP_POOLS)
    )
    return [
        *(ippools.decode(raw, physical_network=physical_network) for raw in own),
        *(external_ippools.decode(raw) for raw in external),
    ]


def application(
    settings: Settings,
    world: World,
    ledger: Callable[[], Ledger | None],
    pools: Callable[[], Awaitable[list[AnyPool]]],
) -> applications.Starlette:
    """The web application; `pools` are those that are stored when it is asked.

    `ledger` is None until the controller knows the whole cluster, and until then reviews must wait: one before that would
    not see all addresses in use, and let through what it has to refuse.
    """

    async def validate(request: requests.Request) -> responses.Response:
        known = ledger()
        if known is None:
            return _not_yet()
        answer = admission.review(
            await _review(request),
            pools=await pools(),
            book=known.book,
            facts=_facts(settings, world),
            physical_network=settings.physical_network,
        )
        return _answer(answer)

    async def validate_external(request: requests.Request) -> responses.Response:
        if ledger() is None:
            return _not_yet()
        review = await _review(request)
        return _answer(external_admission.review(review, pools=await pools(), facts=_facts(settings, world)))

    async def convert(request: requests.Request) -> responses.Response:
        return _answer(conversion.review(await _review(request)))

    async def ready(request: requests.Request) -> responses.Response:
        return responses.PlainTextResponse("ok") if ledger() else responses.PlainTextResponse("not yet", 503)

    return applications.Starlette(
        routes=[
            routing.Route(crds.VALIDATE_PATH, validate, methods=["POST"]),
            routing.Route(crds.VALIDATE_EXTERNAL_PATH, validate_external, methods=["POST"]),
            routing.Route(crds.CONVERT_PATH, convert, methods=["POST"]),
            routing.Route("/readyz", ready),
        ],
        exception_handlers={_Malformed: _refuse, problems.RemoteError: _unsaid},
    )


def _facts(settings: Settings, world: World) -> Facts:
    pods = {settings.cluster_cidr, *(cidr for node in world.nodes for cidr in node.pod_cidrs)}
    return Facts(pod_cidrs=tuple(pods), service_cidrs=(settings.service_cidr,))


def _not_yet() -> responses.Response:
    return responses.PlainTextResponse("the controller does not know the whole cluster yet; try again", 503)


class _Malformed(Exception):
    """The request is no review."""


async def _refuse(request: requests.Request, error: Exception) -> responses.Response:
    return responses.PlainTextResponse(str(error), 400)


async def _unsaid(request: requests.Request, error: Exception) -> responses.Response:
    return responses.PlainTextResponse(
        f"the other pools are not known, so this one is not judged; try again: {error}", 503
    )


async def _review(request: requests.Request) -> dict[str, Any]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_REVIEW:
            raise _Malformed(f"a review of more than {LARGEST_REVIEW} bytes")
    try:
        review = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _Malformed(f"not a review: {error}") from error
    if not isinstance(review.get("request"), dict):
        raise _Malformed("not a review: there is no request in it")
    return review


def _answer(review: dict[str, Any]) -> responses.Response:
    return responses.Response(msgspec.json.encode(review), media_type="application/json")


async def serve(app: applications.Starlette, listen: str, context: ssl.SSLContext) -> None:
    """Serve over HTTPS until cancelled; reviews under way are answered first."""
    server = serving.server(app, context)
    running = asyncio.create_task(server.serve(sockets=[serving.listening(listen)]))
    try:
        await asyncio.shield(running)
    finally:
        server.should_exit = True
        await running
