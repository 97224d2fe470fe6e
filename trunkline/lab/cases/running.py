"""Run cases: step by step, evidence as it comes, and everything put away afterwards."""

from __future__ import annotations

import contextlib
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from trunkline.adapters.kube.client import Kube
from trunkline.kit import problems
from trunkline.lab.cases import (
    applying,
    asking,
    evidence,
    finding,
    listening,
    moving,
    observing,
    pinging,
    reaching,
    sending,
)
from trunkline.lab.cases.bench import Bench, StepFailed, Undo
from trunkline.lab.cases.model import FABRIC_VERBS, Case, Listen, Step
from trunkline.lab.fabric import api, settling
from trunkline.lab.state import Lab
from trunkline.lab.topology import Topology

Say = Callable[[str], None]
Parts = tuple[tuple[str, tuple[Step, ...]], ...]


class Report(msgspec.Struct, frozen=True):
    """How many cases went which way."""

    passed: int
    failed: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One case's result: everything it found, and why it failed, if it did."""

    case: str
    seconds: float
    lines: tuple[str, ...]
    failure: str = ""


async def run_all(lab: Lab, drawn: Topology, cases: Sequence[Case], *, keep: bool, evidence: bool, say: Say) -> Report:
    """Run the cases one after the other, telling `say` how each went.

    Raises:
        RemoteError: the lab's API server cannot be reached.
    """
    passed = 0
    fitting = [case for case in cases if drawn.name in {Path(each).stem for each in case.topologies}]
    for case in cases:
        if case not in fitting:
            say(f"skip {case.name}: it needs {' or '.join(case.topologies)}, and this lab is {drawn.name}")
    for case in fitting:
        say(f"--- {case.name}: {' '.join(case.says.split())}")
        outcome = await run(lab, drawn, case, keep=keep, say=say if evidence else None)
        verdict = "FAIL" if outcome.failure else "pass"
        if outcome.failure:
            say("\n".join([*(() if evidence else outcome.lines), outcome.failure]))
        say(f"{verdict} {case.name} ({outcome.seconds:.1f} s)")
        passed += not outcome.failure
    return Report(passed, len(fitting) - passed)


async def run(
    lab: Lab, drawn: Topology, case: Case, *, keep: bool = False, say: Say | None = None, root: Path | None = None
) -> Outcome:
    """Run one case; what it made is removed again unless it is to be kept.

    Raises:
        RemoteError: the lab's API server cannot be reached.
    """
    began = time.monotonic()
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        if say:
            say(line)

    async with contextlib.AsyncExitStack() as stack:
        kube = policy = None
        if drawn.control_plane:
            connected = Kube.connect(lab.kubeconfig, field_manager="trunkline-lab")
            kube = await stack.enter_async_context(connected)
        if drawn.fabric:
            policy = await stack.enter_async_context(api.connect(lab))
        bench = Bench(lab, drawn, kube, policy, root=root or finding.root(), say=tell)
        failure = await _failure(bench, case.name, (("given", case.given), ("when", case.when), ("then", case.then)))
        untidied = await _failure(bench, case.name, (("finally", case.afterwards),))
        failure = failure or untidied
        untidy = "" if keep else await _tidy(bench)
        failure = failure or untidy
    return Outcome(case=case.name, seconds=time.monotonic() - began, lines=tuple(lines), failure=failure)


async def _failure(bench: Bench, case: str, parts: Parts) -> str:
    runner = _Runner(bench, case)
    try:
        for part, steps in parts:
            await runner.steps(part, steps)
    except (StepFailed, problems.TrunklineError) as error:
        file, shown = await evidence.gather(bench, case)
        return "\n".join([f"✗ {runner.at}:", textwrap.indent(str(error), "    "), *shown, f"more in {file}"])
    return ""


async def _tidy(bench: Bench) -> str:
    """Put everything back; one thing that cannot be does not keep the others from it.  Answers what went wrong.

    What a case has told the fabric is out of the network when this returns: the next case may expect silence.
    """
    wrong = []
    undoing: list[Undo] = [lambda: applying.remove(bench, bench.created), *reversed(bench.undoing)]
    if bench.undoing:
        undoing.append(lambda: settling.settled(bench.lab, bench.drawn, bench.policy))
    for undo in undoing:
        try:
            await undo()
        except (StepFailed, problems.TrunklineError) as error:
            wrong.append(f"tidying up: {error}")
    return "\n".join(wrong)


def where(listen: Listen) -> str:
    """The interfaces of a capture, for people."""
    interfaces = (listen.interface,) if isinstance(listen.interface, str) else listen.interface
    places = (listen.at,) if isinstance(listen.at, str) else listen.at
    return ", ".join(f"{place}/{each}" if each else place for place in places for each in interfaces)


class _Runner:
    """Walks the steps of one case, remembering where it is."""

    def __init__(self, bench: Bench, case: str) -> None:
        self.at = ""
        self._bench = bench
        self._case = case

    async def steps(self, part: str, steps: tuple[Step, ...]) -> None:
        for index, step in enumerate(steps, 1):
            self.at = at = f"{part}, step {index} ({step.says or step.verbs()[0]})"
            if step.capture is not None:
                self._bench.say(f"  … {step.says or 'capture'}: listening at {where(step.capture)}")
            found = await self._step(step, at)
            self._bench.say(f"  ✓ {step.says or step.verbs()[0]}")
            for line in found:
                self._bench.say(f"      {line}")

    async def _step(self, step: Step, at: str) -> list[str]:
        """One step's evidence; this and `_fabric_step` say which verb is which function."""
        bench = self._bench

        async def meanwhile(steps: tuple[Step, ...]) -> None:
            await self.steps(f"{at}, while", steps)
            self.at = at

        if step.verbs()[0] in FABRIC_VERBS:
            return await _fabric_step(bench, step, meanwhile)
        if step.apply is not None:
            return await applying.apply(bench, step.apply)
        if step.delete is not None:
            return await applying.delete(bench, step.delete)
        if step.pods is not None:
            return await observing.pods(bench, step.pods)
        if step.object is not None:
            return await observing.object_field(bench, step.object)
        if step.event is not None:
            return await observing.event(bench, step.event)
        if step.reach is not None:
            return await reaching.reach(bench, step.reach)
        if step.exec is not None:
            return await reaching.execute(bench, step.exec)
        if step.send is not None:
            return await sending.send(bench, step.send)
        assert step.capture is not None
        return await listening.capture(bench, step.capture, self._case, meanwhile)


async def _fabric_step(bench: Bench, step: Step, meanwhile: pinging.RunSteps) -> list[str]:
    if step.policy is not None:
        return await asking.ask(bench, step.policy, meanwhile)
    if step.attach is not None:
        return await moving.attach(bench, step.attach)
    if step.detach is not None:
        return await moving.detach(bench, step.detach)
    if step.migrate is not None:
        return await moving.migrate(bench, step.migrate)
    assert step.ping is not None
    return await pinging.ping(bench, step.ping, meanwhile)
