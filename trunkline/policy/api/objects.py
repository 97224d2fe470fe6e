"""Policy objects: one handler for every place of the resource table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import (
    effective,
    errors,
    hierarchy,
    listing,
    outline,
    paths,
    port_state,
    realized,
    routing,
    statistics,
    tables,
)
from trunkline.dialects.nsx.change import Erase, Step, Write
from trunkline.dialects.nsx.paths import Target
from trunkline.policy.api import answers
from trunkline.policy.manager import shown

_BASE = "/policy/api/v1"
_OUTLINE = ("filter", "type_filter", "base_path")
"""Parameters that make the answer of an infra hierarchical."""


async def handle(request: Request) -> Response:
    """Any verb on any place of the table."""
    path = request.url.path.removeprefix(_BASE)
    target = paths.resolve(path) if path != request.url.path else None
    if target is None:
        raise errors.not_found(path)
    method = "GET" if request.method == "HEAD" else request.method
    if method not in target.methods:
        raise errors.method(method, path, ", ".join(target.methods))
    return await _VERBS[target.kind, method](request, target)


async def org_root(request: Request) -> Response:
    """PATCH of the whole tree: a hierarchical body whose children are organisations."""
    return await _hierarchy(request, "", await answers.body(request))


async def _get(request: Request, target: Target) -> Response:
    caller, manager = answers.caller(request), answers.manager(request)
    if target.resource.type == "Infra" and not request.query_params.keys().isdisjoint(_OUTLINE):
        return await _outline(request, target)
    return answers.json(manager.read(caller, target.path))


async def _outline(request: Request, target: Target) -> Response:
    """The tree below, as far as it is asked for."""
    caller, manager, query = answers.caller(request), answers.manager(request), request.query_params
    wanted = outline.by_filter(query.get("filter") or "Type-")
    if names := query.get("type_filter"):
        wanted = outline.by_names(names)
    base = query.get("base_path") or target.path
    if not f"{base}/".startswith(f"{target.path}/"):
        raise errors.bad_path(base, f"a path at or below {target.path} is wanted")
    root = manager.entry(caller, target.path)
    tree = manager.repository.tree
    return answers.json(outline.body(tree, root, wanted, base.rstrip("/"), lambda entry: shown(entry, caller)))


async def _list(request: Request, target: Target) -> Response:
    caller, manager = answers.caller(request), answers.manager(request)
    caller.must("read", target.path)
    holder = paths.parent_of(f"{target.path}/x")
    if holder and manager.repository.tree.entry(holder) is None:
        raise errors.not_found(holder)
    wanted = listing.query(request.query_params, target.path)
    entries, envelope = listing.page(manager.repository.tree.entries(target.path), wanted, target.path)
    if wanted.fields:
        results = [listing.included(entry.body, wanted.fields) for entry in entries]
        return answers.json({"results": results, **envelope})
    return answers.json({"results": [shown(entry, caller) for entry in entries], **envelope})


async def _put(request: Request, target: Target) -> Response:
    body = await answers.body(request)
    await _change(request, Write(path=target.path, body=body, revision="required"))
    return await _get(request, target)


async def _patch(request: Request, target: Target) -> Response:
    body = await answers.body(request)
    if target.resource.type == "Infra" and "children" in body:
        return await _hierarchy(request, target.path, body)
    await _change(request, Write(path=target.path, body=body, merge=answers.merge(request)))
    return answers.empty()


async def _delete(request: Request, target: Target) -> Response:
    await _change(request, Erase(path=target.path, force=answers.flag(request, "force")))
    return answers.empty()


async def _hierarchy(request: Request, root: str, body: dict[str, object]) -> Response:
    check = answers.flag(request, "enforce_revision_check")
    await _change(request, *hierarchy.steps(root, body, merge=answers.merge(request), check_revision=check))
    return answers.empty()


async def _state(request: Request, target: Target) -> Response:
    caller, manager = answers.caller(request), answers.manager(request)
    entry = manager.entry(caller, target.path)
    if target.operation == "statistics":
        return answers.json(manager.statistics(entry))
    if target.resource.type == "SegmentConnectionBindingMap":
        return answers.json(manager.addresses().behind(entry))
    if target.operation.startswith("gateway-interface-statistics"):
        return answers.json(statistics.of_gateway(entry, target.operation))
    if target.operation == "effective-profiles":
        return answers.listed(effective.profiles(entry, manager.repository.tree))
    if target.operation in tables.WORDS | routing.WORDS:
        return answers.json(await manager.table(entry, target.operation))
    found = manager.realisation(entry)
    if target.resource.type == "SegmentPort":
        if target.operation == "status":
            return answers.json(port_state.status(entry, found))
        known = manager.addresses()
        return answers.json(port_state.state(entry, found, known.bindings(entry), known.containers(entry)))
    return answers.json(realized.configuration_state(entry, found))


async def _change(request: Request, *steps: Step) -> None:
    manager, caller = answers.manager(request), answers.caller(request)
    await manager.change(caller, answers.deed(request), steps, overwrite=answers.overwrite(request))


_VERBS: dict[tuple[str, str], Callable[[Request, Target], Awaitable[Response]]] = {
    ("object", "GET"): _get,
    ("object", "PUT"): _put,
    ("object", "PATCH"): _patch,
    ("object", "DELETE"): _delete,
    ("collection", "GET"): _list,
    ("operation", "GET"): _state,
}
