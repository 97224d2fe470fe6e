"""What can go wrong between Trunkline and an OVSDB server, each with the class that says whose fault it is.

    RemoteError
    ├── Unreachable             no server answered in time, or none that serves the database
    ├── ProtocolViolation       the peer sent something that is not JSON-RPC
    ├── CommitInDoubt           the connection broke after a transaction was sent: it may or may not have happened
    └── TransactionError        the server refused; nothing of the transaction happened
        ├── ConstraintViolation             an index, a range, an enumeration, `maxRows`
        ├── ReferentialIntegrityViolation   a strong reference to a row that is not there
        ├── TimedOut                        a `wait` was not satisfied
        └── NotOwner                        an `assert` of a lock this connection does not hold

Source of the error strings: RFC 7047 section 4.1.3 and 5.2.
"""

from __future__ import annotations

from typing import Any

from trunkline.kit import problems

UNREACHABLE = problems.register("TRK-0101", "No OVSDB server could be reached.")
PROTOCOL = problems.register("TRK-0102", "An OVSDB server broke the protocol.")
SCHEMA = problems.register("TRK-0103", "A database schema lacks something the program needs.")
REFUSED = problems.register("TRK-0104", "An OVSDB server refused a transaction.")
IN_DOUBT = problems.register("TRK-0105", "The connection broke while a transaction was under way.")


class Unreachable(problems.RemoteError):
    """No connection could be made to any of the remotes."""

    def __init__(self, remote: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            problems=[
                problems.Problem(
                    code=UNREACHABLE, object=f"OVSDB {remote}", found=reason, hint="check that ovsdb-server is running"
                )
            ]
        )


class ProtocolViolation(problems.RemoteError):
    """The peer's bytes are not the JSON-RPC that RFC 7047 describes; the connection is dropped."""

    def __init__(self, reason: str) -> None:
        super().__init__(problems=[problems.Problem(code=PROTOCOL, object="OVSDB connection", found=reason)])


class SchemaMismatch(problems.BugError):
    """A table or column that the program declares is absent from, or of another type in, the server's schema."""

    def __init__(self, where: str, found: str, allowed: str = "") -> None:
        super().__init__(problems=[problems.Problem(code=SCHEMA, object=where, found=found, allowed=allowed)])


class CommitInDoubt(problems.RemoteError):
    """The transaction was sent and no answer came: read the database to learn whether it happened."""

    def __init__(self, reason: str) -> None:
        super().__init__(problems=[problems.Problem(code=IN_DOUBT, object="OVSDB transaction", found=reason)])


class TransactionError(problems.RemoteError):
    """The server refused the transaction; nothing of it happened.

    `error` is the server's keyword and `details` its explanation; `index` counts the operation that failed, or is None
    when the whole commit failed.
    """

    def __init__(self, error: str, details: str, index: int | None) -> None:
        self.error, self.details, self.index = error, details, index
        where = "commit" if index is None else f"operations[{index}]"
        found = f"{error}: {details}" if details else error
        super().__init__(
            problems=[problems.Problem(code=REFUSED, object="OVSDB transaction", field=where, found=found)]
        )


class ConstraintViolation(TransactionError):
    """An index, range, enumeration or row limit would be violated."""


class ReferentialIntegrityViolation(TransactionError):
    """A strong reference would dangle."""


class TimedOut(TransactionError):
    """A `wait` was not satisfied in its time; `index` says which operation."""


class NotOwner(TransactionError):
    """An `assert` named a lock that this connection does not hold."""


_BY_KEYWORD = {
    "constraint violation": ConstraintViolation,
    "referential integrity violation": ReferentialIntegrityViolation,
    "timed out": TimedOut,
    "not owner": NotOwner,
}

# A member of a cluster that loses its leader, or a server that drops the database, answers with these although the
# transaction may still be (or have been) replicated.
_UNDECIDED = frozenset({"cluster error", "canceled"})


def from_wire(error: Any, index: int | None) -> problems.RemoteError:
    """The exception for an error object (`{"error": ..., "details": ...}`) or a bare error string of the server."""
    keyword, details = (
        (str(error.get("error")), str(error.get("details", ""))) if isinstance(error, dict) else (str(error), "")
    )
    if keyword in _UNDECIDED:
        return CommitInDoubt(f"{keyword}: {details}" if details else keyword)
    return _BY_KEYWORD.get(keyword, TransactionError)(keyword, details, index)
