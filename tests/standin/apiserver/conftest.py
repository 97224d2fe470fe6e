"""The stand-in API server on a real ovsdb-server: in process for semantics, behind TLS for watches and real clients."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import store_server, support
from trunkline.adapters import store
from trunkline.standin.apiserver import api, app, main, settings, users

Json = dict[str, Any]


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The remote of a running ovsdb-server with a Trunkline database; one for all tests, emptied by `empty_store`."""
    with store_server.running("apiserver") as server:
        yield server.remote


@contextlib.asynccontextmanager
async def emptied(remote: str) -> AsyncIterator[store.Store]:
    """The store without a document."""
    async with store.Store(remote, role="apiserver", holder="tests") as opened:
        documents = opened.list("")
        if documents:
            await opened.commit(*(store.Delete(document.path) for document in documents))
        yield opened


POOL_SCHEMA: Json = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["cidr"],
            "properties": {
                "cidr": {"type": "string", "pattern": r"^[0-9./]+$"},
                "vlan": {"type": "integer", "minimum": 0, "maximum": 4094, "default": 0},
                "mode": {"type": "string", "enum": ["vlan", "overlay"]},
                "size": {"x-kubernetes-int-or-string": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"used": {"type": "integer"}, "replicas": {"type": "integer"}}},
    },
}


class Manifests:
    """Small objects for tests to start from."""

    @staticmethod
    def pod(name: str = "web-0", **spec: Any) -> Json:
        containers = [{"name": "web", "image": "trunkline/echo:1", "ports": [{"containerPort": 8080}]}]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"containers": containers, **spec},
        }

    @staticmethod
    def config_map(name: str = "settings", **data: str) -> Json:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}

    @staticmethod
    def deployment(name: str = "web", **spec: Any) -> Json:
        template = {"metadata": {"labels": {"app": "web"}}, "spec": Manifests.pod()["spec"]}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
        }

    @staticmethod
    def service(name: str = "web", **spec: Any) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec},
        }

    @staticmethod
    def node(name: str = "n1") -> Json:
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}

    @staticmethod
    def definition(**changes: Any) -> Json:
        """A definition of Pool with the versions v1alpha1 and v1 (kept), a status and printer columns."""
        version = {
            "served": True,
            "schema": {"openAPIV3Schema": POOL_SCHEMA},
            "subresources": {"status": {}},
            "additionalPrinterColumns": [
                {"name": "VLAN", "type": "integer", "jsonPath": ".spec.vlan"},
                {"name": "Used", "type": "integer", "jsonPath": ".status.used", "priority": 1},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            ],
        }
        versions = [{**version, "name": "v1alpha1", "storage": False}, {**version, "name": "v1", "storage": True}]
        names = {"plural": "pools", "kind": "Pool", "shortNames": ["pl"], "categories": ["nets"]}
        spec = {"group": "example.org", "scope": "Cluster", "names": names, "versions": versions, **changes}
        made = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "pools.example.org"},
            "spec": spec,
        }
        return copy.deepcopy(made)

    @staticmethod
    def pool(name: str = "blue", version: str = "v1", **spec: Any) -> Json:
        spec = {"cidr": "172.16.19.0/24", **spec}
        return {"apiVersion": f"example.org/{version}", "kind": "Pool", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="session")
def manifests() -> type[Manifests]:
    return Manifests


class Client:
    """Speaks to the application in process, as one user, and checks nothing by itself."""

    def __init__(self, served: api.Api, user: users.User | None) -> None:
        self.api = served
        application = app.App(served)

        async def with_user(scope: Any, receive: Any, send: Any) -> None:
            await application({**scope, "state": {"user": user}}, receive, send)

        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=with_user), base_url="https://apiserver")

    def user(self, name: str, *groups: str) -> Client:
        """The same server, as somebody else."""
        return Client(self.api, users.User(name, groups))

    def nobody(self) -> Client:
        """The same server, without a certificate."""
        return Client(self.api, None)

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        headers = {"accept": "application/json", **options.pop("headers", {})}
        if body is not None and not isinstance(body, bytes):
            body = msgspec.json.encode(body)
        if body is not None:
            headers.setdefault("content-type", "application/json")
        return await self._http.request(method, path, content=body, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Json:
        """The object at `path`; the request must succeed."""
        return await self.ok("GET", path, None, **options)

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        """The answer to a request that must succeed."""
        response = await self.send(method, path, body, **options)
        assert response.status_code < 300, response.text
        return response.json()

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        """The Status that answers a request which must fail."""
        response = await self.send(method, path, body, **options)
        answer: Json = response.json()
        assert answer["kind"] == "Status", answer
        assert answer["code"] == response.status_code >= 400
        assert answer["status"] == "Failure"
        return answer

    @staticmethod
    def patch_type(kind: str) -> dict[str, str]:
        """The header that names a patch language."""
        word = "strategic-merge" if kind == "strategic" else kind
        return {"content-type": f"application/{word}-patch+{'yaml' if kind == 'apply' else 'json'}"}

    @staticmethod
    async def eventually(check: Any, timeout_s: float = 10.0) -> Any:
        """What the async `check` answers once that is true; fails when it never is."""
        async with asyncio.timeout(timeout_s):
            while not (found := await check()):  # noqa: ASYNC110 - the server has no event for a test to wait on
                await asyncio.sleep(0.01)
        return found

    async def gone(self, path: str) -> None:
        """Wait until there is no object at `path`."""

        async def check() -> bool:
            return (await self.send("GET", path)).status_code == 404

        await self.eventually(check)

    async def patch(self, path: str, patch: Any, kind: str = "merge", **options: Any) -> Json:
        """The object after a patch of the kind merge, json or strategic; the request must succeed."""
        return await self.ok("PATCH", path, patch, headers=self.patch_type(kind), **options)


@pytest.fixture
async def client(database: str) -> AsyncIterator[Client]:
    """An administrator's client of a fresh server with its housekeeping running."""
    async with emptied(database) as opened, housekept(opened) as served:
        yield Client(served, users.User("admin", (users.MASTERS,)))


@contextlib.asynccontextmanager
async def housekept(opened: store.Store, **options: Any) -> AsyncIterator[api.Api]:
    served = api.Api(opened, **{"service_cidr": "10.96.0.0/24", **options})
    await served.prepare()
    tasks = [asyncio.create_task(served.hub.run())]
    tasks += [asyncio.create_task(main.janitors.run(each, served.hub)) for each in served.janitors()]
    yield served
    served.hub.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await served.hooks.close()


class Authority:
    """A certificate authority for one test run."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._certificate = self._build(self._name, self._key, ca=True)
        self.path = home / "ca.crt"
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *groups: str) -> tuple[Path, Path]:
        """Certificate and key files for `name`; good for server and client on the loopback address."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._build(subject, key)
        files = self.home / f"{name}.crt", self.home / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(encoding, kind, plain))
        return files

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool = False) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    with support.short_home("authority") as home:
        yield Authority(home)


class Running:
    """A served API server: its URL, and how to reach it as somebody."""

    def __init__(self, authority: Authority, port: int, home: Path, task: asyncio.Task[None]) -> None:
        self.authority = authority
        self.task = task
        self.url = f"https://127.0.0.1:{port}"
        self._home = home

    def kubeconfig(self, name: str = "admin", *groups: str) -> Path:
        """A kubeconfig file for a user."""
        certificate, key = self.authority.issue(name, *(groups or (users.MASTERS,)))
        path = self._home / f"{name}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "lab", "cluster": {"server": self.url, "certificate-authority": str(self.authority.path)}}
            ],
            "users": [{"name": name, "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": name, "namespace": "default"}}],
            "current-context": "lab",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def http(self, name: str = "admin", *groups: str) -> httpx2.AsyncClient:
        """An HTTPS client for a user."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if name:
            context.load_cert_chain(*self.authority.issue(name, *(groups or (users.MASTERS,))))
        return httpx2.AsyncClient(base_url=self.url, verify=context, timeout=20)


@pytest.fixture
async def running(database: str, authority: Authority, tmp_path: Path) -> AsyncIterator[Running]:
    """The whole program, serving on an inherited socket."""
    async with emptied(database):
        pass
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    certificate, key = authority.issue("kube-apiserver")
    tls = settings.Tls(certificate=str(certificate), key=str(key), client_ca=str(authority.path))
    config = settings.Settings(store=database, tls=tls)
    task = asyncio.create_task(main.run(config, listen_fds=[listener.detach()]))
    served = Running(authority, port, tmp_path, task)
    async with served.http() as http:
        while True:
            assert not task.done(), task
            with contextlib.suppress(httpx2.TransportError):
                await http.get("/readyz", timeout=5)
                break
    yield served
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
