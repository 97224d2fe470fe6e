"""Bring a lab up: wires first, then everything that can start at the same time, each step waiting for facts.

Safe to repeat: what stands is left alone, what died is started again.  Whatever happens half-way, `down` finds all of it.
"""

from __future__ import annotations

from trunkline.kit import problems
from trunkline.lab import advice, namespaces, openvswitch, processes, replugging, state, wiring
from trunkline.lab.progress import Progress
from trunkline.lab.state import Lab, Record
from trunkline.lab.topology import Topology

REFUSED = problems.register("TRK-0609", "The kernel refused a namespace, a cable or an address of a lab.")
OTHER_TOPOLOGY = problems.register("TRK-0618", "A lab of this name is up with another topology.")


async def up(lab: Lab, drawn: Topology, text: str, *, source: str, bare: bool = False, progress: Progress) -> None:
    """Make the topology real; `text` is its file's content and `source` the file's name.
    With `bare` neither a fabric nor a cluster is started.

    Raises:
        IntentError: not root, another command is at work, or another topology is up under this name.
        RemoteError: something did not start.
    """
    namespaces.require_root()
    with lab.lock():
        _record(lab, text, Record(name=lab.name, topology=source, bare=bare))
        for leftover in leftovers(lab):
            progress.note(leftover)
        with progress.step(f"wired {advice.summary(drawn)}"):
            await _wire(lab, drawn)
        await _start(lab, drawn, progress, bare=bare)


async def _start(lab: Lab, drawn: Topology, progress: Progress, *, bare: bool) -> None:
    """What the wires are for: the fabric first, for a cluster's nodes may be machines of it."""
    # Imported late: clients of APIs take longer to import than a bare lab to start.
    if bare or not (drawn.fabric or drawn.control_plane):
        await openvswitch.start_switches(lab, drawn, progress)
        return
    if drawn.fabric:
        from trunkline.lab.fabric import start

        await start.start(lab, drawn, progress)
    if drawn.control_plane:
        from trunkline.lab import cluster

        await cluster.start(lab, drawn, progress)


async def _wire(lab: Lab, drawn: Topology) -> None:
    try:
        await wiring.wire(lab, drawn)
    except OSError as error:
        problem = problems.Problem(
            code=REFUSED,
            object=f"lab {lab.name}",
            found=str(error),
            hint=f"`trunkline lab down --name {lab.name}` removes what there is",
        )
        raise problems.RemoteError(problems=[problem]) from error
    await replugging.replug(lab, drawn)


def _record(lab: Lab, text: str, fresh: Record) -> None:
    """Write what this lab is, unless that is known; a damaged record is written anew."""
    try:
        same = lab.topology_file.read_text() == text
        known = lab.read()
    except (OSError, problems.IntentError):
        lab.write(fresh, topology=text)
        return
    if same:
        known.bare = fresh.bare
        lab.update(known)
        return
    problem = problems.Problem(
        code=OTHER_TOPOLOGY,
        object=f"lab {lab.name}",
        found=f"another topology than {fresh.topology}",
        hint=f"`trunkline lab down --name {lab.name}` first, or choose another --name",
    )
    raise problems.IntentError(problems=[problem])


def leftovers(lab: Lab) -> list[str]:
    """One line for each lab of which something is left on this machine, but nothing runs."""
    prefixes = {"-".join(name.split("-")[:2]) + "-" for name in namespaces.matching("tl-")} - {lab.prefix}
    alive = {known.prefix for known in state.known(lab.root)}
    lines = []
    for prefix in sorted(prefixes - alive):
        names = namespaces.matching(prefix)
        if not processes.in_namespaces(names):
            lines.append(
                f"left over from another lab, nothing runs there: {', '.join(names)} (`ip netns delete` removes them)"
            )
    return lines
