"""Run a command to its end, and complain in one shape when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from trunkline.kit import problems

COMMAND_FAILED = problems.register("TRK-0616", "A command that the lab needs has failed.")
COMMAND_MISSING = problems.register("TRK-0617", "A command that the lab needs is not installed.")


async def run(argv: Sequence[str], *, environment: Mapping[str, str] | None = None, text: str = "") -> str:
    """The command's standard output; `text` is its standard input.

    Raises:
        RemoteError: it is not installed, or its exit code is not 0; carries what it wrote to standard error.
    """
    code, output, errors = await attempt(argv, environment=environment, text=text)
    if code != 0:
        said = (errors or output).strip()
        problem = problems.Problem(code=COMMAND_FAILED, object=f"command {argv[0]}", found=f"exit code {code}: {said}")
        raise problems.RemoteError(problems=[problem])
    return output


async def attempt(
    argv: Sequence[str], *, environment: Mapping[str, str] | None = None, text: str = ""
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command that may fail.

    Raises:
        RemoteError: it is not installed.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*argv, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)
    except FileNotFoundError as error:
        hint = "`make deps` installs what is needed"
        problem = problems.Problem(code=COMMAND_MISSING, object=f"command {argv[0]}", found="not installed", hint=hint)
        raise problems.RemoteError(problems=[problem]) from error
    try:
        output, errors = await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace")
