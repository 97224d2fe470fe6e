"""What a rule makes of documents: intent objects, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.intent import model, monitors
from trunkline.kit import problems
from trunkline.kit.ids import NetworkId
from trunkline.kit.problems import Problem

UNSUPPORTED = problems.register("TRK-0950", "A policy object asks for something that this network cannot do.")


Object = model.Object | monitors.Monitor
"""What documents ask for: a part of the network, or that something of it is watched."""


class Made(msgspec.Struct, frozen=True):
    """Objects of the network, why a wish cannot be met (`problems`), and what is met in part or otherwise (`remarks`)."""

    objects: tuple[Object, ...] = ()
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()

    @classmethod
    def union(cls, parts: Iterable[Made]) -> Made:
        """Everything of all parts."""
        found = list(parts)
        return cls(
            tuple(item for part in found for item in part.objects),
            tuple(problem for part in found for problem in part.problems),
            tuple(remark for part in found for remark in part.remarks),
        )


NOTHING = Made()


def identity(path: str) -> str:
    """The intent id of what stands for the object at a policy path."""
    return path.removeprefix("/")


def network_id(segment: str) -> NetworkId:
    """The network of the segment at a path."""
    return NetworkId(identity(segment))


def prefix_id(prefix: object) -> str:
    """A prefix as part of an id."""
    return str(prefix).replace("/", "-")


def source(kind: str, path: str) -> model.Source:
    """The user's object behind an intent object."""
    return model.Source(kind, name=path)


def unsupported(kind: str, path: str, field: str, found: object, allowed: str, hint: str = "") -> Problem:
    """A field asks for what cannot be done."""
    return Problem(code=UNSUPPORTED, object=f"{kind} {path}", field=field, found=str(found), allowed=allowed, hint=hint)
