"""Make and upgrade the database file; the schema is packaged beside this module.

`create_database` is for a server that is not running.  A running one is upgraded without a pause with
`ovsdb-client convert REMOTE SCHEMA`, which clustered databases need anyway (`ovsdb-tool create-cluster` makes those).
"""

from __future__ import annotations

import pathlib
import subprocess

from trunkline.adapters.store import errors
from trunkline.kit import problems


def schema_path() -> pathlib.Path:
    """Where `trunkline.ovsschema` is."""
    return pathlib.Path(__file__).with_name("trunkline.ovsschema")


def create_database(path: pathlib.Path | str) -> None:
    """Make an empty database file at `path`, or convert the one that is there to the packaged schema.

    Raises:
        RemoteError: ovsdb-tool is missing or refused.
    """
    if not pathlib.Path(path).exists():
        _tool("create", str(path), str(schema_path()))
    elif _tool("needs-conversion", str(path), str(schema_path())).strip() == "yes":
        _tool("convert", str(path), str(schema_path()))


def _tool(*arguments: str) -> str:
    try:
        return subprocess.run(["ovsdb-tool", *arguments], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise problems.RemoteError(
            problems=[
                problems.Problem(
                    code=errors.NO_DATABASE,
                    object=f"database {arguments[1]}",
                    field=f"ovsdb-tool {arguments[0]}",
                    found=reason,
                )
            ]
        ) from error
