"""The verbs of the NSX Policy API on plain documents, for any manager that speaks it.

Writes are PUTs of a whole document that was just read, guarded by its `_revision`; PATCH means different things on different
managers.  `X-Allow-Overwrite` is never sent: what a manager protects for somebody else stays theirs.
Paths are policy paths ("/infra/segments/web").  Proxy variables of the environment are not followed.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal

import httpx2
import msgspec

from trunkline.adapters.nsx import errors
from trunkline.kit import problems

Document = dict[str, Any]
Realized = Literal["REALIZED", "UNREALIZED", "ERROR"]

TLS = problems.register("TRK-0723", "The TLS files for the policy manager cannot be used.")

_BASE = "/policy/api/v1"
_PAGE = "1000"  # the largest that managers allow
_TIMEOUT = httpx2.Timeout(30.0, connect=5.0, pool=None)
_LIMITS = httpx2.Limits(max_connections=4, keepalive_expiry=60.0)  # NSX allows a client 40 at once; we need not hurry
_ATTEMPTS = 4
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 10.0
"""Seconds before a request that met 429 or 503 is repeated: doubled each time, or what `Retry-After` says."""
_REREADS = 5


def tls_context(ca: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """A context that trusts the authority in the file `ca` (the system's if ""), and presents a certificate if given.

    Raises:
        IntentError: a file is missing or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=ca or None)
        if certificate:
            context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (ca, certificate, key)))
        problem = problems.Problem(code=TLS, object=f"TLS files {files}", found=str(error))
        raise problems.IntentError(problems=[problem]) from error
    return context


class Nsx:
    """A connection to one policy manager, safe for use by many tasks of one loop.

    Every method raises `errors.ApiError` (its subclass by meaning) when the manager says no, and `errors.Unreachable` when there
    is no answer, also not after the repetitions that 429 and 503 ask for.
    """

    def __init__(self, url: str, context: ssl.SSLContext, auth: httpx2.Auth | None = None) -> None:
        self._http = httpx2.AsyncClient(
            base_url=url,
            verify=context,
            auth=auth,
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    async def __aenter__(self) -> Nsx:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Document | None:
        """The document at a path; None if there is none."""
        try:
            return await self._read(path)
        except errors.NotFound:
            return None

    async def members(self, path: str) -> list[Document]:
        """Every member of a collection, page after page; none if the object it belongs to is not there."""
        found: list[Document] = []
        params = {"page_size": _PAGE}
        while True:
            try:
                page = await self._read(path, params)
            except errors.NotFound:
                return found
            found += page.get("results") or ()
            if not page.get("cursor"):  # absent on the last page
                return found
            params = {**params, "cursor": str(page["cursor"])}

    async def search(self, query: str, *, root: str = "") -> list[Document]:
        """Every hit of a search below `root` ("" or a project's path).

        A manager's index may lag behind its documents: what is found here is a hint, to be read again before it is written.
        """
        found: list[Document] = []
        params = {"query": query, "page_size": _PAGE, "sort_by": "id"}
        while True:
            page = await self._read(f"{root}/search/query", params)
            hits = page.get("results") or ()
            found += hits
            if not hits or len(found) >= int(page.get("result_count") or 0):
                return found
            params["cursor"] = str(page.get("cursor") or len(found))

    async def revise(self, path: str, change: Callable[[Document | None], Document | None]) -> Document | None:
        """Write what `change` makes of the present document (None: there is none); answers the document then.

        `change` answers None to leave it as it is.  It is asked again, with what is there by then, whenever somebody else
        was faster; whatever it raises ends the attempt.
        """
        for attempt in range(_REREADS):
            current = await self.get(path)
            wanted = change(current)
            if wanted is None:
                return current
            try:
                return await self.put(path, wanted)
            except errors.Stale:
                if attempt == _REREADS - 1:
                    raise
        raise problems.BugError("a loop that returns or raises has ended")

    async def put(self, path: str, document: Document) -> Document:
        """Write a whole document: a new one without `_revision`, a present one with the `_revision` it was read with."""
        stored: Document = msgspec.json.decode(await self._call("PUT", path, body=document))
        return stored

    async def delete(self, path: str) -> None:
        """Delete the document; one that is gone already is no error."""
        try:
            await self._call("DELETE", path)
        except errors.NotFound:
            pass

    async def realized(self, path: str, *, root: str = "/infra") -> tuple[Realized, str]:
        """What the network does about the document, and the reason if that is ERROR.

        Asked first of the realized entities; some kinds have none on some managers, and then of the consolidated status.
        """
        params = {"intent_path": path}
        page = await self._read(f"{root}/realized-state/realized-entities", params)
        entities = page.get("results") or ()
        if not entities:
            try:
                status = await self._read(f"{root}/realized-state/status", params)
            except errors.NotFound:
                return "UNREALIZED", ""
            return _state(status.get("publish_status")), ""
        states = [_state(each.get("state")) for each in entities]
        if "ERROR" in states:
            alarms = [alarm for each in entities for alarm in each.get("alarms") or ()]
            return "ERROR", errors.cut(str(alarms[0].get("message") or "")) if alarms else ""
        return ("UNREALIZED" if "UNREALIZED" in states else "REALIZED"), ""

    async def _read(self, path: str, params: Mapping[str, str] | None = None) -> Document:
        body = await self._call("GET", path, params=params)
        try:
            found: Document = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise errors.unreachable(f"GET {path}", "an answer that is not JSON") from error
        return found

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Document | None = None
    ) -> bytes:
        where = f"{method} {path}"
        content, headers = None, {}
        if body is not None:
            content, headers = msgspec.json.encode(body), {"Content-Type": "application/json"}
        for attempt in range(_ATTEMPTS):
            try:
                response = await self._http.request(
                    method, _BASE + path, params=params, content=content, headers=headers
                )
            except httpx2.HTTPError as error:
                raise errors.unreachable(where, f"{error.__class__.__name__}: {error}") from error
            if response.status_code not in (429, 503) or attempt == _ATTEMPTS - 1:
                break
            await asyncio.sleep(_delay(attempt, response.headers.get("Retry-After", "")))
        if response.status_code >= 400:
            raise errors.from_answer(response.status_code, response.content, where)
        return response.content


def escaped(value: str) -> str:
    """A value for a search clause, every character with a meaning in the search language made literal."""
    return "".join(f"\\{each}" if each in '\\/()[]+-=&|><!{}^~*?:"' else each for each in value)


def _state(text: Any) -> Realized:
    return text if text in ("REALIZED", "ERROR") else "UNREALIZED"


def _delay(attempt: int, asked: str) -> float:
    """Seconds to wait; spread, so that clients that were refused together do not come back together."""
    if asked.isdecimal():
        return min(float(asked), _LONGEST_DELAY)
    return min(_FIRST_DELAY * float(2**attempt), _LONGEST_DELAY) * random.uniform(0.5, 1.0)
