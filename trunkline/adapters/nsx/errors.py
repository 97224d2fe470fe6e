"""What a policy manager says no with: one class per meaning, from the HTTP status and the `error_code` of its body.

Callers tell them apart by class, never by number or text.  Texts are cut before they reach a message: an error must not
carry a whole object into a log.

    RemoteError
    ├── Unreachable       no answer, or none worth having (429, 5xx): trying again may help
    └── ApiError          an answer: no
        ├── NotFound      the object, or one that the body refers to, is not there
        ├── Stale         the object is not as it was read: read it again
        ├── TagTaken      the VLAN tag is in use on the parent segment
        └── Forbidden     the caller is not known, or not allowed

Source: the codes that nsxlib, the NSX operator and the vSphere cloud provider act upon; where a release has another code for a
meaning, the error is a plain `ApiError`, which is safe for every caller.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.kit import problems

UNREACHABLE = problems.register("TRK-0720", "A policy manager cannot be reached.")
REFUSED = problems.register("TRK-0721", "A policy manager refused a request.")

_LONGEST = 500  # characters of a manager's message that we repeat; chosen: a few lines of terminal
_STALE_CODES = frozenset({500087, 500090, 500127, 500045, 100148})
"""Changed since it was read, made since it was missed, or still being purged: in each case a new read tells."""
_TAG_CODES = frozenset({8327, 640873})


def cut(text: str) -> str:
    """`text`, or its beginning when it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


class Unreachable(problems.RemoteError):
    """No answer came, or the manager says it cannot answer now."""


class ApiError(problems.RemoteError):
    """The manager answered no: `status` is the HTTP status, `code` its own number (0 if there is none)."""

    def __init__(self, status: int, code: int, message: str, where: str) -> None:
        self.status, self.code, self.message = status, code, cut(message)
        found = f"HTTP {status}{f'/{code}' if code else ''}: {self.message}"
        super().__init__(problems=[problems.Problem(code=REFUSED, object=where, found=found)])


class NotFound(ApiError):
    """There is no such object, or the body refers to one that there is not."""


class Stale(ApiError):
    """The object is not as it was read."""


class TagTaken(ApiError):
    """Another child segment has the VLAN tag on the parent segment."""


class Forbidden(ApiError):
    """The credentials are wrong, or do not allow this."""


def from_answer(status: int, body: bytes, where: str) -> ApiError | Unreachable:
    """The error that an HTTP answer means, whether or not its body is one of the manager's; `where` names the request."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        found = {"error_message": body[:_LONGEST].decode(errors="replace")}
    message = str(found.get("error_message") or "")
    if status == 429 or status >= 500:
        return unreachable(where, f"HTTP {status}: {cut(message)}")
    code = _number(found.get("error_code"))
    return _meaning(status, code)(status, code, message, where)


def unreachable(where: str, found: str) -> Unreachable:
    """No answer: `found` says what happened instead."""
    hint = "check that the policy manager runs and that this machine reaches it"
    return Unreachable(problems=[problems.Problem(code=UNREACHABLE, object=where, found=found, hint=hint)])


def _meaning(status: int, code: int) -> type[ApiError]:
    if code in _STALE_CODES or status in (409, 412):
        return Stale
    if code in _TAG_CODES:
        return TagTaken
    return {401: Forbidden, 403: Forbidden, 404: NotFound}.get(status, ApiError)


def _number(code: Any) -> int:
    return code if isinstance(code, int) else 0
