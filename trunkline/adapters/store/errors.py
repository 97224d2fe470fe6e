"""Why the store refuses: each error names what stood in the way, so that a caller can answer precisely.

    IntentError   Conflict, AlreadyClaimed, NotFound, Compacted, Unstorable     (read again, then decide)
    RemoteError   Fenced                                                        (another process has taken over: stop)

`ovsdb.CommitInDoubt` leaves the store only when the outcome can no longer be learnt; `ovsdb.Unreachable` when no server
answers.
"""

from __future__ import annotations

from trunkline.kit import problems

CONFLICT = problems.register("TRK-0110", "A document has another revision than the writer expected.")
CLAIMED = problems.register("TRK-0111", "A key is claimed by another owner.")
NOT_FOUND = problems.register("TRK-0112", "A document or claim does not exist.")
FENCED = problems.register("TRK-0113", "Another process has taken over the role of this writer.")
COMPACTED = problems.register("TRK-0114", "The history of changes no longer reaches back that far.")
UNSTORABLE = problems.register("TRK-0115", "The store cannot hold this value.")
NO_CONTROL = problems.register("TRK-0116", "The database server's control socket could not be reached.")
NO_DATABASE = problems.register("TRK-0117", "A database file could not be made or upgraded.")


class Conflict(problems.IntentError):
    """The document at `path` has revision `found` (0: it does not exist), not `expected` (0: it must not exist)."""

    def __init__(self, path: str, expected: int, found: int) -> None:
        self.path, self.expected, self.found = path, expected, found
        wanted = f"must be {expected}" if expected else "must not exist yet"
        super().__init__(
            problems=[
                problems.Problem(
                    code=CONFLICT,
                    object=f"document {path}",
                    field="revision",
                    found=str(found),
                    allowed=wanted,
                    hint="read it again and repeat the change",
                )
            ]
        )


class AlreadyClaimed(problems.IntentError):
    """The key belongs to `owner`."""

    def __init__(self, key: str, owner: str) -> None:
        self.key, self.owner = key, owner
        super().__init__(
            problems=[problems.Problem(code=CLAIMED, object=f"claim {key}", field="owner", found=owner or "(empty)")]
        )


class NotFound(problems.IntentError):
    """There is no document at `path` (or no claim with that key)."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(problems=[problems.Problem(code=NOT_FOUND, object=path, found="nothing")])


class Compacted(problems.IntentError):
    """Changes up to revision `oldest` are forgotten: list again, then watch from the revision of that list."""

    def __init__(self, oldest: int) -> None:
        self.oldest = oldest
        super().__init__(
            problems=[
                problems.Problem(
                    code=COMPACTED,
                    object="watch",
                    field="since",
                    allowed=f"must be at least {oldest}",
                    hint="list again and watch from there",
                )
            ]
        )


class Unstorable(problems.IntentError):
    """A value that OVSDB cannot keep: not UTF-8, or with a NUL character."""

    def __init__(self, where: str, found: str) -> None:
        super().__init__(
            problems=[problems.Problem(code=UNSTORABLE, object=where, found=found, allowed="must be UTF-8 without NUL")]
        )


class Fenced(problems.RemoteError):
    """`holder` took over `role`: nothing was written, and nothing ever will be by this process."""

    def __init__(self, role: str, holder: str) -> None:
        self.role, self.holder = role, holder
        super().__init__(
            problems=[problems.Problem(code=FENCED, object=f"role {role}", field="holder", found=holder or "nobody")]
        )
