"""The agent's socket: who may open it, how much it takes, which calls wait for which."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trunkline.agent import server, spec
from trunkline.agent.phases import Phases


class Slow:
    """Remembers the order of things; an ADD takes until `proceed`, and one that is given up until `tidy`."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.proceed, self.tidy = asyncio.Event(), asyncio.Event()
        self.tidy.set()

    async def handle(self, request: spec.Request, phases: Phases) -> bytes:
        name = f"{request.command} {request.key.container}"
        self.log.append(f"begin {name}")
        try:
            if request.command == "ADD":
                await self._add(name)
            if request.key.container == "broken":
                raise RuntimeError("a bug")
        finally:
            self.log.append(f"end {name}")
        return name.encode()

    async def _add(self, name: str) -> None:
        try:
            await self.proceed.wait()
        except asyncio.CancelledError:
            self.log.append(f"tidy {name}")
            await self.tidy.wait()
            self.log.append(f"tidied {name}")
            raise

    async def logged(self, *entries: str) -> None:
        """Return when these things have happened."""
        async with asyncio.timeout(10):
            while not {*entries} <= {*self.log}:  # noqa: ASYNC110 - a test may poll
                await asyncio.sleep(0.001)


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[tuple[Slow, Path]]:
    handler, path = Slow(), tmp_path / "run" / "cni.sock"
    serving = server.Server(path, handler)
    await serving.start()
    yield handler, path
    await serving.stop()


async def send(path: Path, data: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    writer.write_eof()
    header, _, body = (await reader.read(-1)).partition(b"\n")
    writer.close()
    code, length = header.split()
    assert int(length) == len(body)
    return int(code), body


def framed(command: str, container: str = "c1", configuration: bytes = b"") -> bytes:
    variables = {"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": "eth0", "CNI_NETNS": "/x"}
    body = configuration or json.dumps({"cniVersion": "1.1.0", "name": "trunkline"}).encode()
    return "".join(f"{key}={value}\0" for key, value in variables.items()).encode() + b"\0" + body


async def test_only_root_may_open_it_and_a_stale_one_is_replaced(slow: tuple[Slow, Path], tmp_path: Path) -> None:
    handler, path = slow
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = server.Server(path, handler)
    await again.start()
    assert await send(path, framed("DEL")) == (0, b"DEL c1")
    await again.stop()


async def test_different_containers_do_not_wait_for_each_other_and_one_container_does(slow: tuple[Slow, Path]) -> None:
    handler, path = slow
    calls = [asyncio.create_task(send(path, framed("ADD", name))) for name in ("c1", "c2")]
    await handler.logged("begin ADD c1", "begin ADD c2")
    check = asyncio.create_task(send(path, framed("CHECK", "c1")))
    await asyncio.sleep(0.05)
    assert sorted(handler.log) == ["begin ADD c1", "begin ADD c2"]
    handler.proceed.set()
    assert {answer for _code, answer in await asyncio.gather(*calls, check)} == {b"ADD c1", b"ADD c2", b"CHECK c1"}
    assert handler.log.index("end ADD c1") < handler.log.index("begin CHECK c1")


async def test_a_del_ends_the_add_of_its_container_and_no_other(slow: tuple[Slow, Path]) -> None:
    handler, path = slow
    one, other = (asyncio.create_task(send(path, framed("ADD", name))) for name in ("c1", "c2"))
    await handler.logged("begin ADD c1", "begin ADD c2")
    assert await send(path, framed("DEL", "c1")) == (0, b"DEL c1")
    code, answer = await one
    assert (code, json.loads(answer)["code"]) == (1, 11)
    assert not other.done()
    handler.proceed.set()
    assert await other == (0, b"ADD c2")


async def test_what_an_add_takes_away_again_is_not_cut_off_by_a_second_del(slow: tuple[Slow, Path]) -> None:
    handler, path = slow
    handler.tidy.clear()
    add = asyncio.create_task(send(path, framed("ADD")))
    await handler.logged("begin ADD c1")
    dels = [asyncio.create_task(send(path, framed("DEL")))]
    await handler.logged("tidy ADD c1")
    dels.append(asyncio.create_task(send(path, framed("DEL"))))
    await asyncio.sleep(0.05)  # nothing must come of it
    assert "begin DEL c1" not in handler.log
    handler.tidy.set()
    assert await asyncio.gather(*dels) == [(0, b"DEL c1")] * 2
    assert (await add)[0] == 1
    assert handler.log.index("tidied ADD c1") < handler.log.index("begin DEL c1")


async def test_a_bug_is_an_error_object_and_the_next_call_is_served(slow: tuple[Slow, Path]) -> None:
    _handler, path = slow
    code, answer = await send(path, framed("DEL", "broken"))
    assert (code, json.loads(answer)["code"]) == (1, spec.BUG)
    assert await send(path, framed("DEL", "c1")) == (0, b"DEL c1")


async def test_a_request_without_bounds_is_refused(slow: tuple[Slow, Path]) -> None:
    handler, path = slow
    code, answer = await send(path, framed("ADD", configuration=b"x" * server.REQUEST_LIMIT))
    assert (code, json.loads(answer)["code"]) == (1, spec.INVALID_CONFIG)
    assert not handler.log
