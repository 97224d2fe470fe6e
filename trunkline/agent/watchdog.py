"""The judge of a trial: undoes the move of a network card that cut the node off, also when the agent is no more.

    python -m trunkline.agent.watchdog TRIAL

Its standard input ends when the move is done or whoever does it is dead; then it asks the witnesses, until all have
answered or the time is up.  It inherits the trial's lock and holds it by living.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import structlog

from trunkline.agent import trial, witnesses
from trunkline.agent.trial import Record, Refusal
from trunkline.kit import durable, problems

_ASK_AGAIN_SECONDS = 0.1
_RESTORE_AGAIN_SECONDS = 1.0

_log = structlog.get_logger(__name__)


async def judge(path: Path) -> None:
    """Close the trial: let the card stay where it is, or give it back."""
    record = msgspec.json.decode(path.read_bytes(), type=Record)
    await _moved(record)
    silent = await witnesses.silent(record.witnesses)
    while silent and trial.now() < record.ends:
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
        silent = await witnesses.silent(record.witnesses)
    if silent:
        await _undo(record, Refusal(tuple(sorted(map(str, silent)))))
    path.unlink(missing_ok=True)


async def _moved(record: Record) -> None:
    """Return when the move is done or has been given up, at the latest when the time is up."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, ended.set)  # nobody writes; not a thread, which would keep us while the input is open
    try:
        await asyncio.wait_for(ended.wait(), max(0.0, record.ends - trial.now()))
    except TimeoutError:
        return
    finally:
        loop.remove_reader(sys.stdin)


async def _undo(record: Record, refusal: Refusal) -> None:
    from trunkline.agent import main  # heavy, and rarely needed

    _log.error("the node is cut off; its network cards are given back", silent=refusal.silent)
    _refuse(record, refusal)
    while True:
        try:
            await main.restore(record.settings)
            return
        except (problems.RemoteError, OSError, TimeoutError) as error:
            _log.error("the network cards could not be given back yet", error=str(error))
            await asyncio.sleep(_RESTORE_AGAIN_SECONDS)


def _refuse(record: Record, refusal: Refusal) -> None:
    """Keep the agent from trying again.

    A full disk must not keep the card from its node; while it is full no other trial can be opened, so nothing moves.
    """
    try:
        durable.write(trial.refusal_of(record.settings), msgspec.json.encode(refusal))
    except OSError as error:
        _log.error("the refusal could not be written", error=str(error))


if __name__ == "__main__":
    asyncio.run(judge(Path(sys.argv[1])))
