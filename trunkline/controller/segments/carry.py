"""Carries out calls, each on a document read at that moment: what is not ours by then is not touched.

Every call may be repeated: one that finds its work done does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from trunkline.adapters.nsx import Document, Nsx, errors
from trunkline.controller.segments import documents
from trunkline.controller.segments.documents import Shape
from trunkline.controller.segments.plan import Call, Put, Remove
from trunkline.kit import problems

FOREIGN = problems.register("TRK-0731", "A policy object that Trunkline needs to write is somebody else's.")
HELD = problems.register("TRK-0732", "A child segment cannot go while something of somebody else's hangs on it.")

_log = structlog.get_logger(__name__)


class Foreign(problems.IntentError):
    """The object there is not ours."""


class Held(problems.IntentError):
    """Somebody else's object hangs on ours."""


async def carry_out(nsx: Nsx, shape: Shape, calls: Iterable[Call]) -> dict[str, problems.TrunklineError]:
    """Carry out the calls in their order; what went wrong, by path.

    A refused call does not keep others from being tried, except those below the document that it was to make.

    Raises:
        Unreachable: the manager does not answer; the calls after it were not tried.
    """
    failures: dict[str, problems.TrunklineError] = {}
    for call in calls:
        if any(call.path.startswith(f"{path}/") for path in failures):
            continue
        try:
            await (_put(nsx, shape, call) if isinstance(call, Put) else _remove(nsx, shape, call))
        except errors.Unreachable:
            raise
        except problems.TrunklineError as error:
            failures[call.path] = error
            _log.warning("policy object not in place", path=call.path, error=str(error))
    return failures


async def _put(nsx: Nsx, shape: Shape, call: Put) -> None:
    def change(now: Document | None) -> Document | None:
        if now is None:
            return call.body
        if not shape.owns(now):
            raise _foreign(call.path)
        wanted = documents.revised(now, call.body)
        return wanted if wanted != now else None

    await nsx.revise(call.path, change)
    _log.info("policy object in place", path=call.path)


async def _remove(nsx: Nsx, shape: Shape, call: Remove) -> None:
    now = await nsx.get(call.path)
    if now is None:
        return
    if not shape.owns(now):
        raise _foreign(call.path)
    if now.get("resource_type") == documents.SEGMENT:
        # A manager may delete what hangs on a segment along with it, so look before asking.
        left = [*await nsx.members(f"{call.path}/{documents.MAPS}"), *await nsx.members(f"{call.path}/ports")]
        if blocking := sorted(str(each.get("path")) for each in left if not each.get("_system_owned")):
            hint = "remove them; the segment goes by itself then"
            problem = problems.Problem(code=HELD, object=call.path, found=", ".join(blocking), hint=hint)
            raise Held(problems=[problem])
    await nsx.delete(call.path)
    _log.info("policy object removed", path=call.path)


def _foreign(path: str) -> Foreign:
    allowed = f"without our tag {documents.CLUSTER}, so it is not touched"
    hint = "remove or rename it, or give the cluster another name in the controller's settings"
    return Foreign(
        problems=[problems.Problem(code=FOREIGN, object=path, found="an object", allowed=allowed, hint=hint)]
    )
