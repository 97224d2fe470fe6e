"""Case files on disk: which there are, and what they say."""

from __future__ import annotations

import fnmatch
import sys
from pathlib import Path

from trunkline.kit import manifests, problems
from trunkline.lab.cases.model import Case

NO_SUCH_CASE = problems.register("TRK-0630", "No lab case has such a name.")
WRONG_NAME = problems.register("TRK-0631", "A lab case is not called like its file.")

DIRECTORY = Path("labs/cases")


def root() -> Path:
    """The checkout that case files, manifests and topologies are relative to: here, or beside the program."""
    beside = Path(sys.prefix).parent
    return Path.cwd() if DIRECTORY.is_dir() or not (beside / DIRECTORY).is_dir() else beside


def matching(globs: tuple[str, ...] = ()) -> list[Case]:
    """The cases whose names match one of the globs (all, without globs), sorted by name.

    Raises:
        IntentError: a file is wrong, or a glob matches no case.
    """
    files = {path.stem: path for path in sorted((root() / DIRECTORY).glob("*.yaml"))}
    for glob in globs:
        if not fnmatch.filter(files, glob):
            known = f"known are {', '.join(files)}" if files else f"there is no file in {DIRECTORY}"
            hint = problems.did_you_mean(glob, files)
            problem = problems.Problem(
                code=NO_SUCH_CASE, object="lab check", found=repr(glob), allowed=known, hint=hint
            )
            raise problems.IntentError(problems=[problem])
    wanted = [name for name in files if not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs)]
    return [load(files[name]) for name in wanted]


def load(path: Path) -> Case:
    """The case in a file.

    Raises:
        IntentError: it is not one; names every mistake by line and column.
    """
    document = manifests.single(path.read_text(), name=str(path))
    case = manifests.convert(document, Case)
    if case.name != path.stem:
        place = str(document.place(("name",)))
        problem = problems.Problem(code=WRONG_NAME, object=place, found=case.name, allowed=f"the file is {path.stem}")
        raise problems.IntentError(problems=[problem])
    return case
