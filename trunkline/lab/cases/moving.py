"""The verbs `attach`, `detach` and `migrate`, each with its way back."""

from __future__ import annotations

from trunkline.lab.cases.bench import Bench
from trunkline.lab.cases.model import Migration, Placement
from trunkline.lab.fabric import verbs, vifs


async def attach(bench: Bench, wanted: Placement) -> list[str]:
    """Attach a machine to a segment."""
    bench.undoing.append(lambda: verbs.detach(bench.lab, bench.drawn, wanted.machine, segment=wanted.segment))
    return [await verbs.attach(bench.lab, bench.drawn, wanted.machine, segment=wanted.segment)]


async def detach(bench: Bench, wanted: Placement) -> list[str]:
    """Detach a machine from a segment."""
    bench.undoing.append(lambda: verbs.attach(bench.lab, bench.drawn, wanted.machine, segment=wanted.segment))
    return [await verbs.detach(bench.lab, bench.drawn, wanted.machine, segment=wanted.segment)]


async def migrate(bench: Bench, wanted: Migration) -> list[str]:
    """Carry a machine to another hypervisor."""
    origin = vifs.where(bench.lab, bench.drawn, wanted.machine)
    bench.undoing.append(lambda: verbs.migrate(bench.lab, bench.drawn, wanted.machine, origin))
    return [await verbs.migrate(bench.lab, bench.drawn, wanted.machine, wanted.to)]
