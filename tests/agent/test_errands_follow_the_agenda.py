"""The manager's agenda as an agent follows it: begun once, given up when it is gone, without a manager only waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from trunkline.agent import errands, probes
from trunkline.agent.errands import Errands
from trunkline.agent.settings import Settings
from trunkline.kit import problems
from trunkline.trace.errands import Agenda, Report, Send, Watch
from trunkline.trace.frame import Mark

SETTINGS = Settings(node="hv-1", role="hypervisor", ovn_remote="ssl:192.0.2.1:6642", encap_ip="192.0.2.2")


def watch(name: str) -> Watch:
    return Watch(id=name, mark=Mark(b"12345678"), seconds=60)


class Manager:
    """Answers as the policy manager does, from what a test puts on the agenda."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.questions: list[str] = []
        self._agenda = Agenda(revision="0")
        self._news = asyncio.Event()
        self.away = False

    def want(self, *wanted: Any) -> None:
        self._agenda = Agenda(revision=str(int(self._agenda.revision) + 1), errands=wanted)
        self._news.set()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.away:
            raise httpx2.ConnectError("nobody listens")
        if request.method == "POST":
            self.reports.append(msgspec.json.decode(request.content, type=Report))
            return httpx2.Response(200)
        self.questions.append(known := request.url.params["known"])
        while known == self._agenda.revision:
            self._news.clear()
            await self._news.wait()
        return httpx2.Response(200, content=msgspec.json.encode(self._agenda))


class Probes:
    """Stands for the errands themselves: what is under way, and how often something was begun."""

    def __init__(self) -> None:
        self.going: set[str] = set()
        self.begun: list[str] = []

    async def watch(self, errand: Watch, switch: Any, tell: Any) -> None:
        self.begun.append(errand.id)
        self.going.add(errand.id)
        try:
            await tell(Report(errand=errand.id, state="started"))
            await asyncio.sleep(60)
        finally:
            self.going.discard(errand.id)

    async def send(self, errand: Send, settings: Settings, switch: Any) -> None:
        self.begun.append(errand.id)
        if errand.port == "elsewhere":
            raise problems.RemoteError("not here")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Probes:
    made = Probes()
    monkeypatch.setattr(probes, "watch", made.watch)
    monkeypatch.setattr(probes, "send", made.send)
    return made


class Unwatched:
    """Stands for monitors on a machine where there are none."""

    async def standing(self, known: Any) -> Any:
        await asyncio.sleep(3600)


@contextlib.asynccontextmanager
async def agent(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    transport = httpx2.MockTransport(manager)
    async with httpx2.AsyncClient(transport=transport, base_url="https://manager") as http:
        task = asyncio.create_task(Errands(http, SETTINGS, None, Unwatched()).run())  # type: ignore[arg-type]
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(fact: Any) -> None:
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_errand_is_begun_once_and_given_up_when_it_is_gone(done: Probes) -> None:
    manager = Manager()
    async with agent(manager):
        manager.want(watch("one"))
        await until(lambda: done.going == {"one"})
        manager.want(watch("one"), watch("two"))
        await until(lambda: done.going == {"one", "two"})
        manager.want(watch("two"))
        await until(lambda: done.going == {"two"})

    assert done.begun == ["one", "two"]
    assert done.going == set()


async def test_manager_hears_what_became_of_an_errand(done: Probes) -> None:
    manager = Manager()
    async with agent(manager):
        manager.want(Send(id="here", port="vif", frame=b""), Send(id="not", port="elsewhere", frame=b""))
        await until(lambda: len(manager.reports) == 2)

    assert {report.errand: report.state for report in manager.reports} == {"here": "done", "not": "failed"}
    assert next(report.problem for report in manager.reports if report.errand == "not") == "not here"


async def test_question_names_the_agenda_that_is_known(done: Probes) -> None:
    manager = Manager()
    async with agent(manager):
        manager.want()
        await until(lambda: len(manager.questions) == 2)

    assert manager.questions == ["", "1"]


async def test_everything_is_given_up_when_the_manager_is_gone(done: Probes) -> None:
    manager = Manager()
    async with agent(manager) as task:
        manager.want(watch("one"))
        await until(lambda: done.going == {"one"})
        manager.away = True
        manager.want()
        with pytest.raises(problems.RemoteError):
            await task
        await until(lambda: not done.going)


async def test_no_more_is_begun_than_may_go_on_at_once(done: Probes) -> None:
    manager = Manager()
    async with agent(manager):
        manager.want(*(watch(str(number)) for number in range(errands.AT_ONCE + 5)))
        await until(lambda: len(done.going) == errands.AT_ONCE)
        await asyncio.sleep(0.05)

        assert len(done.begun) == errands.AT_ONCE
