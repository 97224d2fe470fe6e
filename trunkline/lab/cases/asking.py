"""The verb `policy`: documents into the fabric's policy API, answers out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from trunkline.adapters.nsx import Document
from trunkline.lab.cases import listening, naming, observing
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Request, Step
from trunkline.lab.fabric import attaching, requests, settling

ANYTHING = "*"
_PAUSE = 0.1  # seconds between two questions
_COUNTED_SECONDS = 4.0  # chosen: twice the interval at which hypervisors tell what they have counted

RunSteps = Callable[[tuple[Step, ...]], Awaitable[None]]


async def ask(bench: Bench, wanted: Request, run_steps: RunSteps) -> list[str]:
    """Send one request; remember how to undo what it does.

    Raises:
        StepFailed: the answer is not as wanted.
        RemoteError: there is no answer, or the network does not follow.
    """
    wanted = naming.filled(bench, wanted)
    method, path = wanted.asked()
    if wanted.grows:
        return await _watch(bench, wanted, run_steps)
    if method != "GET":
        await _remember(bench, path)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (wanted.within if method == "GET" else 0)
    while True:
        status, answer = await requests.send(bench.lab, method, path, wanted.body)
        wrong = _wrong(wanted, status, answer)
        if not wrong or loop.time() > deadline:
            break
        await asyncio.sleep(_PAUSE)
    seen = f"{method} {path}: {status}"
    if wrong:
        raise StepFailed("\n".join([seen, *wrong, _text(answer)]))
    if wanted.realised:
        await _realised(bench, method, path)
    return [seen]


async def _realised(bench: Bench, method: str, path: str) -> None:
    """Return when the network follows the document, or no longer does."""
    if method == "DELETE":
        await settling.settled(bench.lab, bench.drawn, bench.policy)
    else:
        await attaching.realised(bench.policy, path)
        await settling.looked_again(bench.lab, bench.drawn)


async def _watch(bench: Bench, wanted: Request, run_steps: RunSteps) -> list[str]:
    """Compare an answer's numbers before and after the steps; hypervisors tell theirs now and then."""
    await asyncio.sleep(_COUNTED_SECONDS)  # else what came before would be counted after
    before = await _numbers(bench, wanted)
    await run_steps(wanted.steps)
    await asyncio.sleep(_COUNTED_SECONDS)
    after = await _numbers(bench, wanted)
    grown = {field: after[field] - before[field] for field in wanted.grows}
    seen = [f"{wanted.get}: {field} +{number}" for field, number in grown.items()]
    wrong = []
    for field, count in wanted.grows.items():
        least, most = listening.bounds(count)
        if grown[field] < least or (most is not None and grown[field] > most):
            wrong.append(f"{field}: +{count} wanted")
    if wrong:
        raise StepFailed("\n".join([*wrong, *seen]))
    return seen


async def _numbers(bench: Bench, wanted: Request) -> dict[str, int]:
    status, answer = await requests.send(bench.lab, "GET", wanted.get, None)
    found = {field: observing.look_up(answer, field) for field in wanted.grows}
    if status != wanted.expect or any(not isinstance(value, int) for value in found.values()):
        raise StepFailed(f"GET {wanted.get}: {status}\n{_text(answer)}")
    return found


def _wrong(wanted: Request, status: int, answer: Any) -> list[str]:
    if status != wanted.expect:
        return [f"{wanted.expect} wanted"]
    return differences(wanted.answer, answer)


def differences(wanted: Any, found: Any, at: str = "answer") -> list[str]:
    """Where `found` lacks what is wanted; objects may hold more, lists may not."""
    if wanted is None or wanted == ANYTHING:
        return []
    if isinstance(wanted, dict) and isinstance(found, dict):
        missing = [f"{at}.{key}: missing" for key in wanted if key not in found]
        present = [key for key in wanted if key in found]
        return [*missing, *(each for key in present for each in differences(wanted[key], found[key], f"{at}.{key}"))]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [each for index, (one, other) in pairs for each in differences(one, other, f"{at}[{index}]")]
    return [] if wanted == found else [f"{at}: {wanted!r} wanted, {found!r} found"]


async def _remember(bench: Bench, path: str) -> None:
    before = await bench.policy.get(path)

    async def undo() -> None:
        if before is None:
            await bench.policy.delete(path)
        else:
            await bench.policy.revise(path, lambda now: _again(before, now))

    bench.undoing.append(undo)


def _again(before: Document, now: Document | None) -> Document | None:
    """The former document as a write over the present one; None if nothing has changed."""
    if now is not None and now.get("_revision") == before.get("_revision"):
        return None
    plain = {key: value for key, value in before.items() if not key.startswith("_")}
    return {**plain, **({"_revision": now["_revision"]} if now else {})}


def _text(answer: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(answer)).decode() if answer is not None else "(no body)"
