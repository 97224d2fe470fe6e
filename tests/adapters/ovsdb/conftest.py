"""A client of an empty Open_vSwitch database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from trunkline.adapters import ovsdb


@pytest.fixture
async def client(switch_server) -> AsyncIterator[ovsdb.Client]:
    async with ovsdb.Client(switch_server.remote, "Open_vSwitch", connect_timeout=10) as connected:
        yield connected
