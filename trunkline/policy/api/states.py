"""Realised state of intents, by path of the intent."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors, paths, realized
from trunkline.dialects.nsx.view import Entry
from trunkline.policy.api import answers


async def entities(request: Request) -> Response:
    """What stands in the network for an intent: one entity, or none for a path that nobody wrote (clients poll)."""
    entry = _intent(request)
    if entry is None:
        return answers.listed([])
    return answers.listed([realized.entity(entry, answers.manager(request).realisation(entry))])


async def entity(request: Request) -> Response:
    """One entity by its own path, as the list of an intent's entities names it."""
    wanted, manager = request.query_params.get("realized_path", ""), answers.manager(request)
    root = answers.tree(request, "/realized-state/")
    if "/realized-state/" not in wanted:
        raise errors.bad_path(wanted, "the path of a realized entity is wanted")
    identifier = wanted.rpartition("/")[2]
    for entry in manager.repository.tree.everything():
        if entry.path.startswith(f"{root}/") and identifier.encode() in entry.raw:
            found = realized.entity(entry, manager.realisation(entry))
            if found["path"] == wanted:
                return answers.json(found)
    raise errors.not_found(wanted)


async def status(request: Request) -> Response:
    """The consolidated status of an intent."""
    entry = _intent(request)
    if entry is None:
        raise errors.not_found(request.query_params.get("intent_path", ""))
    return answers.json(realized.status(entry, answers.manager(request).realisation(entry)))


async def refresh(request: Request) -> Response:
    """States are always fresh here, so there is nothing to do."""
    answers.tree(request, "/realized-state/")
    _intent(request)
    answers.caller(request).must("act", request.query_params["intent_path"])
    return answers.empty()


async def segments(request: Request) -> Response:
    """The states of all segments of a tree, optionally of one state only."""
    root, manager = answers.tree(request, "/segments/state"), answers.manager(request)
    entries = manager.repository.tree.entries(f"{root}/segments")
    found = [realized.configuration_state(entry, manager.realisation(entry)) for entry in entries]
    wanted = request.query_params.get("configuration_state")
    return answers.listed([state for state in found if wanted in (None, state["state"])])


def _intent(request: Request) -> Entry | None:
    path = request.query_params.get("intent_path", "")
    target = paths.resolve(path)
    if target is None or target.kind != "object":
        raise errors.bad_path(path, "an intent_path is wanted")
    answers.caller(request).must("read", target.path)
    return answers.manager(request).repository.tree.entry(target.path)
