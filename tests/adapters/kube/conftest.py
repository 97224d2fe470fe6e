"""A tiny API server whose misbehaviour a test can order: forgotten versions, cut watches, refusals.

It serves pods of all namespaces and nothing else; everything a well-behaved server does is tested against the stand-in.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json

import pytest
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from trunkline.adapters.kube import Kube


class UnrulyServer:
    """Pods in memory; `events` is the history that watches are served from, `floor` the oldest version remembered."""

    def __init__(self) -> None:
        self.pods: dict[str, dict] = {}
        self.events: list[tuple[int, str, dict]] = []
        self.floor = 0
        self.lists = self.watches = 0
        self.refusal: JSONResponse | None = None
        self.cuts = self.streams = 0
        self.bodies: list[dict] = []
        self._version = itertools.count(1)
        self._last = 0
        self._changed = asyncio.Condition()

    async def put(self, name: str, **fields: object) -> dict:
        known = self.pods.get(name)
        uid = known["metadata"]["uid"] if known else f"uid-{next(self._version)}"
        pod = {"metadata": {"name": name, "namespace": "shop", "uid": uid}, **fields}
        self.pods[name] = pod
        await self._note("MODIFIED" if known else "ADDED", pod)
        return pod

    async def drop(self, name: str) -> None:
        await self._note("DELETED", self.pods.pop(name))

    async def bookmark(self) -> None:
        await self._note("BOOKMARK", {"kind": "Pod", "metadata": {}})

    async def cut(self) -> None:
        """Break the running watch in the middle of a line, as soon as there is one; return when it is broken."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.streams)
            self.cuts += 1
            self._changed.notify_all()
            await self._changed.wait_for(lambda: not self.streams)

    async def _note(self, kind: str, pod: dict) -> None:
        async with self._changed:
            self._last = next(self._version)
            pod["metadata"]["resourceVersion"] = str(self._last)
            self.events.append((self._last, kind, json.loads(json.dumps(pod))))
            self._changed.notify_all()

    async def serve_pods(self, request: Request) -> Response:
        if self.refusal is not None:
            return self.refusal
        if "watch" not in request.query_params:
            self.lists += 1
            items = list(self.pods.values())
            return JSONResponse({"kind": "PodList", "metadata": {"resourceVersion": str(self._last)}, "items": items})
        self.watches += 1
        since = int(request.query_params["resourceVersion"])
        return StreamingResponse(self._stream(since), media_type="application/json")

    async def _stream(self, since: int):
        await self._count_streams(+1)
        try:
            async for line in self._lines(since):
                yield line
        finally:
            await self._count_streams(-1)

    async def _count_streams(self, step: int) -> None:
        async with self._changed:
            self.streams += step
            self._changed.notify_all()

    async def _lines(self, since: int):
        cuts = self.cuts
        if since < self.floor:
            status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            yield json.dumps({"type": "ERROR", "object": status}) + "\n"
            return
        while True:
            async with self._changed:
                while self._last <= since and self.cuts == cuts:
                    await self._changed.wait()
            for version, kind, pod in self.events:
                if version > since:
                    yield json.dumps({"type": kind, "object": pod}) + "\n"
            since = self._last
            if self.cuts > cuts:
                yield '{"type": "ADDED", "obj'
                raise ConnectionResetError

    async def take(self, request: Request) -> Response:
        self.bodies.append({"method": request.method, "path": request.url.path, "body": await request.json()})
        return self.refusal or JSONResponse({"metadata": {}})

    def app(self) -> Starlette:
        verbs = ["POST", "PATCH", "PUT", "DELETE"]
        routes = [Route("/api/v1/pods", self.serve_pods), Route("/{rest:path}", self.take, methods=verbs)]
        return Starlette(routes=routes)


@pytest.fixture
async def server():
    return UnrulyServer()


@pytest.fixture
async def kube(server, tmp_path):
    config = uvicorn.Config(server.app(), port=0, log_level="critical", lifespan="off")
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110 - uvicorn has nothing to wait for
        await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_for(f"http://127.0.0.1:{port}")))
    async with Kube.connect(kubeconfig, field_manager="tests") as client:
        yield client
    running.should_exit = running.force_exit = True
    with contextlib.suppress(asyncio.CancelledError):
        await task


def kubeconfig_for(url: str) -> dict:
    return {
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": url}}],
        "users": [{"name": "lab", "user": {}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
    }
