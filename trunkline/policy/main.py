"""The policy manager as a program: opens the store, serves, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from trunkline.adapters import store as documents
from trunkline.policy import app, collector, serving
from trunkline.policy.agendas import Agendas
from trunkline.policy.audit import Audit
from trunkline.policy.headstart import HeadStart
from trunkline.policy.identity import keys, passwords
from trunkline.policy.identity.accounts import Accounts, User
from trunkline.policy.identity.chassis import Chassis
from trunkline.policy.identity.gate import Gate
from trunkline.policy.identity.tokens import Tokens
from trunkline.policy.manager import Manager
from trunkline.policy.realise import lasting
from trunkline.policy.settings import Issuer, Settings

_log = structlog.get_logger(__name__)


async def run(settings: Settings, *, sockets: list[socket.socket] | None = None) -> None:
    """Serve until cancelled; then let requests under way finish and close the store.

    `sockets` are listening sockets that the caller made; without them the settings' address is listened on.
    Raises:
        IntentError: the address cannot be listened on.
        RemoteError: the store cannot be reached, or another manager has taken over (`Fenced`): what this one would answer
            from then on grows old.
    """
    home = Path(settings.state_dir)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = sockets or [serving.listening(settings.listen)]
    with collector.settled() as collecting:
        head, agendas = HeadStart(settings), Agendas()
        store = documents.Store(
            settings.store, role="policy", holder=settings.holder, arriving=head.arrive, claims_later=True
        )
        async with lasting.realising(store, settings, agendas, head.intake) as realiser, store:
            head.end()
            await store.lead()
            accounts = Accounts(store)
            await first_user(accounts, settings.admin_password_file)
            audit = Audit(home / "audit.log")
            try:
                gate = Gate(
                    accounts,
                    session_timeout=settings.session_timeout,
                    lockout=settings.lockout,
                    tokens=tokens_of(settings.tokens) if settings.tokens else None,
                    chassis=Chassis(settings.hypervisor_ca),
                )
                manager = Manager(store, settings, gate, audit, realiser, agendas, head.tree)
                await manager.prepare()
                collecting.begin()
                serve = asyncio.create_task(_serve(manager, accounts, settings, listening))
                await _until(serve, store.overtaken())
            finally:
                audit.close()


async def first_user(accounts: Accounts, password_file: str) -> None:
    """Make the user `admin` if there is no user yet; tell the generated password once, to the file or to stdout."""
    if accounts.users():
        return
    password = passwords.generate()
    if password_file:
        with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{password}\n")
    else:
        print(f"The password of user admin is {password} (it is not shown again).", flush=True)
    hashed = await passwords.hashed_aside(password)
    await accounts.save_user(User(name="admin", roles=("enterprise_admin",), password=hashed), new=True)


def tokens_of(issuer: Issuer) -> Tokens:
    """What believes an issuer's tokens."""
    source = keys.Source(issuer.keys, issuer.authority, issuer.keys_lifetime, time.monotonic)
    return Tokens(issuer, source, time.time)


async def _until(serve: asyncio.Task[None], overtaken: Coroutine[Any, Any, documents.Fenced]) -> None:
    """Wait until serving ends; end it when another manager has taken over.

    Raises:
        Fenced: one has.
    """
    fence = asyncio.create_task(overtaken)
    try:
        await asyncio.wait({serve, fence}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        serve.cancel()
        fence.cancel()
        await asyncio.wait({serve, fence})
    if not fence.cancelled():
        raise fence.result()
    if not serve.cancelled():
        serve.result()


async def _serve(manager: Manager, accounts: Accounts, settings: Settings, listening: list[socket.socket]) -> None:
    host = settings.listen.rpartition(":")[0].strip("[]")
    context = serving.context(Path(settings.state_dir), [*settings.names, *([host] if host else [])])
    trust = _truster(context)
    for principal in accounts.principals():
        trust(principal.certificate)
    if settings.hypervisor_ca:
        context.load_verify_locations(cafile=settings.hypervisor_ca)
    server = serving.server(app.application(manager, trust), context)
    aside = [
        asyncio.create_task(each)
        for each in (manager.repository.follow(), manager.repository.settle(), manager.expire(), manager.meet())
    ]
    serve = asyncio.create_task(server.serve(sockets=listening))
    _log.info("serving", addresses=[each.getsockname() for each in listening])
    try:
        await asyncio.shield(serve)
    finally:
        server.should_exit = True
        await manager.close()
        await serve
        for task in aside:
            task.cancel()


def _truster(context: ssl.SSLContext) -> Callable[[str], None]:
    return lambda certificate: context.load_verify_locations(cadata=certificate)
