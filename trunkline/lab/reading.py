"""From a topology file to a `Topology`, or to everything that is wrong with it at once, by line and column.

First each entry's shape (`kit.manifests`), then, over what has the right shape, what the entries say about each other
(`consistency`).  Nothing is touched before both are clean.
"""

from __future__ import annotations

from pathlib import Path

from trunkline.kit import manifests, problems
from trunkline.lab import consistency, findings
from trunkline.lab.topology import Topology

UNREADABLE = problems.register("TRK-0601", "A topology file cannot be read.")


def load(path: Path) -> Topology:
    """The topology in the file.

    Raises:
        IntentError: the file cannot be read, or says something impossible; carries every problem found.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        problem = problems.Problem(
            code=UNREADABLE,
            object=f"topology {path}",
            found=str(error.strerror if isinstance(error, OSError) else error),
            allowed="a readable YAML file is wanted",
            hint="Trunkline's own topologies are in labs/",
        )
        raise problems.IntentError(problems=[problem]) from error
    return parse(text, name=str(path))


def parse(text: str, *, name: str) -> Topology:
    """The topology in YAML `text`; `name` is the file's name, for the messages.

    Raises:
        IntentError: as for `load`.
    """
    document = manifests.single(text, name=name)
    drawn = manifests.convert(document, Topology)
    found = [_problem(document, finding) for finding in consistency.contradictions(drawn)]
    if found:
        raise problems.IntentError(problems=found)
    return drawn


def _problem(document: manifests.Document, finding: findings.Finding) -> problems.Problem:
    return problems.Problem(
        code=finding.code,
        object=str(document.place(finding.path)),
        field=manifests.dotted(finding.path),
        found=finding.found,
        allowed=finding.allowed,
        hint=finding.hint,
    )
