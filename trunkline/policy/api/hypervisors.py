"""The channel to hypervisors: their agents ask for errands and report on them, each on its own behalf only."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.intent.monitors import Standing
from trunkline.policy import agendas
from trunkline.policy.api import answers
from trunkline.policy.identity import chassis
from trunkline.trace.errands import Report

_REPORT = msgspec.json.Decoder(Report)
_STANDING = msgspec.json.Decoder(Standing)


async def tasks(request: Request) -> Response:
    """The hypervisor's agenda once it is another than the `known` one, or after `wait` seconds."""
    name = _served(request)
    wait = request.query_params.get("wait", "0")
    if not wait.isdecimal():
        raise errors.wrong(f"hypervisors/{name}", "wait", wait, f"seconds, 0 to {agendas.LONGEST_WAIT:.0f}")
    known = request.query_params.get("known", "")
    return answers.json(await answers.manager(request).agendas.agenda(name, known, float(wait)))


async def reports(request: Request) -> Response:
    """News of an errand."""
    name = _served(request)
    try:
        report = _REPORT.decode(await answers.content(request))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.malformed(str(error)) from error
    answers.manager(request).agendas.report(name, report)
    return answers.empty()


async def standing(request: Request) -> Response:
    """How far the hypervisor is with what is to be watched."""
    name = _served(request)
    try:
        found = _STANDING.decode(await answers.content(request))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.malformed(str(error)) from error
    answers.manager(request).agendas.follows(name, found)
    return answers.empty()


def _served(request: Request) -> str:
    name = str(request.path_params["name"])
    answers.caller(request).must("serve", chassis.place(name))
    return name
