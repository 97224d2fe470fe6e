"""One shape for everything that can be wrong, and three classes that say whose fault it is.

A `Problem` names the object, the field, what was found, what is allowed and the next step.  Each shell renders it in its
own manner: a CLI line, a Kubernetes `Status` cause, a CNI error.  All problems of one object are gathered before anything
is raised.

    TrunklineError
    ├── IntentError    the input is at fault: change it and try again
    ├── RemoteError    somebody else's program or machine is at fault: it may pass
    └── BugError       Trunkline is at fault: report it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

_catalogue: dict[str, str] = {}


def register(code: str, title: str) -> str:
    """Declare a stable problem id ("TRK-0301") with its one-sentence title, and answer the id.

    Raises:
        BugError: the id is declared twice with different titles.
    """
    if _catalogue.setdefault(code, title) != title:
        raise BugError(f"problem id {code} is declared twice: {_catalogue[code]!r} and {title!r}")
    return code


def catalogue() -> dict[str, str]:
    """Every declared problem id and its title, sorted by id (only of modules imported so far)."""
    return dict(sorted(_catalogue.items()))


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with one field of one object.

    `object` reads as people say it ("IPPool pool-ap", "Pod shop/web-0"); `field` is a path ("spec.ipRanges[0].vlan");
    `hint` is the next step, an imperative sentence without a full stop.
    """

    code: str
    object: str
    field: str = ""
    found: str = ""
    allowed: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.object}: {self.field}" if self.field else self.object
        return f"{where}: {self.finding}"

    @property
    def finding(self) -> str:
        """What is wrong and what to do, for a shell that has named object and field already."""
        text = ", ".join(part for part in (f"found {self.found}" if self.found else "", self.allowed) if part)
        hint = f"; {self.hint}" if self.hint else ""
        return f"{text}{hint} [{self.code}]"


class TrunklineError(Exception):
    """Base of every error that Trunkline raises on purpose; carries at least a message, at best problems."""

    def __init__(self, message: str = "", *, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message or "\n".join(str(problem) for problem in self.problems))


class IntentError(TrunklineError):
    """The input is at fault."""


class RemoteError(TrunklineError):
    """Somebody else's program or machine is at fault; trying again may help."""


class BugError(TrunklineError):
    """Trunkline itself is at fault."""


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'gateway'?", or "" when nothing known is close."""
    close = difflib.get_close_matches(found, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""
