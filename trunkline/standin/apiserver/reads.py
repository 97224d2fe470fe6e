"""Get, list and watch."""

from __future__ import annotations

import asyncio
import base64
import binascii
import random
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from trunkline.standin.apiserver import answers, selectors, statuses, storage, watching
from trunkline.standin.apiserver.calls import Call
from trunkline.standin.apiserver.custom.conversion import Conversion
from trunkline.standin.apiserver.objects import Json

BOOKMARK_S = 60.0
"""How often a watcher that wants bookmarks gets one; the rhythm of the Kubernetes API server."""

LONGEST_WATCH_S = (1800, 3600)
"""Between these, drawn at random so that clients do not all come back at once, a watch without a timeout ends."""


class _Continue(msgspec.Struct, frozen=True):
    """Where the next page starts, and the revision at which the first page was read."""

    revision: int
    after: str


class Page(NamedTuple):
    """Part of a list: its objects and the list's metadata."""

    forms: list[storage.Form]
    metadata: Json


class Reader:
    """Answers reads from memory."""

    def __init__(
        self, objects: storage.Objects, hub: watching.Hub, conversion: Conversion, *, bookmark_s: float = BOOKMARK_S
    ) -> None:
        self._objects = objects
        self._hub = hub
        self._conversion = conversion
        self._bookmark_s = bookmark_s

    def stored(self, call: Call) -> storage.Stored:
        """The object that the call names.

        Raises:
            StatusError: 404.
        """
        found = self._objects.get(call.path)
        if found is None:
            raise call.resource.not_found(call.name)
        return found

    async def get(self, call: Call) -> storage.Form:
        """The object that the call names, in its version."""
        self._refuse_future(call)
        return (await self._conversion.present(call.resource, [self.stored(call)]))[0]

    async def page(self, call: Call) -> Page:
        """The selected objects, at most `limit` of them.

        A later page shows newer objects than the first, but names the first page's revision: a client that watches from
        there sees every change once more, so nothing is lost.
        """
        selection, limit = call.selection(), call.number("limit") or 0
        begin = self._position(call)
        self._refuse_future(call)
        self._refuse_past(call)
        found = [stored for stored in self._candidates(call, selection) if stored.path > begin.after]
        forms = await self._conversion.present(call.resource, found)
        chosen = [index for index, form in enumerate(forms) if selection.admits(form.obj)]
        metadata: Json = {"resourceVersion": str(begin.revision)}
        if 0 < limit < len(chosen):
            token = _Continue(begin.revision, found[chosen[limit - 1]].path)
            metadata["continue"] = base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()
            if selection.is_everything:
                metadata["remainingItemCount"] = len(chosen) - limit
            chosen = chosen[:limit]
        return Page([forms[index] for index in chosen], metadata)

    def _candidates(self, call: Call, selection: selectors.Selection) -> list[storage.Stored]:
        name = selection.name()
        if name and (call.namespace or not call.resource.namespaced):
            found = self._objects.get(call.resource.path(call.namespace, name))
            return [found] if found else []
        return list(self._objects.list(call.resource.prefix(call.namespace)))

    def _position(self, call: Call) -> _Continue:
        token = call.query.get("continue", "")
        if not token:
            return _Continue(self._objects.revision, "")
        try:
            position = msgspec.json.decode(base64.urlsafe_b64decode(token), type=_Continue)
        except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
            raise statuses.bad_request("continue key is not valid: it was not made by this server") from error
        if position.revision < self._hub.beginning:
            raise statuses.expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list "
                "without the continue parameter."
            )
        return position

    def _refuse_future(self, call: Call) -> None:
        wanted = call.number("resourceVersion")
        if wanted is not None and wanted > self._objects.revision:
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            message = f"Timeout: Too large resource version: {wanted}, current: {self._objects.revision}"
            raise statuses.StatusError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})

    def _refuse_past(self, call: Call) -> None:
        wanted = call.number("resourceVersion")
        if call.query.get("resourceVersionMatch") == "Exact" and wanted != self._objects.revision:
            raise statuses.expired(f"The resourceVersion for the provided list is too old: {wanted}")

    async def watch(self, call: Call) -> AsyncIterator[bytes]:
        """The lines of a watch, until its time is up, the client is too slow, or the server stops.

        Too old a start is told in the stream, as the Kubernetes API server does.
        """
        selection, bookmarks = call.selection(), call.flag("allowWatchBookmarks")
        since = call.number("resourceVersion") or 0
        wants_state = call.flag("sendInitialEvents")
        current = self._objects.revision
        prefix = call.resource.prefix(call.namespace)
        try:
            with self._hub.watch(prefix, since if since and not wants_state else current) as watcher:
                if not since or wants_state:
                    yield await self._state(call, selection)
                    if wants_state:
                        yield answers.bookmark(call, current, initial_end=True)
                async for lines in self._changes(call, selection, watcher, bookmarks=bookmarks):
                    yield lines
        except statuses.StatusError as error:
            yield msgspec.json.encode({"type": "ERROR", "object": error.body()}) + b"\n"

    async def _state(self, call: Call, selection: selectors.Selection) -> bytes:
        found = list(self._objects.list(call.resource.prefix(call.namespace)))
        forms = await self._conversion.present(call.resource, found)
        return b"".join(answers.event(call, "ADDED", form) for form in forms if selection.admits(form.obj))

    async def _changes(
        self, call: Call, selection: selectors.Selection, watcher: watching.Watcher, *, bookmarks: bool
    ) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        end = loop.time() + (call.number("timeoutSeconds") or random.uniform(*LONGEST_WATCH_S))
        while (left := end - loop.time()) > 0:
            changes = await watcher.next(min(left, self._bookmark_s))
            if changes is None:
                return
            if changes:
                lines = [await self._line(call, selection, change) for change in changes]
                if any(lines):
                    yield b"".join(lines)
            elif bookmarks and (told := watcher.told) is not None:
                yield answers.bookmark(call, told)

    async def _line(self, call: Call, selection: selectors.Selection, change: watching.Change) -> bytes:
        before, after = [await self._form(call, stored) for stored in (change.before, change.after)]
        was = before is not None and selection.admits(before.obj)
        if after is not None and selection.admits(after.obj):
            return answers.event(call, "MODIFIED" if was else "ADDED", after)
        return answers.event(call, "DELETED", before) if before is not None and was else b""

    async def _form(self, call: Call, stored: storage.Stored | None) -> storage.Form | None:
        return None if stored is None else (await self._conversion.present(call.resource, [stored]))[0]
