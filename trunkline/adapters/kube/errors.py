"""What an API server says no with: one class per meaning, built from the `Status` body it sends.

Callers tell them apart by class, never by number or text.  Bodies are cut before they reach a message: an error must not
carry a whole object into a log.

    RemoteError
    ├── Unreachable          no answer, or none worth having (429, 5xx): trying again may help
    └── ApiError             an answer: no
        ├── NotFound         404
        ├── AlreadyExists    409 with reason AlreadyExists: the name is taken
        ├── Conflict         409 otherwise: the object changed since it was read
        ├── Gone             410: the resourceVersion is too old to watch from
        ├── Invalid          400, 422: the request itself is wrong
        └── Forbidden        401, 403

Source: Kubernetes API conventions, "Response Status Kind".
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.kit import problems

UNREACHABLE = problems.register("TRK-0250", "The Kubernetes API server cannot be reached.")
REFUSED = problems.register("TRK-0251", "The Kubernetes API server refused a request.")

_LONGEST = 500  # characters of a server's message that we repeat; chosen: a few lines of terminal


def cut(text: str) -> str:
    """`text`, or its beginning when it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


class Unreachable(problems.RemoteError):
    """No answer came, or the server says it cannot answer now."""


class ApiError(problems.RemoteError):
    """The server answered no: `code` is the HTTP status, `reason` and `details` are the Status object's."""

    def __init__(self, code: int, status: dict[str, Any], where: str) -> None:
        self.code = code
        self.reason = str(status.get("reason") or "")
        self.details: dict[str, Any] = status.get("details") or {}
        self.message = cut(str(status.get("message") or ""))
        found = f"HTTP {code} {self.reason}".rstrip()
        problem = problems.Problem(code=REFUSED, object=where, found=f"{found}: {self.message}")
        super().__init__(problems=[problem])


class NotFound(ApiError):
    """There is no such object, or no such resource."""


class AlreadyExists(ApiError):
    """An object of this name is there already."""


class Conflict(ApiError):
    """The object is not the one that was read: resourceVersion or UID differ."""


class Gone(ApiError):
    """The resourceVersion is older than what the server remembers."""


class Invalid(ApiError):
    """The request is malformed or the object fails validation."""


class Forbidden(ApiError):
    """The client is not known, or not allowed."""


_BY_CODE: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


def from_status(status: dict[str, Any], where: str, code: int = 0) -> ApiError | Unreachable:
    """The error that a Status object means; `where` names the object or request, `code` the HTTP status if there was one."""
    code = code or int(status.get("code") or 500)
    if code == 429 or code >= 500:
        return unreachable(where, f"HTTP {code}: {cut(str(status.get('message') or ''))}")
    kind = AlreadyExists if status.get("reason") == "AlreadyExists" else _BY_CODE.get(code, ApiError)
    return kind(code, status, where)


def from_body(code: int, body: bytes, where: str) -> ApiError | Unreachable:
    """The error that an HTTP answer means, whether or not its body is a Status object."""
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        status = None
    if not isinstance(status, dict):
        status = {"message": body[:_LONGEST].decode(errors="replace")}
    return from_status(status, where, code)


def unreachable(where: str, found: str) -> Unreachable:
    """No answer: `found` says what happened instead."""
    hint = "check that the API server runs and that this machine reaches it"
    return Unreachable(problems=[problems.Problem(code=UNREACHABLE, object=where, found=found, hint=hint)])
