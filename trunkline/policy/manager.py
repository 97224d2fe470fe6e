"""The manager: what every request needs, in one place, without a word of HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping

import msgspec
import structlog

from trunkline.adapters import store as documents
from trunkline.dialects.nsx import (
    catalogue,
    change,
    compose,
    errors,
    realized,
    routing,
    seeds,
    statistics,
    tables,
    unheeded,
)
from trunkline.dialects.nsx.realized import Realisation, Realiser
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Body, Entry
from trunkline.kit import clock, problems
from trunkline.policy import audit
from trunkline.policy.addresses import Addresses
from trunkline.policy.agendas import Agendas
from trunkline.policy.identity.callers import Caller, Grant
from trunkline.policy.identity.gate import Gate
from trunkline.policy.repository import Repository
from trunkline.policy.settings import Service, Settings
from trunkline.policy.tracing.traces import Traces

_CONFIGURATION = "policy/configuration"
_MEETING = 2.0
"""Seconds between looks for hypervisors that may serve gateways (chosen)."""

_log = structlog.get_logger(__name__)


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What clients may switch, and who this manager is (`owner_id` of everything it makes)."""

    owner_id: str
    enable_partial_patch: bool = False
    service: Service | None = None
    """How the API is served, where that was changed; None: as the settings say."""


class Manager:
    """One open manager; `realiser` knows what the network does about the objects, `agendas` go to hypervisors.

    `tree` is what was made of the objects while the store was being opened.
    """

    def __init__(
        self,
        store: documents.Store,
        settings: Settings,
        gate: Gate,
        log: audit.Audit,
        realiser: Realiser,
        agendas: Agendas | None = None,
        tree: Tree | None = None,
    ) -> None:
        self._store = store
        self.settings, self.gate, self.audit = settings, gate, log
        self._realiser = realiser
        self.repository = Repository(store, tree)
        self.agendas = agendas or Agendas()
        self.traces = Traces(store, settings, self.repository.tree, self.agendas)

    async def lead(self) -> None:
        """Take over from every earlier manager on this store: they can write no more."""
        await self._store.lead()

    async def prepare(self) -> None:
        """Make what every manager has, if it is not there; a restart writes nothing."""
        if self._store.get(_CONFIGURATION) is None:
            await self.configure(Configuration(owner_id=str(uuid.uuid4())))
        system = Caller(name="system", grants=())
        self.gate.serve(self.service)
        steps = seeds.steps(self.repository.tree, self.settings.edge_clusters)
        await self.repository.commit(lambda tree: change.plan(tree, steps, self._stamp(system), new_id=_new_id))
        await self._know(self.settings.gateways)

    @property
    def configuration(self) -> Configuration:
        """The stored configuration."""
        found = self._store.get(_CONFIGURATION)
        assert found is not None, "prepare() makes it"
        return msgspec.json.decode(found.body, type=Configuration)

    @property
    def service(self) -> Service:
        """How the API is served at present."""
        settings = self.settings
        begin = Service(session_timeout=settings.session_timeout, limits=settings.limits)
        return self.configuration.service or begin

    @property
    def revision(self) -> int:
        """The store's revision: it moves with every write."""
        return self._store.revision

    async def configure(self, wanted: Configuration) -> None:
        """Store another configuration."""
        await self._store.commit(documents.Put(_CONFIGURATION, "PolicyConfiguration", msgspec.json.encode(wanted)))
        self.gate.serve(self.service)

    async def change(
        self, caller: Caller, deed: str, steps: Iterable[change.Step], *, overwrite: bool = False
    ) -> change.Plan:
        """Carry out the steps as the caller, all or none, and put it on record (a refusal is recorded where it is answered).

        Raises:
            Refused: any step cannot be done; nothing happened.
        """
        steps = tuple(steps)
        guard = change.Guard(
            permits=lambda target: caller.must("act" if target.resource.diagnostic else "write", target.path),
            owns=lambda entry: _owned(caller, entry, overwrite),
            sees=caller.must_see,
        )
        planned = await self.repository.commit(
            lambda tree: change.plan(tree, steps, self._stamp(caller), new_id=_new_id, guard=guard)
        )
        self.record(caller, deed, 200, changes=audit.changes(planned))
        self.traces.follow(steps, planned)
        return planned

    async def meet(self) -> None:
        """Make edge nodes of the hypervisors that may serve gateways, as they appear, for ever; none is forgotten."""
        while True:
            try:
                await self._know(self._realiser.edges())
            except problems.TrunklineError as error:
                _log.warning("edge nodes could not be stored", error=str(error), again_after=_MEETING)
            await asyncio.sleep(_MEETING)

    async def _know(self, edges: Mapping[str, Iterable[str]]) -> None:
        if steps := seeds.edges(self.repository.tree, edges):
            system = self._stamp(Caller(name="system", grants=()))
            await self.repository.commit(lambda tree: change.plan(tree, steps, system, new_id=_new_id))

    async def expire(self) -> None:
        """Erase what is no longer wanted, for ever."""
        system = Caller(name="system", grants=(Grant("enterprise_admin"),))
        await self.traces.expire(lambda path: self.change(system, f"expiry of {path}", [change.Erase(path=path)]))

    async def close(self) -> None:
        """Let nobody wait for news any more, and end what goes on."""
        self.agendas.close()
        await self.traces.close()

    def record(self, caller: Caller, deed: str, status: int, **facts: object) -> None:
        """Put a deed on record."""
        self.audit.write(
            user=caller.name, address=caller.address, proof=caller.proof, deed=deed, status=status, **facts
        )

    def record_refusal(self, caller: Caller | None, address: str, deed: str, error: errors.Refused) -> None:
        """Put on record what somebody, or nobody known, was refused."""
        user, proof = (caller.name, caller.proof) if caller else ("", "none")
        facts = {"error": str(error)} | ({"why": error.why} if error.why else {})
        self.audit.write(user=user, address=address, proof=proof, deed=deed, status=error.status, **facts)

    def entry(self, caller: Caller, path: str) -> Entry:
        """The stored object at a path.

        Raises:
            Refused: the caller may not read there, or there is none.
        """
        caller.must("read", path)
        entry = self.repository.tree.entry(path)
        if entry is None:
            raise errors.not_found(path)
        return entry

    def read(self, caller: Caller, path: str) -> Body | msgspec.Raw:
        """The object at a path as this caller sees it, with what is worked out when it is read.

        Raises:
            Refused: the caller may not read there, or there is none.
        """
        entry = self.entry(caller, path)
        found = shown(entry, caller)
        if (show := catalogue.BY_TYPE[entry.kind].rules.show) is None:
            return found
        return {**msgspec.json.decode(msgspec.json.encode(found)), **show(path, self.repository.tree)}

    def realisation(self, entry: Entry) -> Realisation:
        """What the network does about an object."""
        found = realized.themselves(entry) or self._realiser.realisation(entry.path, entry.body["_revision"])
        return realized.remarked(found or realized.UNKNOWN, unheeded.remarks(entry))

    def statistics(self, entry: Entry) -> Body:
        """What passed a segment, a port or a binding map."""
        ports = self.repository.tree.members(f"{entry.path}/ports") if entry.kind == "Segment" else [entry.path]
        counted = [each for path in sorted(ports) for each in self._realiser.counted(path)]
        return statistics.of(entry, counted, int(clock.now().timestamp() * 1000))

    def addresses(self) -> Addresses:
        """Which addresses are behind segment ports, for one request."""
        return Addresses(self.repository.tree, self._realiser, int(clock.now().timestamp() * 1000))

    async def table(self, entry: Entry, operation: str) -> Body:
        """A table of a segment, a port or a gateway.

        Raises:
            RemoteError: the network does not answer.
        """
        if operation in routing.WORDS:
            above = operation == "advertised-networks"
            router = entry.body.get("tier0_path", "") if above else entry.path
            return routing.answer(entry, operation, await self._realiser.routed(router) if router else ())
        wire = await self._realiser.wire(entry.path.partition("/ports/")[0])
        return tables.answer(entry, operation, wire, int(clock.now().timestamp() * 1000))

    def _stamp(self, caller: Caller) -> compose.Stamp:
        now_ms = int(clock.now().timestamp() * 1000)
        owner = self.configuration.owner_id
        return compose.Stamp(user=caller.name, now_ms=now_ms, owner_id=owner, protects=caller.protects)


def shown(entry: Entry, caller: Caller) -> Body | msgspec.Raw:
    """The object as this caller sees it: only `_protection` depends on who asks."""
    if b'"_protection":"PROTECTED"' not in entry.raw:
        return msgspec.Raw(entry.raw)
    body = entry.body
    if body["_protection"] == "PROTECTED":
        if _owns(caller, body):
            body["_protection"] = "NOT_PROTECTED"
        elif caller.may("administer"):
            body["_protection"] = "REQUIRE_OVERRIDE"
    return body


def _owns(caller: Caller, body: Body) -> bool:
    # A local user who happens to have the name of a protected principal identity is not that identity.
    return caller.protects and body["_create_user"] == caller.name


def _owned(caller: Caller, entry: Entry, overwrite: bool) -> None:
    if b'"_protection":"PROTECTED"' not in entry.raw:
        return
    body = entry.body
    if body["_protection"] != "PROTECTED" or _owns(caller, body):
        return
    if not (overwrite and caller.may("administer")):
        raise errors.not_owned(caller.name, caller.role, entry.kind, body["_create_user"])


def _new_id() -> str:
    return str(uuid.uuid4())
