"""Refusals in the words and numbers that NSX clients act upon.

Clients match on `error_code` and on parts of the text (`path=[..]`, "Fetch the latest copy"), so both are kept as they know
them.  Where no number is documented the nearest documented one is used, and the Trunkline id in `error_data` tells our cases
apart.  The main error is repeated in `related_errors`, because the official Python SDK shows nothing else.
"""

from __future__ import annotations

import http
from collections.abc import Sequence
from typing import Any

from trunkline.kit import problems

FIELD = problems.register("TRK-0901", "A field of a policy object is missing or wrong.")
NOT_FOUND = problems.register("TRK-0902", "A policy object, or one that a body refers to, does not exist.")
STALE = problems.register("TRK-0903", "A policy object was changed since the copy being written was read.")
EXISTS = problems.register("TRK-0904", "A policy object is created that is there already.")
IN_USE = problems.register("TRK-0905", "A policy object cannot go while others hang on it.")
ATTACHED = problems.register("TRK-0906", "A segment cannot go while interfaces are attached to it.")
BAD_PATH = problems.register("TRK-0907", "A policy path leads nowhere that is allowed there.")
METHOD = problems.register("TRK-0908", "A method is not offered for this resource.")
NOT_OWNED = problems.register("TRK-0909", "An object belongs to a protected principal identity.")
FORBIDDEN = problems.register("TRK-0910", "The caller's role does not allow this.")
CREDENTIALS = problems.register("TRK-0911", "Credentials are wrong, expired or locked out.")
TAG_TAKEN = problems.register("TRK-0912", "Two child segments would share a VLAN on one parent segment.")
NESTED = problems.register("TRK-0913", "A child segment would become a parent, or a parent a child.")
PAIR_TAKEN = problems.register("TRK-0914", "A child segment would be bound twice to the same parent.")
MALFORMED = problems.register("TRK-0915", "A request body is not the JSON object it must be.")
OTHER_PROJECT = problems.register("TRK-0916", "An object refers to one of another project.")
IMMUTABLE = problems.register("TRK-0917", "A field may not change once it is set.")
TAKEN = problems.register("TRK-0918", "A value that must be unique is in use.")
UNAVAILABLE = problems.register("TRK-0919", "The store cannot take writes at the moment.")

INTERNAL = problems.register("TRK-0920", "The policy manager met a case that it was not made for.")

EXHAUSTED = problems.register("TRK-0922", "A pool or block has nothing left of what is asked for.")
EXPRESSION = problems.register("TRK-0923", "A group's expression is not made of operands joined by conjunctions.")
LIMIT = problems.register("TRK-0924", "A client, or all of them together, ask more than the manager is set to answer.")

OVERLAPPING = 500105
"""The number by which clients know overlapping addresses."""

_MODULE = "policy"
_COMMON = "common-services"


class Refused(problems.IntentError):
    """One request is refused; `status` is the HTTP status and `body()` the answer; `why` is for our own record, `allow` for 405."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *found: problems.Problem,
        module: str = _MODULE,
        trk: str = "",
        why: str = "",
        allow: str = "",
    ) -> None:
        super().__init__(message, problems=found)
        self.status, self.code, self.module = status, code, module
        self.why, self.allow = why, allow
        self.trk = trk or (found[0].code if found else "")

    def body(self) -> dict[str, Any]:
        """The error as clients read it, with a copy in `related_errors`."""
        error = {
            "httpStatus": http.HTTPStatus(self.status).name,
            "error_code": self.code,
            "module_name": self.module,
            "error_message": str(self),
        }
        if self.problems:
            error["details"] = "; ".join(str(problem) for problem in self.problems)
        return {**error, "error_data": {"problem": self.trk}, "related_errors": [error]}


def fields(found: Sequence[problems.Problem], texts: Sequence[str]) -> Refused:
    """Field-level validation: every wrong field of the body at once."""
    return Refused(
        400, 255, f"Field level validation errors: {{{', '.join(texts)}}}", *found, module=_COMMON, trk=FIELD
    )


def wrong(
    path: str, field: str, found: object, allowed: str, hint: str = "", *, trk: str = FIELD, code: int = 255
) -> Refused:
    """One field's value breaks a rule."""
    problem = problems.Problem(code=trk, object=path, field=field, found=repr(found), allowed=allowed, hint=hint)
    text = f"Field level validation errors: {{{field} {found!r}: {allowed}}}"
    return Refused(400, code, text, problem, module=_COMMON if code == 255 else _MODULE)


def not_found(path: str, *, named_by: str = "") -> Refused:
    """The object, or one that `named_by` refers to, does not exist."""
    text = f"The requested object : {path} could not be found. Object identifiers are case sensitive."
    problem = problems.Problem(code=NOT_FOUND, object=named_by or path, found=path if named_by else "")
    return Refused(404, 600, text, *([problem] if named_by else []), module=_COMMON, trk=NOT_FOUND)


def bad_path(path: str, why: str = "", *, trk: str = BAD_PATH) -> Refused:
    """The text is no policy path, or leads to something that cannot stand there."""
    return Refused(400, 500012, f"The path=[{path}] is invalid{': ' + why if why else ''}", trk=trk)


def stale(path: str, sent: object, stored: int) -> Refused:
    """`_revision` is not the stored one."""
    text = (
        f"The object path=[{path}] was changed by somebody else (its _revision is {stored}, the request carries {sent}). "
        "Fetch the latest copy of the object and retry."
    )
    return Refused(412, 604, text, trk=STALE)


def exists(path: str) -> Refused:
    """PUT without `_revision` on an object that is there."""
    return Refused(400, 500127, f"Cannot create an object with path=[{path}] as it already exists.", trk=EXISTS)


def in_use(path: str, by: Sequence[str]) -> Refused:
    """A delete is refused; `by` are the children and referrers in the way."""
    text = (
        f"The object path=[{path}] cannot be deleted as either it has children or it is being referenced by other objects "
        f"path=[{', '.join(by)}]."
    )
    return Refused(400, 500030, text, trk=IN_USE)


def attached(path: str, ports: Sequence[str]) -> Refused:
    """A segment with attached interfaces is to be deleted."""
    text = f"Segment path=[{path}] has {len(ports)} VMs or VIFs attached. Disconnect them first: path=[{', '.join(ports)}]."
    return Refused(400, 503040, text, trk=ATTACHED)


def not_owned(user: str, role: str, kind: str, owner: str) -> Refused:
    """A write to an object of a protected principal identity without `X-Allow-Overwrite`."""
    text = (
        f"Principal '{user}' with role '[{role}]' attempts to delete or modify an object of type {kind} it doesn't own. "
        f"(createUser={owner}, allowOverwrite=null)"
    )
    return Refused(400, 289, text, module=_COMMON, trk=NOT_OWNED)


def forbidden(user: str, what: str) -> Refused:
    """The caller is known, and may not."""
    text = f"User '{user}' has no permission to {what}."
    return Refused(403, 401, text, module=_COMMON, trk=FORBIDDEN)


def credentials(why: str = "") -> Refused:
    """Unknown user, wrong password, expired session or lock-out: not told apart, on purpose.  `why` is for the record only."""
    text = "The credentials were incorrect or the account specified has been locked."
    return Refused(403, 403, text, module=_COMMON, trk=CREDENTIALS, why=why)


def method(name: str, path: str, offered: str) -> Refused:
    """The resource exists, but not this verb on it; `offered` are those that are ("GET, PUT")."""
    text = f"Method {name} is not offered for {path}, but {offered}."
    return Refused(405, 405, text, module=_COMMON, trk=METHOD, allow=offered)


def malformed(why: str) -> Refused:
    """The body cannot be read at all."""
    return Refused(400, 220, f"Cannot parse the request body: {why}", module=_COMMON, trk=MALFORMED)


def unavailable(why: str) -> Refused:
    """The store did not take the write; the request may be repeated."""
    return Refused(503, 98, f"The request could not be stored: {why}. Retry it.", module=_COMMON, trk=UNAVAILABLE)
