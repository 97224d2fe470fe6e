"""What the policy manager wants of this hypervisor: its agenda is asked for again and again, and followed.

The agent connects out, with the certificate that makes the machine an OVN chassis; nobody connects to it.  An agenda is the
whole of what is wanted: what is new on it is begun, what is no longer on it is given up.  So either side may be restarted at
any time, and an agent without a manager only waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import httpx2
import msgspec
import structlog

from trunkline.adapters import nsx
from trunkline.adapters.ovs.switch import Switch
from trunkline.agent import localnets, probes
from trunkline.agent.monitoring import Monitoring
from trunkline.agent.settings import Manager, Settings
from trunkline.kit import problems
from trunkline.trace.errands import Agenda, Errand, Recompute, Report, Send, Watch

UNREACHABLE = problems.register("TRK-0691", "The policy manager does not answer a hypervisor.")

AT_ONCE = 32
"""How many errands may go on at the same time; chosen: twice what a manager asks for."""

_WAIT = 25
"""Seconds that the manager may keep a question until there is news."""
_TIMEOUT = httpx2.Timeout(10.0, read=_WAIT + 10.0)
_PAUSE = 1.0
_TRIES = 5  # for one report; after that the manager has given the errand up

_log = structlog.get_logger(__name__)


async def run(settings: Settings, manager: Manager, switch: Switch, monitoring: Monitoring) -> None:
    """Do errands for ever; while the manager is away, wait for it."""
    said = ""
    while True:
        try:
            # Anew each time: certificates are replaced in their files, and the manager's may not be there yet.
            async with _client(settings, manager) as http:
                await Errands(http, settings, switch, monitoring).run()
        except problems.TrunklineError as error:
            if str(error) != said:
                _log.warning("the policy manager is away", error=str(error))
            said = str(error)
        await asyncio.sleep(_PAUSE)


def _client(settings: Settings, manager: Manager) -> httpx2.AsyncClient:
    own = (settings.tls.certificate, settings.tls.private_key) if settings.tls else ("", "")
    certificate, key = (manager.certificate, manager.key) if manager.certificate else own
    return httpx2.AsyncClient(
        base_url=f"{manager.url}/policy/trunkline/v1/hypervisors/{settings.node}",
        verify=nsx.tls_context(manager.ca, certificate, key),
        timeout=_TIMEOUT,
        trust_env=False,
    )


class Errands:
    """One connection's life."""

    def __init__(self, http: httpx2.AsyncClient, settings: Settings, switch: Switch, monitoring: Monitoring) -> None:
        self._http, self._settings, self._switch, self._monitoring = http, settings, switch, monitoring
        self._begun: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow the agenda until the manager is gone.

        Raises:
            RemoteError: it does not answer, or not as it should.
        """
        known = ""
        telling = asyncio.create_task(self._tell_standing())
        try:
            while True:
                agenda = await self._agenda(known)
                known = agenda.revision
                self._follow(agenda.errands)
                if agenda.monitors is not None:
                    self._monitoring.want(agenda.monitors)
        finally:
            telling.cancel()
            self._follow(())

    async def _agenda(self, known: str) -> Agenda:
        body = await self._call("GET", "tasks", params={"known": known, "wait": str(_WAIT)})
        try:
            return msgspec.json.decode(body, type=Agenda)
        except msgspec.DecodeError as error:
            raise _away(f"an agenda that cannot be read: {error}") from error

    def _follow(self, errands: Iterable[Errand]) -> None:
        wanted = {errand.id: errand for errand in errands}
        for name in [name for name in self._begun if name not in wanted]:
            self._begun.pop(name).cancel()
        for name, errand in wanted.items():
            if name not in self._begun and len(self._begun) < AT_ONCE:
                self._begun[name] = asyncio.create_task(self._do(errand))

    async def _do(self, errand: Errand) -> None:
        try:
            match errand:
                case Watch():
                    await probes.watch(errand, self._switch, self._tell)
                case Send():
                    await probes.send(errand, self._settings, self._switch)
                case Recompute():
                    await localnets.look_again(self._switch)
            await self._tell(Report(errand=errand.id, state="done"))
        except (problems.RemoteError, OSError) as error:
            _log.warning("an errand cannot be done", errand=errand.id, error=str(error))
            await self._tell(Report(errand=errand.id, state="failed", problem=str(error)))

    async def _tell_standing(self) -> None:
        """Tell how far the monitors are, whenever that is another than before."""
        told = None
        while True:
            standing = await self._monitoring.standing(told)
            try:
                await self._call("POST", "standing", content=msgspec.json.encode(standing))
                told = standing
            except problems.RemoteError:
                await asyncio.sleep(_PAUSE)  # should the manager be gone, the agenda will say so

    async def _tell(self, report: Report) -> None:
        for _ in range(_TRIES):
            try:
                await self._call("POST", "reports", content=msgspec.json.encode(report))
                return
            except problems.RemoteError as error:
                _log.warning("a report is late", errand=report.errand, error=str(error))
                await asyncio.sleep(_PAUSE)

    async def _call(self, method: str, path: str, **more: object) -> bytes:
        try:
            response = await self._http.request(method, path, **more)  # type: ignore[arg-type]
        except httpx2.HTTPError as error:
            raise _away(f"{error.__class__.__name__}: {error}") from error
        if response.status_code != 200:
            raise _away(f"status {response.status_code}: {response.text[:200]}")
        return response.content


def _away(found: str) -> problems.RemoteError:
    return problems.RemoteError(problems=[problems.Problem(code=UNREACHABLE, object="policy manager", found=found)])
