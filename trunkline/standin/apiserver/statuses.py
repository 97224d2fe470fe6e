"""Every failure a client can see: an exception that carries `metav1.Status`.

The constructors below are the only places where a code, a reason and a wording meet; handlers raise what they return.
Source of the pairs: the Kubernetes API conventions, "HTTP Status codes" and "Response Status Kind".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.standin.apiserver import causes as fields
from trunkline.standin.apiserver.objects import Json


class StatusError(Exception):
    """A request that ends with a Status instead of an object."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def body(self) -> Json:
        """The `metav1.Status` to send."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body


def success(details: Json) -> Json:
    """The Status that answers a deletion which left nothing behind."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def qualified(name: str, group: str) -> str:
    """ "deployments.apps", or "pods" for the core group."""
    return f"{name}.{group}" if group else name


def details(plural: str, group: str, name: str, **more: Any) -> Json:
    """The `details` of a Status about one object."""
    found: Json = {"name": name} if name else {}
    if group:
        found["group"] = group
    return {**found, "kind": plural, **more}


def not_found(plural: str, group: str, name: str) -> StatusError:
    """No such object."""
    message = f'{qualified(plural, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, details(plural, group, name))


def no_such_path() -> StatusError:
    """No resource is served under this URL."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(plural: str, group: str, name: str) -> StatusError:
    """The name is taken."""
    message = f'{qualified(plural, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, details(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str = "") -> StatusError:
    """The object moved on since the client read it, or a precondition does not hold."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, details(plural, group, name))


def invalid(kind: str, group: str, name: str, causes: Sequence[fields.Cause]) -> StatusError:
    """The object breaks rules; every cause is told, not only the first."""
    texts = [str(cause) for cause in causes]
    listing = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    wire = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    message = f'{qualified(kind, group)} "{name}" is invalid: {listing}'
    return StatusError(422, "Invalid", message, details(kind, group, name, causes=wire))


def unprocessable(message: str) -> StatusError:
    """A well-formed patch that cannot be applied to this object."""
    return StatusError(422, "Invalid", f"the server rejected our request due to an error in our request: {message}", {})


def bad_request(message: str) -> StatusError:
    """The request cannot be understood."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """Nobody known is asking."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(plural: str, group: str, name: str, why: str, **more: Any) -> StatusError:
    """Known, but not allowed."""
    about = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return StatusError(403, "Forbidden", f"{about} is forbidden: {why}", details(plural, group, name, **more))


def method_not_allowed(plural: str, group: str) -> StatusError:
    """The resource exists but does not do this."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, details(plural, group, ""))


def not_acceptable() -> StatusError:
    """The client takes no form that this server can write."""
    message = "only the following media types are accepted: application/json"
    return StatusError(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """The body is in a form that this server does not read."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return StatusError(415, "UnsupportedMediaType", message)


def too_large(limit: int) -> StatusError:
    """The body is longer than the server reads."""
    return StatusError(413, "RequestEntityTooLarge", f"limit is {limit}")


def expired(message: str) -> StatusError:
    """A resourceVersion or continue token from before the history that is kept; the client must list again."""
    return StatusError(410, "Expired", message)


def not_implemented(what: str) -> StatusError:
    """Known to Kubernetes, not to this stand-in."""
    return StatusError(501, "NotImplemented", f"the lab's stand-in API server does not serve {what}")


def internal(message: str) -> StatusError:
    """Something failed that is not the client's fault."""
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})
