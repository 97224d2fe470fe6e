"""What became of a traceflow, and another run of it; the traceflow itself is a policy object like any other."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.rules import traceflows
from trunkline.dialects.nsx.traceflow import outcome
from trunkline.dialects.nsx.traceflow.observed import Sees
from trunkline.dialects.nsx.view import Entry
from trunkline.policy.api import answers, objects

_BASE = "/policy/api/v1"


async def status(request: Request) -> Response:
    """How far the latest run is."""
    entry = _traceflow(request)
    return answers.json(outcome.status(entry, answers.manager(request).traces.outcome(entry.path), _sees(request)))


async def observations(request: Request) -> Response:
    """What was observed in the latest run; empty while it goes on."""
    entry = _traceflow(request)
    return answers.json(outcome.observations(answers.manager(request).traces.outcome(entry.path), _sees(request)))


async def item(request: Request) -> Response:
    """The traceflow itself, or (POST ?action=restart) another run of it as it is."""
    return await (_restart if request.method == "POST" else objects.handle)(request)


async def _restart(request: Request) -> Response:
    entry = _traceflow(request)
    action = request.query_params.get("action", "")
    if action != "restart":
        raise errors.wrong(entry.path, "action", action, "restart is wanted")
    caller, manager = answers.caller(request), answers.manager(request)
    caller.must("act", entry.path)
    manager.traces.start(entry.path)
    manager.record(caller, answers.deed(request), 200)
    return answers.empty()


def _sees(request: Request) -> Sees:
    caller = answers.caller(request)
    return lambda path: caller.may("read", path)


def _traceflow(request: Request) -> Entry:
    path = request.url.path.removeprefix(_BASE)
    for word in ("/status", "/observations"):
        path = path.removesuffix(word)
    entry = answers.manager(request).entry(answers.caller(request), path)
    if entry.kind != traceflows.KIND:
        raise errors.not_found(path)
    return entry
