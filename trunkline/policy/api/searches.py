"""Search over everything that the caller may read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors, listing
from trunkline.dialects.nsx.search import Search
from trunkline.dialects.nsx.view import Body
from trunkline.policy.api import answers


async def query(request: Request) -> Response:
    """The hits of `query=`, sorted, in pages.

    The cursor is the number of hits returned so far, and is there on every page: clients stop by comparing it with
    `result_count`.
    """
    search = Search(request.query_params.get("query", ""))
    wanted = listing.query(request.query_params, "search")
    offset = wanted.cursor or "0"
    if not listing.is_number(offset):
        raise errors.wrong("search", "cursor", offset, "a cursor of an earlier page is wanted")
    hits = sorted(_hits(request, search), key=lambda body: (str(body.get(wanted.sort_by, "")), body["path"]))
    if not wanted.ascending:
        hits.reverse()
    page = [listing.included(body, wanted.fields) for body in hits[int(offset) :][: wanted.page_size]]
    return answers.json({"results": page, "result_count": len(hits), "cursor": str(int(offset) + len(page))})


def _hits(request: Request, search: Search) -> list[Body]:
    caller, tree = answers.caller(request), answers.manager(request).repository.tree
    org, project = request.path_params.get("org"), request.path_params.get("project")
    below = f"/orgs/{org}/projects/{project}/" if project else ""
    if project and tree.entry(below.rstrip("/")) is None:
        raise errors.not_found(below.rstrip("/"))
    entries = tree.of_kind(search.kind) if search.kind else tree.everything()
    readable = (entry for entry in entries if entry.path.startswith(below) and caller.may("read", entry.path))
    return [body for body in (entry.body for entry in readable) if search.matches(body)]
