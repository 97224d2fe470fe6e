"""A writer at work on a real northbound database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from trunkline.adapters import ovsdb
from trunkline.sync.northbound import Northbound

Writing = Callable[..., AbstractAsyncContextManager[Northbound]]


class CountingClient(ovsdb.Client):
    """A client that remembers the transactions it was asked for."""

    transactions: list[list[ovsdb.Operation]]

    async def transact(self, ops: Any) -> Any:
        self.transactions.append(list(ops))
        return await super().transact(ops)


@pytest.fixture
def client_type() -> type[CountingClient]:
    return CountingClient


@pytest.fixture
def transactions() -> list[list[ovsdb.Operation]]:
    """Every transaction that a writer of `writing` made."""
    return []


@pytest.fixture
def writing(ovn_central: Any, transactions: list[list[ovsdb.Operation]]) -> Writing:
    """Start a writer of an owner's rows; leaving the context kills it between any two of its steps."""

    @contextlib.asynccontextmanager
    async def started(owner: str = "cluster") -> AsyncIterator[Northbound]:
        client = CountingClient(ovn_central.remote("nb"), "OVN_Northbound", connect_timeout=10)
        client.transactions = transactions
        async with client:
            northbound = Northbound(client, owner)
            await northbound.start()
            task = asyncio.create_task(northbound.run())
            try:
                yield northbound
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return started
