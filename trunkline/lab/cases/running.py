"""Run cases: step by step, evidence as it comes, and everything put away afterwards."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from trunkline.adapters.kube.client import Kube
from trunkline.kit import problems
from trunkline.lab.cases import applying, evidence, finding, listening, observing, reaching
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Case, Listen, Step
from trunkline.lab.state import Lab
from trunkline.lab.topology import Topology

Say = Callable[[str], None]


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
    fitting = [case for case in cases if Path(case.topology).stem == drawn.name]
    for case in cases:
        if case not in fitting:
            say(f"skip {case.name}: it needs {case.topology}, and this lab is {drawn.name}")
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
    """Run one case; what it applied is removed again unless it is to be kept.

    Raises:
        RemoteError: the lab's API server cannot be reached.
    """
    began = time.monotonic()
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        if say:
            say(line)

    async with Kube.connect(lab.kubeconfig, field_manager="trunkline-lab") as kube:
        bench = Bench(lab, drawn, kube, root=root or finding.root(), say=tell)
        failure = await _failure(bench, case)
        untidy = "" if keep else await _tidy(bench)
        failure = failure or untidy
    return Outcome(case=case.name, seconds=time.monotonic() - began, lines=tuple(lines), failure=failure)


async def _failure(bench: Bench, case: Case) -> str:
    runner = _Runner(bench, case.name)
    try:
        for part, steps in (("given", case.given), ("when", case.when), ("then", case.then)):
            await runner.steps(part, steps)
    except (StepFailed, problems.TrunklineError) as error:
        file, shown = await evidence.gather(bench, case.name)
        return "\n".join([f"✗ {runner.at}:", textwrap.indent(str(error), "    "), *shown, f"more in {file}"])
    return ""


async def _tidy(bench: Bench) -> str:
    try:
        await applying.remove(bench, bench.applied)
    except (StepFailed, problems.TrunklineError) as error:
        return f"tidying up: {error}"
    return ""


def where(listen: Listen) -> str:
    """The interfaces of a capture, for people."""
    interfaces = (listen.interface,) if isinstance(listen.interface, str) else listen.interface
    return ", ".join(f"{listen.at}/{each}" if each else listen.at for each in interfaces)


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
        """One step's evidence; the one place that says which verb is which function."""
        bench = self._bench
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
        assert step.capture is not None

        async def meanwhile(steps: tuple[Step, ...]) -> None:
            await self.steps(f"{at}, while", steps)
            self.at = at

        return await listening.capture(bench, step.capture, self._case, meanwhile)
