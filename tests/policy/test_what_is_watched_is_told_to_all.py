"""Monitors on the agendas of hypervisors: told to all, kept while nobody knows better, and followed up."""

from __future__ import annotations

import asyncio

from trunkline.intent.monitors import Mirror, Remote, Source, Standing
from trunkline.policy.agendas import Agendas


def mirror(name: str, **more: int) -> Mirror:
    return Mirror(id=name, sources=(Source("vm"),), destinations=(Remote(address="192.0.2.9"),), **more)


async def test_until_it_is_known_what_is_to_be_watched_nothing_is_said_of_it() -> None:
    agendas = Agendas()
    assert (await agendas.agenda("hv-1", "", 0)).monitors is None

    agendas.watch([])

    known = await agendas.agenda("hv-1", "", 0)
    assert known.monitors is not None
    assert known.monitors.monitors == ()


async def test_a_change_wakes_everybody_who_waits_and_no_change_nobody() -> None:
    agendas = Agendas()
    agendas.watch([mirror("one")])
    known = await agendas.agenda("hv-1", "", 0)
    waiting = asyncio.create_task(agendas.agenda("hv-1", known.revision, 30))
    await asyncio.sleep(0)

    agendas.watch([mirror("one")])
    await asyncio.sleep(0.01)
    assert not waiting.done()
    agendas.watch([mirror("one"), mirror("two")])

    told = (await waiting).monitors
    assert told is not None
    assert [each.id for each in told.monitors] == ["one", "two"]


async def test_a_hypervisor_is_late_until_it_says_that_it_follows_what_is_wanted_now() -> None:
    agendas = Agendas()
    agendas.watch([mirror("one"), mirror("two")])
    first = (await agendas.agenda("hv-1", "", 0)).monitors
    assert first is not None
    assert agendas.late("one", ["hv-1"]) == ["hv-1"]

    agendas.follows("hv-1", Standing(revision=first.revision, problems={"two": "no route"}))
    agendas.watch([mirror("one"), mirror("two", length=64)])

    assert agendas.late("one", ["hv-1"]) == []
    assert agendas.late("two", ["hv-1", "hv-2"]) == ["hv-1", "hv-2"]
    assert agendas.troubles("two") == ["hypervisor hv-1: no route"]
    assert agendas.troubles("one") == []


async def test_what_was_followed_of_another_manager_does_not_count() -> None:
    agendas = Agendas()
    agendas.watch([mirror("one")])

    agendas.follows("hv-1", Standing(revision="another.7"))

    assert agendas.late("one", ["hv-1"]) == ["hv-1"]
